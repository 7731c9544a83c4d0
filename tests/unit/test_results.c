/* SPDX-License-Identifier: MIT */
/* test_results.c - tests that an untrusted result is not found while the store cannot delete it. */
#include "lookup/records/results.h"

#include "base/mem.h"
#include "store/driver.h"

#include "tests/support/suite.h"

static const unsigned char key[HASH_SIZE] = {1}, other_key[HASH_SIZE] = {2};

static bool disk_fails;
static int n_deletions;
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
    return ERR_OK;
}

static const struct store_driver driver = {
    .find = find, .find_lookup = find_lookup, .forget_key = forget_key};
static struct store store = {&driver};

static void setup(void)
{
    disk_fails = true;
    n_deletions = 0;
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
    disk_fails = false;
    clock_advance(&clock_, JOURNAL_RETRY_MS);
    timers_run(&timers, clock_.now_ms);
    ck_assert_int_eq(n_deletions, 1);
    ck_assert_uint_eq(journal_state(results.journal).backlog, 0);
    ck_assert(finds_lookup()); /* whatever the store has now is found again */
}
