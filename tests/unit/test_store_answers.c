/* SPDX-License-Identifier: MIT */
/* test_store_answers.c - tests what every store promises of results; each test runs with a store in
 * a file and in memory. */
#include "base/mem.h"
#include "tests/unit/store_fixture.h"

#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

FIXTURE(store_fixture_setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

static const struct result *a_failure(size_t i, int64_t ttl_ms)
{
    return result_new_failure(store_key_of(i), ERR_LOOKUP_FAILED, "no luck", CHARGED_MAYBE,
                              STORE_NOW_MS, ttl_ms);
}

/* ---- results ---- */

static void assert_same(const struct result *got, const struct result *wanted)
{
    ck_assert_int_eq(got->err, wanted->err);
    ck_assert_mem_eq(got->key, wanted->key, HASH_SIZE);
    ck_assert_int_eq(got->fetched_ms, wanted->fetched_ms);
    ck_assert_int_eq(got->expires_ms, wanted->expires_ms);
    ck_assert_int_eq(got->charged, wanted->charged);
    ck_assert_uint_eq(got->n_emails, wanted->n_emails);
    ck_assert_pstr_eq(got->detail, wanted->detail);
    ck_assert_pstr_eq(got->domain, wanted->domain);
    for (int i = 0; i < RESULT_FORMATS; i++) {
        ck_assert_pstr_eq(got->bodies[i].data, wanted->bodies[i].data);
        ck_assert_str_eq(got->bodies[i].etag, wanted->bodies[i].etag);
    }
}

RANGE_TEST(store_result_is_read_back_byte_for_byte, 0, STORES)
{
    const struct result *found = NULL, *wanted = store_answer(0, "milvali.com", STORE_DAY_MS);

    store = store_open_roomy(store_url_of(_i));
    store_add_batch(store, 0, 1);
    ck_assert_int_eq(store_find(store, store_key_of(0), &found), ERR_NO_ENTRY);
    ck_assert_ptr_null(found);
    store_end_answered(store, 0, "milvali.com", STORE_DAY_MS);
    ck_assert_int_eq(store_find(store, store_key_of(0), &found), ERR_OK);
    assert_same(found, wanted);
    result_unref(found);
    result_unref(wanted);
}

RANGE_TEST(store_cached_failure_is_read_back_with_its_detail, 0, STORES)
{
    const struct result *found = NULL, *wanted = a_failure(0, 60000);

    store = store_open_roomy(store_url_of(_i));
    store_add_batch(store, 0, 1);
    store_fail_task(0, STORE_NOW_MS, wanted);
    ck_assert_int_eq(store_find(store, store_key_of(0), &found), ERR_OK);
    assert_same(found, wanted);
    result_unref(found);
    result_unref(wanted);
}

/* The second question with the same key: 1 is the same question as 0. */
static void intend_twice_the_same_question(void)
{
    struct store_task tasks[] = {store_task_of(0), store_task_of(1)};

    tasks[1].key = tasks[0].key;
    store_add(store, (struct store_new_batch){.tasks = tasks, .n = 2, .wall_ms = STORE_NOW_MS});
}

/* Ends the task as failed, and stores the failure. Returns whether it was stored. */
static bool stores_failure(size_t task, const struct result *failure)
{
    bool stored = false;

    for (int twice = 0; twice < 2; twice++) { /* the second call reports the same */
        bool was_stored = stored;
        ck_assert_int_eq(
            store_end_task(store, store_tracking_id(task), &store_failed, failure, &stored),
            ERR_OK);
        ck_assert(!twice || stored == was_stored);
    }
    return stored;
}

RANGE_TEST(store_reports_whether_a_failure_was_stored, 0, STORES)
{
    const struct result *failure = a_failure(0, 60000);

    store = store_open_roomy(store_url_of(_i));
    intend_twice_the_same_question();
    ck_assert(stores_failure(0, failure));
    ck_assert(stores_failure(1, failure)); /* another failure is replaced */
    store_add_batch(store, 2, 1);
    ck_assert(!stores_failure(2, NULL));
    result_unref(failure);
}

RANGE_TEST(store_reports_that_a_failure_replaced_no_result, 0, STORES)
{
    const struct result *failure = a_failure(0, 60000);

    store = store_open_roomy(store_url_of(_i));
    intend_twice_the_same_question();
    store_end_answered(store, 0, "milvali.com", STORE_DAY_MS);
    ck_assert(!stores_failure(1, failure));
    ck_assert_int_eq(store_kept(store, 0), ERR_OK);
    result_unref(failure);
}

/* A result that was stored with an earlier configuration. */
RANGE_TEST(store_without_results_reports_the_one_that_it_has, IN_FILE, STORES)
{
    const struct result *failure = a_failure(0, 60000);

    store = store_open_roomy(store_url_of(_i));
    intend_twice_the_same_question();
    store_end_answered(store, 0, "milvali.com", STORE_DAY_MS);
    store_close(TAKE(store));
    store = store_open_limited(store_url_of(_i), 0, 1000);
    ck_assert(!stores_failure(1, failure));
    result_unref(failure);
}

RANGE_TEST(store_failure_never_replaces_a_result, 0, STORES)
{
    const struct result *failure = a_failure(0, 60000);

    store = store_open_roomy(store_url_of(_i));
    intend_twice_the_same_question();
    store_end_answered(store, 0, "milvali.com", STORE_DAY_MS);
    store_fail_task(1, STORE_NOW_MS, failure);
    ck_assert_int_eq(store_kept(store, 0), ERR_OK);
    result_unref(failure);
}

RANGE_TEST(store_result_replaces_a_failure, 0, STORES)
{
    const struct result *failure = a_failure(0, 60000);

    store = store_open_roomy(store_url_of(_i));
    intend_twice_the_same_question();
    store_fail_task(1, STORE_NOW_MS, failure);
    ck_assert_int_eq(store_kept(store, 0), ERR_LOOKUP_FAILED);
    store_end_answered(store, 0, "milvali.com", STORE_DAY_MS);
    ck_assert_int_eq(store_kept(store, 0), ERR_OK);
    result_unref(failure);
}

RANGE_TEST(store_full_evicts_the_earliest_to_expire, 0, STORES)
{
    store = store_open_limited(store_url_of(_i), 3, 100);
    store_add_batch(store, 0, 5);
    store_end_answered(store, 0, "a.com", 4 * STORE_DAY_MS);
    store_end_answered(store, 1, "b.com", 1 * STORE_DAY_MS);
    store_end_answered(store, 2, "c.com", 3 * STORE_DAY_MS);
    store_end_answered(store, 3, "d.com", 2 * STORE_DAY_MS);
    ck_assert_int_eq(store_kept(store, 1), ERR_NO_ENTRY);
    ck_assert_int_eq(store_kept(store, 3), ERR_OK);
    store_end_answered(store, 4, "e.com", 5 * STORE_DAY_MS);
    ck_assert_int_eq(store_kept(store, 3), ERR_NO_ENTRY);
    ck_assert_int_eq(store_kept(store, 0), ERR_OK);
    ck_assert_int_eq(store_kept(store, 2), ERR_OK);
    ck_assert_int_eq(store_kept(store, 4), ERR_OK);
}

RANGE_TEST(store_replacing_a_result_evicts_no_other, 0, STORES)
{
    store = store_open_limited(store_url_of(_i), 2, 100);
    intend_twice_the_same_question();
    store_add_batch(store, 2, 1);
    store_end_answered(store, 2, "c.com", STORE_DAY_MS);
    store_end_answered(store, 0, "a.com", 2 * STORE_DAY_MS);
    const struct result *again = store_answer(0, "a.com", 3 * STORE_DAY_MS);
    const struct store_end end = {.state = STORE_ANSWERED, .wall_ms = STORE_NOW_MS};
    ck_assert_int_eq(store_end_task(store, store_tracking_id(1), &end, again, NULL), ERR_OK);
    ck_assert_int_eq(store_kept(store, 2), ERR_OK);
    const struct result *found = NULL;
    ck_assert_int_eq(store_find(store, store_key_of(0), &found), ERR_OK);
    ck_assert_int_eq(found->expires_ms, again->expires_ms);
    result_unref(found);
    result_unref(again);
}

RANGE_TEST(store_with_zero_rows_keeps_only_its_records, 0, STORES)
{
    struct store_stats stats;

    store = store_open_limited(store_url_of(_i), 0, 100);
    store_add_batch(store, 0, 1);
    store_end_answered(store, 0, "milvali.com", STORE_DAY_MS);
    ck_assert_int_eq(store_kept(store, 0), ERR_NO_ENTRY);
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.tasks[STORE_ANSWERED], 1);
    ck_assert_uint_eq(stats.found, 0);
}

