/* SPDX-License-Identifier: MIT */
/* test_results.c - tests results while the store fails: an untrusted result is not found, no queued
 * entry brings a deleted result back, and none is lost. */
#include "lookup/records/results.h"

#include "base/mem.h"
#include "store/calls.h"
#include "store/driver.h"

#include "tests/support/suite.h"
#include <string.h>

static const unsigned char key[HASH_SIZE] = {1}, other_key[HASH_SIZE] = {2};

static bool disk_fails;
static bool keeps_failures;              /* the store has no answer that a failure would replace */
static int n_deletions, n_ends, n_tries; /* tries: ends, also those that failed */
static char raw[64];                     /* the bytes of the last end */
static size_t raw_len;
static bool has_stored; /* the last call to the store stored a result */
static struct clock clock_;
static struct timers timers;
static struct store_calls *calls;
static struct results results;

/* ---- a store that has a result of every question, and of every lookup that of `key` ---- */

static enum err find(struct store *store, const unsigned char *of, const struct result **ret_result)
{
    (void)store;
    *ret_result = result_new_answer(
        &(struct result_facts){.key = of, .domain = "milvali.com", .company_name = "Milvali"});
    return ERR_OK;
}

static enum err find_lookup(struct store *store, const char *id, const struct result **ret_result)
{
    (void)id;
    return find(store, key, ret_result);
}

static enum err forget_key(struct store *store, const unsigned char *of)
{
    (void)store;
    ck_assert_mem_eq(of, key, HASH_SIZE);
    if (disk_fails)
        return ERR_STORAGE_UNAVAILABLE;
    n_deletions++;
    has_stored = false;
    return ERR_OK;
}

static enum err forget_domain(struct store *store, const char *domain, store_key_fn *each,
                              void *arg, size_t *ret_n)
{
    (void)store;
    (void)domain;
    each(arg, key);
    *ret_n = has_stored;
    has_stored = false;
    return ERR_OK;
}

static enum err end_task(struct store *store, const char *tracking_id, const struct store_end *end,
                         const struct result *keep, bool *ret_stored)
{
    (void)store;
    (void)tracking_id;
    (void)ret_stored;
    n_tries++;
    if (disk_fails)
        return ERR_STORAGE_UNAVAILABLE;
    n_ends++;
    has_stored = keep && (!keep->err || keeps_failures);
    *ret_stored = has_stored;
    raw_len = end->raw_len;
    if (raw_len)
        memcpy(raw, end->raw, raw_len);
    ck_assert_int_eq(end->parser, OPENMART_PARSER_VERSION);
    return ERR_OK;
}

static const struct store_driver driver = {.find = find,
                                           .find_lookup = find_lookup,
                                           .forget_key = forget_key,
                                           .forget_domain = forget_domain,
                                           .end_task = end_task};
static struct store store = {&driver};

static void setup(void)
{
    disk_fails = true;
    keeps_failures = true;
    n_deletions = n_ends = n_tries = 0;
    has_stored = false;
    raw_len = 0;
    clock_ = clock_fake(INT64_C(1795432804000));
    timers_init(&timers);
    calls = store_calls_new(&store);
    results = (struct results){
        .options = {.unknown_hold_ms = 600000, .max_finished = 8, .max_finished_bytes = 1 << 20},
        .clock = &clock_,
        .cache = cache_new(1 << 20),
        .store = &store,
        .calls = calls,
        .journal = journal_new(calls, &clock_, &timers)};
    results_init(&results, &timers);
}

static void teardown(void)
{
    store_calls_run(calls);
    journal_free(results.journal);
    store_calls_free(calls);
    results_done(&results);
    cache_free(results.cache);
    timers_done(&timers);
}

FIXTURE(setup, teardown);

static enum err looked;

static void note_result(struct result_read *read, enum err err, const struct result *result)
{
    (void)read;
    (void)result;
    looked = err;
}

static enum err look(const unsigned char *of)
{
    struct result_read read = {.done = note_result};

    reads_find(results.reads, of, "milvali.com", &read);
    store_calls_run(calls);
    return looked;
}

static void note_lookup(struct lookup_read *read)
{
    result_unref(read->result);
}

static bool finds_lookup(void)
{
    struct lookup_read read = {.done = note_lookup};

    reads_find_lookup(results.reads, "lookup-1", &read);
    store_calls_run(calls);
    return !read.err || finished_find(results.finished, "lookup-1");
}

static void note_deletion(struct results_deletion *deletion)
{
    (void)deletion;
}

static enum err forget(const char *domain)
{
    struct results_deletion deletion = {.done = note_deletion};

    results_forget_domain(&results, domain, &deletion);
    store_calls_run(calls);
    return deletion.err;
}

static void is_put(struct results_put *put)
{
    put->done = NULL;
}

/* Ends a lookup with that result, and returns whether the result is cached. If the journal is
 * unusable, that is so immediately. */
