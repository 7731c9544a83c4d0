/* SPDX-License-Identifier: MIT */
/* test_edges.c - tests rare cases: inconsistent stored state, very long lookups, unknown lookup
 * ids, and more cooldowns than there are slots. */
#include "base/mem.h"
#include "flow.h"
#include "lookup/batching/batcher.h"
#include "lookup/lookups.h"
#include "lookup/records/cooldown.h"
#include "weak_store.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

/* ---- stored state of an earlier process ---- */

static struct question *question_about(const char *domain)
{
    const struct slice fields[QUESTION_PARTS] = {{domain, strlen(domain)}};
    struct question *question = NULL;
    struct errmsg why;

    ck_assert_int_eq(question_new(fields, &question, &why), ERR_OK);
    return question;
}

/* Stores a batch with one task; returns its number. */
static int64_t begin_batch(const char *domain, const char *id, int64_t intended_ms)
{
    struct question *question = question_about(domain);
    const struct store_task task = {.tracking_id = id,
                                    .lookup_id = id,
                                    .key = question->key,
                                    .parts = question->parts,
                                    .client = "client"};
    const struct store_new_batch batch = {
        .number = store_new_number(), .tasks = &task, .n = 1, .wall_ms = intended_ms};

    ck_assert_int_eq(store_begin_batch(flow.store, &batch), ERR_OK);
    question_free(question);
    return batch.number;
}

TEST(recovery_of_two_batches_for_one_question_resumes_the_first)
{
    struct store_stats stats;

    for (int i = 0; i < 2; i++) {
        int64_t batch = begin_batch("milvali.com", i ? "second" : "first", FLOW_WALL_MS + i);
        ck_assert_int_eq(store_submitted(flow.store, batch, i ? "b2" : "b1", FLOW_WALL_MS), ERR_OK);
    }
    flow_restart();
    ck_assert_uint_eq(flow.recovery.resumed_batches, 1);
    ck_assert_uint_eq(flow.recovery.resumed_tasks, 1);
    ck_assert_uint_eq(flow.recovery.unknown_tasks, 1);
    ck_assert_int_eq(store_stats(flow.store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.tasks[STORE_OPEN], 1);
    ck_assert_uint_eq(stats.tasks[STORE_UNKNOWN], 1);
}

TEST(cooldown_of_unknown_result_without_detail_gets_one)
{
    const struct store_end end = {.state = STORE_UNKNOWN, .wall_ms = FLOW_WALL_MS};

    int64_t batch = begin_batch("milvali.com", "first", FLOW_WALL_MS);
    ck_assert_int_eq(store_end_batch(flow.store, batch, &end), ERR_OK);
    flow_restart();
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(caller->detail, "stopped while submitting the lookup"));
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 0);
}

/* Without `question` structs: a cooldown knows only keys. */
static void leave_unknown(size_t n)
{
    static struct store_task tasks[100];
    static char ids[100][16];
    static unsigned char keys[100][HASH_SIZE];
    const struct store_end end = {.state = STORE_UNKNOWN, .wall_ms = FLOW_WALL_MS};

    for (size_t i = 0; i < n; i++) {
        size_t at = i % 100;
        snprintf(ids[at], sizeof ids[at], "t%zu", i);
        memcpy(keys[at], &i, sizeof i);
        tasks[at] = (struct store_task){.tracking_id = ids[at],
                                        .lookup_id = ids[at],
                                        .key = keys[at],
                                        .parts = {.domain = "a.com",
                                                  .company_name = "A",
                                                  .city = "",
                                                  .state = "",
                                                  .country = ""},
                                        .client = "client"};
        if (at < 99)
            continue;
        const struct store_new_batch batch = {
            .number = store_new_number(), .tasks = tasks, .n = 100, .wall_ms = FLOW_WALL_MS};
        ck_assert_int_eq(store_begin_batch(flow.store, &batch), ERR_OK);
        ck_assert_int_eq(store_end_batch(flow.store, batch.number, &end), ERR_OK);
    }
}