RANGE_TEST(store_purges_results_expired_long_ago, 0, STORES)
{
    bool more = true;

    store = store_open_roomy(store_url_of(_i));
    store_add_batch(store, 0, 3);
    store_end_answered(store, 0, "a.com", 1 * STORE_DAY_MS);
    store_end_answered(store, 1, "b.com", 2 * STORE_DAY_MS);
    store_end_answered(store, 2, "c.com", 3 * STORE_DAY_MS);
    ck_assert_int_eq(
        store_trim(store,
                   &(struct store_ages){.expired_before_ms = STORE_NOW_MS + 2 * STORE_DAY_MS},
                   &more),
        ERR_OK);
    ck_assert(!more);
    ck_assert_int_eq(store_kept(store, 0), ERR_NO_ENTRY);
    ck_assert_int_eq(store_kept(store, 1), ERR_OK);
    ck_assert_int_eq(store_kept(store, 2), ERR_OK);
}

/* ---- lookups ---- */

RANGE_TEST(store_finished_lookup_is_found_by_its_id, 0, STORES)
{
    const struct result *result = NULL;

    store = store_open_roomy(store_url_of(_i));
    store_add_batch(store, 0, 2);
    ck_assert_int_eq(store_find_lookup(store, "no-such-id", &result), ERR_NO_ENTRY);
    ck_assert_int_eq(store_find_lookup(store, store_lookup_id(0), &result), ERR_NO_ENTRY);
    ck_assert_ptr_null(result);
    store_end_answered(store, 0, "milvali.com", STORE_DAY_MS);
    ck_assert_int_eq(store_find_lookup(store, store_lookup_id(0), &result), ERR_OK);
    ck_assert_mem_eq(result->key, store_key_of(0), HASH_SIZE);
    ck_assert_uint_eq(result->n_emails, 2);
    result_unref(TAKE(result));
    ck_assert_int_eq(store_forget_key(store, store_key_of(0)), ERR_OK);
    ck_assert_int_eq(store_find_lookup(store, store_lookup_id(0), &result), ERR_NO_ENTRY);
    ck_assert_ptr_null(result);
}