static bool put(const struct task *task, const struct task_end *end, const struct result *result)
{
    struct results_put put = {.done = is_put, .result = result};

    bool is_later = results_put(&results, &put, task, end);
    ck_assert(is_later == !journal_state(results.journal).backlog);
    ck_assert_ptr_nonnull(put.done);
    store_calls_run(calls);
    ck_assert(!put.done == is_later);
    return put.is_cached;
}

/* Ends a lookup of `key` whose result is to be stored. */
static void end_lookup(void)
{
    const struct task task = {.tracking_id = "tracking-1", .lookup_id = "lookup-1"};
    const struct task_end end = {.task_id = "task-1", .is_recorded = true};
    const struct result *result = NULL;

    ck_assert_int_eq(find(&store, key, &result), ERR_OK);
    ck_assert(put(&task, &end, result));
    result_unref(result);
}

static void invalidate(void)
{
    results_invalidate(&results, key, "the upstream sent two results for this lookup");
    store_calls_run(calls);
}

static void repair_disk(void)
{
    disk_fails = false;
    clock_advance(&clock_, JOURNAL_RETRY_MS);
    timers_run(&timers, clock_.now_ms);
    store_calls_run(calls);
}

TEST(results_invalidated_are_not_found_before_their_deletion)
{
    ck_assert_int_eq(look(key), ERR_OK);
    results_invalidate(&results, key, "the upstream sent two results for this lookup");
    ck_assert_int_eq(look(key), ERR_NO_ENTRY);
    store_calls_run(calls);
    ck_assert_int_eq(look(key), ERR_NO_ENTRY);
    ck_assert(!finds_lookup());
    ck_assert_int_eq(look(other_key), ERR_OK);
}

TEST(results_deletion_is_retried_and_queued_once)
{
    for (int i = 0; i < 3; i++)
        invalidate();
    ck_assert_uint_eq(journal_state(results.journal).backlog, 1);
    repair_disk();
    ck_assert_int_eq(n_deletions, 1);
    ck_assert_uint_eq(journal_state(results.journal).backlog, 0);
    ck_assert(finds_lookup()); /* whatever the store has now is found again */
}

TEST(results_deletion_includes_a_result_queued_since_the_first)
{
    invalidate();
    end_lookup();
    invalidate();
    repair_disk();
    ck_assert_int_eq(n_ends, 1);
    ck_assert_int_eq(n_deletions, 1);
    ck_assert(!has_stored);
}

/* Otherwise the deletion would overtake the result, which would then stay. */
TEST(results_of_a_domain_are_not_deleted_while_one_is_queued)
{
    end_lookup();
    ck_assert_int_eq(forget("milvali.com"), ERR_STORAGE_UNAVAILABLE);
    repair_disk();
    ck_assert(has_stored);
    ck_assert_int_eq(forget("milvali.com"), ERR_OK);
    ck_assert(!has_stored);
}

/* ---- raw bytes ---- */

/* Ends a lookup of `key` about milvali.com whose result was not understood. */
static void end_with_raw_bytes(void)
{
    struct question question = {.parts = {.domain = "milvali.com"}};
    const struct task task = {
        .tracking_id = "tracking-1", .lookup_id = "lookup-1", .question = &question};
    char bytes[] = "{\"a\":1}";
    const struct task_end end = {.err = ERR_UPSTREAM_INVALID_RESPONSE,
                                 .task_id = "task-1",
                                 .is_recorded = true,
                                 .charged = CHARGED_YES,
                                 .raw = bytes,
                                 .raw_len = strlen(bytes)};
    const struct result *result =
        result_new_failure(key, end.err, NULL, end.charged, clock_.wall_ms, 0);

    struct results_put unread = {.done = is_put, .result = result};
    ck_assert(results_put(&results, &unread, &task, &end));
    memset(bytes, 'x', sizeof bytes); /* borrowed for the call */
    store_calls_run(calls);
    ck_assert(!unread.is_cached);
    result_unref(result);
}

TEST(results_raw_bytes_are_stored_once_the_disk_works)
{
    end_with_raw_bytes();
    ck_assert_int_eq(n_ends, 0);
    repair_disk();
    ck_assert_int_eq(n_ends, 1);
    ck_assert_uint_eq(raw_len, 7);
    ck_assert_mem_eq(raw, "{\"a\":1}", raw_len);
}

TEST(results_resolved_ends_the_cooldown_and_empties_memory)
{
    const char *detail;
    int64_t until_ms;

    const struct result *failure = result_new_failure(key, ERR_UPSTREAM_INVALID_RESPONSE, NULL,
                                                      CHARGED_YES, clock_.wall_ms, 0);

    disk_fails = false;
    end_with_raw_bytes();
    finished_add(results.finished, "lookup-1", failure);
    result_unref(failure);
    ck_assert_int_ne(cooldown_check(results.cooldowns, key, &detail, &until_ms), ERR_OK);
    results_resolved(&results, other_key, "lookup-1");
    results_resolved(&results, key, "lookup-0"); /* an older one */
    ck_assert_int_ne(cooldown_check(results.cooldowns, key, &detail, &until_ms), ERR_OK);
    results_resolved(&results, key, "lookup-1");
    ck_assert_int_eq(cooldown_check(results.cooldowns, key, &detail, &until_ms), ERR_OK);
    ck_assert_ptr_null(finished_find(results.finished, "lookup-1"));
}

