/* SPDX-License-Identifier: MIT */
/* test_store_edges.c - tests rare and invalid calls; each test runs with a store in a file and in
 * memory. */
#include "base/mem.h"
#include "tests/unit/store_fixture.h"

#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"

FIXTURE(store_fixture_setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

static size_t count_failed(void)
{
    struct store_stats stats;

    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    return stats.tasks[STORE_FAILED];
}

static void add_credits(void *arg, const char *client, int64_t credits)
{
    (void)client;
    ck_assert_int_ge(credits, 0);
    *(int64_t *)arg += credits;
}

static int64_t credits_of(int64_t day)
{
    int64_t credits = 0, last;

    ck_assert_int_eq(store_accounts(store, day, add_credits, &credits, &last), ERR_OK);
    return credits;
}

RANGE_TEST(store_only_a_batch_in_flight_can_be_submitted, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 1);
    ck_assert_int_eq(store_mark_not_sent(store, batch), ERR_OK);
    ck_assert_int_eq(store_submitted(store, batch, "b", STORE_NOW_MS), ERR_NO_ENTRY);
    ck_assert_int_eq(store_look(store, batch).state, STORE_RESTING);
}

RANGE_TEST(store_split_moves_only_open_tasks_of_the_batch, 0, STORES)
{
    int64_t half = store_new_number();

    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 3), other = store_add_batch(store, 3, 1);
    store_fail_task(1, STORE_NOW_MS, NULL);
    ck_assert_int_eq(store_mark_not_sent(store, batch), ERR_OK);
    ck_assert_int_eq(store_mark_not_sent(store, other), ERR_OK);
    for (size_t i = 1; i <= 3; i += 2) { /* 1 has ended, 3 belongs to another batch */
        const char *const moved[] = {store_tracking_id(0), store_tracking_id(i)};
        ck_assert_int_eq(store_split(store, batch, half, moved, 2, STORE_NOW_MS), ERR_NO_ENTRY);
    }
    const char *const moved[] = {store_tracking_id(0)};
    ck_assert_int_eq(store_split(store, 99, half, moved, 1, STORE_NOW_MS), ERR_NO_ENTRY);
    ck_assert_uint_eq(store_look(store, batch).n_open, 2);
    ck_assert_uint_eq(store_look(store, other).n_open, 1);
}

RANGE_TEST(store_unknown_batch_can_be_ended, 0, STORES)
{
    const struct store_end end = {.state = STORE_NOT_CREATED, .err = ERR_UPSTREAM_REJECTED};

    store = store_open_roomy(store_url_of(_i));
    ck_assert_int_eq(store_end_batch(store, 99, &end), ERR_OK);
}

RANGE_TEST(store_records_drop_the_earliest_ended_first, 0, STORES)
{
    static const int64_t ends[] = {5, 3, 4};
    const struct result *result = NULL;

    store = store_open_limited(store_url_of(_i), 10, 2);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        store_add_batch(store, i, 1);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        store_fail_task(i, STORE_NOW_MS + ends[i], NULL);
    ck_assert_uint_eq(count_failed(), 2);
    ck_assert_int_eq(store_find_lookup(store, store_lookup_id(1), &result), ERR_NO_ENTRY);
    for (size_t i = 0; i < ARRAY_LEN(ends); i += 2) {
        ck_assert_int_eq(store_find_lookup(store, store_lookup_id(i), &result), ERR_OK);
        result_unref(result);
    }
}

RANGE_TEST(store_records_keep_results_of_open_batches, 0, STORES)
{
    store = store_open_limited(store_url_of(_i), 10, 1);
    int64_t batch = store_add_batch(store, 0, 3);
    store_fail_task(0, STORE_NOW_MS, NULL);
    store_fail_task(1, STORE_NOW_MS + 1, NULL);
    ck_assert_uint_eq(count_failed(), 2);
    ck_assert_uint_eq(store_look(store, batch).n, 3);
    store_fail_task(2, STORE_NOW_MS + 2, NULL);
    ck_assert_uint_eq(count_failed(), 1);
}