RANGE_TEST(store_failed_lookup_has_its_error, 0, STORES)
{
    static const struct {
        enum store_task_state state;
        enum err err;
        enum charged charged;
    } ends[] = {{STORE_FAILED, ERR_LOOKUP_FAILED, CHARGED_MAYBE},
                {STORE_NOT_CREATED, ERR_UPSTREAM_REJECTED, CHARGED_NO},
                {STORE_UNKNOWN, ERR_UPSTREAM_OUTCOME_UNKNOWN, CHARGED_MAYBE}};

    store = store_open_roomy(store_url_of(_i));
    store_add_batch(store, 0, ARRAY_LEN(ends));
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        const struct store_end end = {.state = ends[i].state,
                                      .err = ends[i].err,
                                      .detail = i ? NULL : "words",
                                      .wall_ms = STORE_NOW_MS};
        const struct result *result = NULL;
        ck_assert_int_eq(store_end_task(store, store_tracking_id(i), &end, NULL, NULL), ERR_OK);
        ck_assert_int_eq(store_find_lookup(store, store_lookup_id(i), &result), ERR_OK);
        ck_assert_int_eq(result->err, ends[i].err);
        ck_assert_int_eq(result->charged, ends[i].charged);
        ck_assert_pstr_eq(result->detail, i ? NULL : "words");
        result_unref(result);
    }
}

/* ---- deletion ---- */

struct keys {
    size_t n;
    unsigned char last[HASH_SIZE];
};

static void note(void *arg, const unsigned char *key)
{
    struct keys *keys = arg;

    keys->n++;
    memcpy(keys->last, key, HASH_SIZE);
}

static void keep_three_answers(void)
{
    store_add_batch(store, 0, 3);
    store_end_answered(store, 0, "a.com", STORE_DAY_MS);
    store_end_answered(store, 1, "a.com", STORE_DAY_MS);
    store_end_answered(store, 2, "b.com", STORE_DAY_MS);
}

RANGE_TEST(store_deletes_one_question_only, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    keep_three_answers();
    ck_assert_int_eq(store_forget_key(store, store_key_of(0)), ERR_OK);
    ck_assert_int_eq(store_kept(store, 0), ERR_NO_ENTRY);
    ck_assert_int_eq(store_kept(store, 1), ERR_OK);
    ck_assert_int_eq(store_forget_key(store, store_key_of(0)),
                     ERR_OK); /* a second call is a no-op */
}