TEST(results_cooldown_without_a_length_does_not_begin)
{
    const struct cooldown_cause lost = {.err = ERR_UPSTREAM_OUTCOME_UNKNOWN, .detail = "lost"};
    const char *detail;
    int64_t until_ms;

    results_cool_down(&results, key, &lost, 0);
    ck_assert_int_eq(cooldown_check(results.cooldowns, key, &detail, &until_ms), ERR_OK);
    results_cool_down(&results, key, &lost, 1000);
    ck_assert_int_eq(cooldown_check(results.cooldowns, key, &detail, &until_ms),
                     ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_str_eq(detail, "lost; the question is in cooldown until 2026-11-23T11:20:05Z");
    ck_assert_int_eq(until_ms, clock_.now_ms + 1000);
}

/* ---- failures ---- */

static bool put_failure(void)
{
    const struct task task = {.tracking_id = "tracking-1", .lookup_id = "lookup-1"};
    const struct task_end end = {
        .err = ERR_LOOKUP_FAILED, .task_id = "task-1", .is_recorded = true};
    const struct result *failure =
        result_new_failure(key, end.err, NULL, CHARGED_MAYBE, clock_.wall_ms, 60000);
    bool is_cached = put(&task, &end, failure);

    result_unref(failure);
    return is_cached;
}

static enum err cooldown(void)
{
    const char *detail;
    int64_t until_ms;

    return cooldown_check(results.cooldowns, key, &detail, &until_ms);
}

TEST(results_failure_that_the_store_keeps_is_cached)
{
    disk_fails = false;
    ck_assert(put_failure());
    ck_assert_int_eq(cooldown(), ERR_OK);
}

/* The store has an answer, which may still be served. */
TEST(results_failure_that_the_store_rejects_starts_a_cooldown)
{
    disk_fails = keeps_failures = false;
    ck_assert(!put_failure());
    ck_assert_int_eq(n_ends, 1);
    ck_assert_int_eq(cooldown(), ERR_LOOKUP_FAILED);
}

TEST(results_failure_does_not_replace_a_cached_answer)
{
    ck_assert_int_eq(look(key), ERR_OK); /* in the cache now */
    disk_fails = false;
    ck_assert(!put_failure());
    ck_assert(!has_stored);
    ck_assert_int_eq(cooldown(), ERR_LOOKUP_FAILED);
}

/* Whether the store will keep it is not known yet. */
TEST(results_failure_that_is_deferred_starts_a_cooldown)
{
    ck_assert(!put_failure());
    ck_assert_int_eq(cooldown(), ERR_LOOKUP_FAILED);
}

/* ---- deletions while a result is being stored ---- */

RANGE_TEST(results_deleted_while_they_are_stored_are_not_cached, 0, 2)
{
    const struct task task = {.tracking_id = "tracking-1", .lookup_id = "lookup-1"};
    const struct task_end end = {.task_id = "task-1", .is_recorded = true};
    struct results_put put = {.done = is_put};

    disk_fails = false;
    ck_assert_int_eq(find(&store, key, &put.result), ERR_OK);
    ck_assert(results_put(&results, &put, &task, &end));
    results_forget_key(&results, _i ? other_key : key); /* another process deleted it */
    store_calls_run(calls);
    ck_assert_ptr_null(put.done);
    ck_assert(put.is_cached == (_i == 1));
    ck_assert(!finished_find(results.finished, "lookup-1") == (_i == 0));
    result_unref(put.result);
}

/* 0: the result is recorded before the deletion, 1: after it. Both return one after the other. */
RANGE_TEST(results_recorded_after_a_deletion_of_their_domain_stay, 0, 2)
{
    const struct task task = {.tracking_id = "tracking-1", .lookup_id = "lookup-1"};
    const struct task_end end = {.task_id = "task-1", .is_recorded = true};
    struct results_deletion deletion = {.done = note_deletion};
    struct results_put put = {.done = is_put};

    disk_fails = false;
    ck_assert_int_eq(find(&store, key, &put.result), ERR_OK);
    if (_i == 1)
        results_forget_domain(&results, "milvali.com", &deletion);
    ck_assert(results_put(&results, &put, &task, &end));
    if (_i == 0)
        results_forget_domain(&results, "milvali.com", &deletion);
    store_calls_run(calls);
    const struct result *cached = cache_find(results.cache, key);
    ck_assert((cached != NULL) == (_i == 1));
    ck_assert(!finished_find(results.finished, "lookup-1") == (_i == 0));
    ck_assert(has_stored == (_i == 1));
    result_unref(cached);
    result_unref(put.result);
}

/* ---- shutdown ---- */

/* A later entry that is written without an earlier one would contradict the order of events. */
TEST(results_queue_is_given_up_at_its_first_failure)
{
    end_lookup();
    end_lookup();
    end_lookup();
    n_tries = 0;
    journal_free(TAKE(results.journal));
    ck_assert_int_eq(n_tries, 1);
}