RANGE_TEST(store_refund_to_a_deleted_account_adds_no_credit, 0, STORES)
{
    const struct store_end end = {.state = STORE_NOT_CREATED, .err = ERR_UPSTREAM_REJECTED};

    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 2);
    ck_assert_int_eq(credits_of(0), 2);
    ck_assert_int_eq(credits_of(STORE_ACCOUNT_DAYS), 0);
    ck_assert_int_eq(credits_of(0), 2); /* still stored, for a clock that is set back */
    ck_assert_int_eq(credits_of(STORE_ACCOUNT_DAYS + 1), 0);
    ck_assert_int_eq(store_end_batch(store, batch, &end), ERR_OK);
    ck_assert_int_eq(credits_of(0), 0);
}

RANGE_TEST(store_trims_accounts_without_being_opened_again, 0, STORES)
{
    struct store_ages ages = {.day = STORE_ACCOUNT_DAYS};
    bool more = true;

    store = store_open_roomy(store_url_of(_i));
    store_add_batch(store, 0, 2);
    ck_assert_int_eq(store_trim(store, &ages, &more), ERR_OK);
    ck_assert_int_eq(credits_of(0), 2);
    ages.day++;
    ck_assert_int_eq(store_trim(store, &ages, &more), ERR_OK);
    ck_assert(!more);
    ck_assert_int_eq(credits_of(0), 0);
}

/* The limit was lowered: each end deletes a part, so that the engine is not delayed. */
RANGE_TEST(store_records_shrink_in_steps, IN_FILE, STORES)
{
    struct store_stats stats;
    size_t before = 900;

    store = store_open_limited(store_url_of(_i), 10, 1000);
    for (size_t i = 0; i < before; i += 100)
        ck_assert_int_eq(store_end_batch(store, store_add_batch(store, i, 100), &store_failed),
                         ERR_OK);
    store_close(TAKE(store));
    store = store_open_limited(store_url_of(_i), 10, 0);
    for (size_t ends = 1; before > 0; ends++) {
        ck_assert_uint_le(ends, 9);
        store_add_batch(store, 900 + ends, 1);
        store_fail_task(900 + ends, STORE_NOW_MS, NULL);
        ck_assert_uint_ge(count_failed() + 200, before);
        ck_assert_uint_lt(count_failed(), before);
        before = count_failed();
    }
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.batches[STORE_DONE], 0);
}

RANGE_TEST(store_batch_without_tasks_leaves_no_row, 0, STORES)
{
    const struct store_end end = {.state = STORE_NOT_CREATED, .err = ERR_UPSTREAM_REJECTED};
    const char *const moved[] = {store_tracking_id(0)};
    struct store_stats stats;
    int64_t half = store_new_number();

    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 1);
    ck_assert_int_eq(store_mark_not_sent(store, batch), ERR_OK);
    ck_assert_int_eq(store_split(store, batch, half, moved, 1, STORE_NOW_MS), ERR_OK);
    ck_assert_int_eq(store_end_batch(store, batch, &end), ERR_OK);
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.batches[STORE_DONE], 0);
    ck_assert_uint_eq(stats.batches[STORE_RESTING], 1);
}

RANGE_TEST(store_retry_on_another_day_moves_its_credits, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 3);
    store_add_batch(store, 3, 1);
    store_fail_task(2, STORE_NOW_MS, NULL); /* paid on its day, independent of the others */
    ck_assert_int_eq(store_mark_not_sent(store, batch), ERR_OK);
    for (int twice = 0; twice < 2; twice++) {
        ck_assert_int_eq(store_sending(store, batch, 1, NULL), ERR_OK);
        ck_assert_int_eq(credits_of(0), 2);
        ck_assert_int_eq(credits_of(1), 2);
    }
}

RANGE_TEST(store_resubmit_takes_second_credit_without_refund, 0, STORES)
{
    const struct store_end end = {.state = STORE_UNKNOWN, .err = ERR_UPSTREAM_OUTCOME_UNKNOWN};

    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 2);
    ck_assert_int_eq(store_mark_resubmitted(store, batch, 1), ERR_OK);
    ck_assert_int_eq(store_sending(store, batch, 2, NULL), ERR_OK); /* after another midnight */
    ck_assert_int_eq(store_end_batch(store, batch, &end), ERR_OK);
    ck_assert_int_eq(credits_of(0), 2);
    ck_assert_int_eq(credits_of(1), 0);
    ck_assert_int_eq(credits_of(2), 2);
}