RANGE_TEST(store_deletes_a_domain_with_all_its_questions, 0, STORES)
{
    struct keys keys = {0};
    size_t n = 99;

    store = store_open_roomy(store_url_of(_i));
    keep_three_answers();
    ck_assert_int_eq(store_forget_domain(store, "b.com", note, &keys, &n), ERR_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_uint_eq(keys.n, 1);
    ck_assert_mem_eq(keys.last, store_key_of(2), HASH_SIZE);
    ck_assert_int_eq(store_forget_domain(store, "a.com", NULL, NULL, &n), ERR_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(store_kept(store, 0), ERR_NO_ENTRY);
    ck_assert_int_eq(store_kept(store, 1), ERR_NO_ENTRY);
    ck_assert_int_eq(store_kept(store, 2), ERR_NO_ENTRY);
    ck_assert_int_eq(store_forget_domain(store, "a.com", NULL, NULL, &n), ERR_OK);
    ck_assert_uint_eq(n, 0);
}

RANGE_TEST(store_deletes_an_address_from_every_result, 0, STORES)
{
    const struct result *result = NULL;
    size_t n = 99;

    store = store_open_roomy(store_url_of(_i));
    keep_three_answers();
    ck_assert_int_eq(store_forget_address(store, "INFO@A.com", &n), ERR_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(store_find(store, store_key_of(1), &result), ERR_OK);
    ck_assert_str_eq(result->bodies[RESULT_TEXT].data, "sales@a.com\n");
    ck_assert_int_eq(result->expires_ms, STORE_NOW_MS + STORE_DAY_MS);
    ck_assert_ptr_nonnull(strstr(result->bodies[RESULT_JSON].data, "\"count\":1"));
    result_unref(TAKE(result));
    ck_assert_int_eq(store_find(store, store_key_of(2), &result), ERR_OK);
    ck_assert_uint_eq(result->n_emails, 2);
    result_unref(result);
    ck_assert_int_eq(store_forget_address(store, "unknown@a.com", &n), ERR_OK);
    ck_assert_uint_eq(n, 0);
}

RANGE_TEST(store_result_without_addresses_left_is_kept, 0, STORES)
{
    struct store_stats stats;
    size_t n;

    store = store_open_roomy(store_url_of(_i));
    keep_three_answers();
    ck_assert_int_eq(store_forget_address(store, "info@b.com", &n), ERR_OK);
    ck_assert_int_eq(store_forget_address(store, "sales@b.com", &n), ERR_OK);
    ck_assert_int_eq(store_kept(store, 2), ERR_OK);
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.found, 2);
    ck_assert_uint_eq(stats.empty, 1);
}

RANGE_TEST(store_deletion_skips_cached_failures, 0, STORES)
{
    const struct result *failure = a_failure(5, 60000);
    size_t n;

    store = store_open_roomy(store_url_of(_i));
    keep_three_answers();
    store_add_batch(store, 5, 1);
    store_fail_task(5, STORE_NOW_MS, failure);
    ck_assert_int_eq(store_forget_address(store, "info@a.com", &n), ERR_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(store_forget_domain(store, "a.com", NULL, NULL, &n), ERR_OK);
    ck_assert_int_eq(store_kept(store, 5), ERR_LOOKUP_FAILED);
    result_unref(failure);
}

RANGE_TEST(store_owner_gets_no_changes_of_its_own, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    keep_three_answers();
    ck_assert_int_eq(store_forget_key(store, store_key_of(0)), ERR_OK);
    ck_assert_uint_eq(store_news_since(store, 0).n_changed, 0);
}

RANGE_TEST(store_counts_everything, 0, STORES)
{
    const struct result *failure = a_failure(3, 60000);
    struct store_stats stats;

    store = store_open_roomy(store_url_of(_i));
    keep_three_answers();
    int64_t batch = store_add_batch(store, 3, 2);
    ck_assert_int_eq(store_mark_resubmitted(store, batch, 0), ERR_OK);
    store_fail_task(3, STORE_NOW_MS, failure);
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.batches[STORE_SENDING], 1);
    ck_assert_uint_eq(stats.batches[STORE_DONE], 1);
    ck_assert_uint_eq(stats.risked, 1);
    ck_assert_uint_eq(stats.tasks[STORE_OPEN], 1);
    ck_assert_uint_eq(stats.tasks[STORE_ANSWERED], 3);
    ck_assert_uint_eq(stats.tasks[STORE_FAILED], 1);
    ck_assert_uint_eq(stats.found, 3);
    ck_assert_uint_eq(stats.empty, 0);
    ck_assert_uint_eq(stats.failed, 1);
    result_unref(failure);
}