TEST(cooldowns_full_reject_new_paid_lookups)
{
    leave_unknown(COOLDOWNS_MAX);
    flow_restart();
    ck_assert_uint_eq(flow.recovery.held, COOLDOWNS_MAX);
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(caller->err, ERR_OVERLOADED);
    ck_assert_int_gt(caller->retry_after_s, 0);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 0);
}

/* ---- time ---- */

TEST(retry_after_of_slow_lookup_is_at_most_a_minute)
{
    char domain[32];

    fake_upstream_set_task_ms(flow.upstream, 10 * MINUTE_MS);
    for (int i = 0; i < 8; i++) { /* until the engine expects such a time */
        snprintf(domain, sizeof domain, "slow%d.com", i);
        flow_request(domain, 15 * MINUTE_MS);
    }
    flow_advance(12 * MINUTE_MS);
    struct caller *caller = flow_request("milvali.com", 1000);
    flow_advance(1000);
    ck_assert_int_eq(caller->err, ERR_STILL_PROCESSING);
    ck_assert_int_eq(caller->retry_after_s, 60);
}

/* ---- find and forget ---- */

static const char *const ids[] = {"", "short", "0123456789abcdef0123456789abcdef"};

LOOP_TEST(lookup_find_with_unknown_id_finds_nothing, ids)
{
    struct find_lookup_call find = {.call.run = engine_find_lookup};

    snprintf(find.id, sizeof find.id, "%s", ids[_i]);
    flow_call(&find.call);
    ck_assert_int_eq(find.err, ERR_NOT_FOUND);
}

TEST(lookup_find_returns_the_progress_and_then_the_result)
{
    struct caller *hasty = flow_request("milvali.com", 1000);
    struct find_lookup_call early = {.call.run = engine_find_lookup};
    struct find_lookup_call late = {.call.run = engine_find_lookup};

    flow_advance(1000);
    snprintf(early.id, sizeof early.id, "%s", hasty->lookup_id);
    flow_call(&early.call);
    ck_assert_int_eq(early.err, ERR_OK);
    ck_assert_ptr_null(early.result);
    ck_assert_str_eq(early.domain, "milvali.com");
    ck_assert_int_eq(early.progress.phase, TASK_SUBMITTING);
    ck_assert_int_eq(early.progress.elapsed_ms, 1000);
    ck_assert_int_eq(early.progress.retry_after_s, hasty->retry_after_s);

    flow_advance(30000);
    snprintf(late.id, sizeof late.id, "%s", hasty->lookup_id);
    flow_call(&late.call);
    ck_assert_int_eq(late.err, ERR_OK);
    ck_assert_ptr_nonnull(late.result);
    ck_assert_uint_gt(late.result->n_emails, 0);
    result_unref(late.result);
}

TEST(forget_failed_on_disk_returns_an_error)
{
    struct forget_domain_call forget = {.call.run = engine_forget_domain, .domain = "milvali.com"};

    flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    weak_store_fail(flow.store, WEAK_FORGET, true);
    flow_call(&forget.call);
    ck_assert_int_eq(forget.err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(forget.n, 0);
    struct caller *again = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert(again->from_cache);
}

TEST(forget_deletes_nothing_if_its_precondition_fails)
{
    const struct slice fields[QUESTION_PARTS] = {[QUESTION_DOMAIN] = {"milvali.com", 11}};
    struct forget_domain_call forget = {.call.run = engine_forget_domain,
                                        .domain = "milvali.com",
                                        .precondition = {.has_tags = true}};
    struct question *question;
    struct errmsg why;

    ck_assert_int_eq(question_new(fields, &question, &why), ERR_OK);
    memcpy(forget.key, question->key, HASH_SIZE);
    question_free(question);
    flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    flow_call(&forget.call);
    ck_assert_int_eq(forget.err, ERR_PRECONDITION_FAILED);
    ck_assert_uint_eq(forget.n, 0);
    forget.precondition.any = true;
    flow_call(&forget.call);
    ck_assert_int_eq(forget.err, ERR_OK);
    ck_assert_uint_eq(forget.n, 1);
    flow_call(&forget.call);
    ck_assert_int_eq(forget.err, ERR_PRECONDITION_FAILED); /* nothing is stored any more */
}

TEST(free_functions_accept_null)
{
    lookups_free(NULL);
    batcher_free(NULL);
}
