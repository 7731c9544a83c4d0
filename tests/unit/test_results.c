/* SPDX-License-Identifier: MIT */
/* test_results.c - tests deletions while the store fails: an untrusted result is not found, and no
 * queued entry brings a deleted result back. */
#include "lookup/records/results.h"

#include "base/mem.h"
#include "store/driver.h"

#include "tests/support/suite.h"

static const unsigned char key[HASH_SIZE] = {1}, other_key[HASH_SIZE] = {2};

static bool disk_fails;
static int n_deletions, n_ends;
static bool has_stored; /* the last call to the store stored a result */
static struct clock clock_;
static struct timers timers;
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
    (void)each;
    (void)arg;
    *ret_n = 0;
    return ERR_OK;
}

static enum err end_task(struct store *store, const char *tracking_id, const struct store_end *end,
                         const struct result *keep)
{
    (void)store;
    (void)tracking_id;
    (void)end;
    if (disk_fails)
        return ERR_STORAGE_UNAVAILABLE;
    n_ends++;
    has_stored = keep != NULL;
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
    n_deletions = n_ends = 0;
    has_stored = false;
    clock_ = clock_fake(INT64_C(1795432804000));
    timers_init(&timers);
    results = (struct results){.options = {.unknown_hold_ms = 600000},
                               .clock = &clock_,
                               .cache = cache_new(1 << 20),
                               .store = &store,
                               .journal = journal_new(&store, &clock_, &timers),
                               .cooldowns = cooldowns_new(&timers),
                               .finished = finished_new(8, 1 << 20)};
}

static void teardown(void)
{
    journal_free(results.journal);
    cooldowns_free(results.cooldowns);
    finished_free(results.finished);
    cache_free(results.cache);
    timers_done(&timers);
}

FIXTURE(setup, teardown);

static enum err look(const unsigned char *of)
{
    const struct result *result = NULL;
    enum err err = results_find(&results, of, &result);

    result_unref(result);
    return err;
}

static bool finds_lookup(void)
{
    return results_find_lookup(&results, "lookup-1") != NULL;
}

/* Ends a lookup of `key` whose result is to be stored. */
static void end_lookup(void)
{
    const struct task task = {.tracking_id = "tracking-1"};
    const struct task_end end = {.task_id = "task-1"};
    const struct result *result = NULL;

    ck_assert_int_eq(find(&store, key, &result), ERR_OK);
    ck_assert(results_put(&results, &task, &end, result));
    result_unref(result);
}

static void repair_disk(void)
{
    disk_fails = false;
    clock_advance(&clock_, JOURNAL_RETRY_MS);
    timers_run(&timers, clock_.now_ms);
}

TEST(results_invalidated_are_not_found_before_their_deletion)
{
    ck_assert_int_eq(look(key), ERR_OK);
    results_invalidate(&results, key, "the upstream sent two results for this lookup");
    ck_assert_int_eq(look(key), ERR_NO_ENTRY);
    ck_assert(!finds_lookup());
    ck_assert_int_eq(look(other_key), ERR_OK);
}

TEST(results_deletion_is_retried_and_queued_once)
{
    for (int i = 0; i < 3; i++)
        results_invalidate(&results, key, "the upstream sent two results for this lookup");
    ck_assert_uint_eq(journal_state(results.journal).backlog, 1);
    repair_disk();
    ck_assert_int_eq(n_deletions, 1);
    ck_assert_uint_eq(journal_state(results.journal).backlog, 0);
    ck_assert(finds_lookup()); /* whatever the store has now is found again */
}

TEST(results_deletion_includes_a_result_queued_since_the_first)
{
    results_invalidate(&results, key, "the upstream sent two results for this lookup");
    end_lookup();
    results_invalidate(&results, key, "the upstream sent two results for this lookup");
    repair_disk();
    ck_assert_int_eq(n_ends, 1);
    ck_assert_int_eq(n_deletions, 1);
    ck_assert(!has_stored);
}

TEST(results_of_a_deleted_domain_are_not_stored_later)
{
    size_t n = 0;

    end_lookup();
    ck_assert_int_eq(results_forget_domain(&results, "milvali.com", &n), ERR_OK);
    ck_assert_uint_eq(n, 1);
    repair_disk();
    ck_assert_int_eq(n_ends, 1);
    ck_assert(!has_stored);
}

TEST(results_of_other_domains_stay_queued)
{
    size_t n = 0;

    end_lookup();
    ck_assert_int_eq(results_forget_domain(&results, "other.com", &n), ERR_OK);
    repair_disk();
    ck_assert(has_stored);
}
