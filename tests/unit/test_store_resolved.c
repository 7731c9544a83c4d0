/* SPDX-License-Identifier: MIT */
/* test_store_resolved.c - tests tasks that are resolved without their batch, and how the owner
 * learns what another process has resolved. */
#include "tests/unit/store_fixture.h"

#include "tests/support/suite.h"
#include <string.h>

FIXTURE(store_fixture_setup, store_fixture_teardown);

static const struct store_end unknown = {
    .state = STORE_UNKNOWN, .err = ERR_UPSTREAM_OUTCOME_UNKNOWN, .wall_ms = STORE_NOW_MS};
static const struct store_end answered = {
    .state = STORE_ANSWERED, .task_id = "t-1", .wall_ms = STORE_NOW_MS + 7};

static int64_t add_unknown(size_t from, size_t n)
{
    int64_t batch = store_add_batch(store, from, n);

    ck_assert_int_eq(store_end_batch(store, batch, &unknown), ERR_OK);
    return batch;
}

static size_t count(enum store_task_state state)
{
    struct store_stats stats;

    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    return stats.tasks[state];
}

/* ---- one task ---- */

RANGE_TEST(store_unknown_task_can_be_answered, 0, STORES)
{
    const struct result *found, *keep = store_answer(0, "milvali.com", STORE_DAY_MS);

    store = store_open_roomy(store_url_of(_i));
    add_unknown(0, 2);
    ck_assert_int_eq(store_resolve_task(store, store_tracking_id(0), &answered, keep), ERR_OK);
    ck_assert_uint_eq(count(STORE_ANSWERED), 1);
    ck_assert_uint_eq(count(STORE_UNKNOWN), 1);
    ck_assert_int_eq(store_kept(store, 0), ERR_OK);
    ck_assert_int_eq(store_find_lookup(store, store_lookup_id(0), &found), ERR_OK);
    ck_assert_int_eq(found->err, ERR_OK);
    result_unref(found);
    result_unref(keep);
}

RANGE_TEST(store_known_task_cannot_be_resolved, 0, STORES)
{
    const struct result *keep = store_answer(0, "milvali.com", STORE_DAY_MS);

    store = store_open_roomy(store_url_of(_i));
    store_add_batch(store, 0, 1);
    ck_assert_int_eq(store_resolve_task(store, store_tracking_id(0), &answered, keep),
                     ERR_NO_ENTRY); /* it is open */
    ck_assert_int_eq(store_resolve_task(store, "nonsense", &answered, keep), ERR_NO_ENTRY);
    store_end_answered(store, 0, "other.com", STORE_DAY_MS);
    ck_assert_int_eq(store_resolve_task(store, store_tracking_id(0), &answered, keep),
                     ERR_NO_ENTRY);
    result_unref(keep);
}

/* ---- one batch ---- */

static void note_number(void *arg, const struct store_batch *batch)
{
    *(int64_t *)arg = batch->number;
    ck_assert_uint_eq(batch->n, 2);
}

RANGE_TEST(store_batch_is_read_by_its_number, 0, STORES)
{
    int64_t number = 0;

    store = store_open_roomy(store_url_of(_i));
    store_add_batch(store, 0, 1);
    int64_t batch = add_unknown(1, 2);
    ck_assert_int_eq(store_read_batch(store, batch, note_number, &number), ERR_OK);
    ck_assert_int_eq(number, batch);
    ck_assert_int_eq(store_read_batch(store, batch + 1, note_number, &number), ERR_NO_ENTRY);
}

/* ---- responses to submits ---- */

static void count_batch(void *arg, const struct store_batch *batch)
{
    ck_assert_uint_eq(batch->response_len, 2);
    (*(size_t *)arg)++;
}

static size_t take(int version, size_t limit)
{
    size_t n = 0;

    ck_assert_int_eq(store_take_responses(store, version, limit, count_batch, &n), ERR_OK);
    return n;
}

RANGE_TEST(store_response_is_taken_once_by_each_version, 0, STORES)
{
    struct store_end end = unknown;

    end.raw = "{}";
    end.raw_len = 2;
    store = store_open_roomy(store_url_of(_i));
    ck_assert_uint_eq(take(1, 10), 0);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(store_end_batch(store, store_add_batch(store, i, 1), &end), ERR_OK);
    add_unknown(3, 1); /* without a response */
    ck_assert_uint_eq(take(1, 2), 2);
    ck_assert_uint_eq(take(1, 2), 1);
    ck_assert_uint_eq(take(1, 2), 0);
    ck_assert_uint_eq(take(2, 10), 3);
    ck_assert_uint_eq(take(1, 10), 0);
}

/* ---- by another process ---- */

struct polled {
    size_t n, n_batches;
    int64_t batch;
    bool is_key_0;
    int64_t day;
};

static void note_resolved(void *arg, const struct store_resolved *resolved)
{
    struct polled *polled = arg;

    polled->n++;
    polled->n_batches += !resolved->key;
    polled->batch = resolved->batch;
    polled->day = resolved->day;
    if (resolved->key) {
        polled->is_key_0 = memcmp(resolved->key, store_key_of(0), HASH_SIZE) == 0;
        ck_assert_str_eq(resolved->client, "client");
    }
}

static struct polled poll(void)
{
    struct polled polled = {0};

    ck_assert_int_eq(store_poll_resolved(store, note_resolved, &polled), ERR_OK);
    return polled;
}

TEST(store_owner_learns_what_another_process_resolved_once)
{
    store = store_open_roomy(store_url());
    int64_t first = add_unknown(0, 1), second = add_unknown(1, 2);
    struct store *other = store_open_second(store_url());
    ck_assert_int_eq(store_resolve_batch(other, second, "b-1", STORE_NOW_MS), ERR_OK);
    struct polled polled = poll();
    ck_assert_uint_eq(polled.n, 1);
    ck_assert_uint_eq(polled.n_batches, 1);
    ck_assert_int_eq(polled.batch, second);
    ck_assert_uint_eq(poll().n, 0);
    ck_assert_int_eq(store_resolve_not_taken(other, store_tracking_id(0), STORE_NOW_MS), ERR_OK);
    polled = poll();
    ck_assert_uint_eq(polled.n, 1);
    ck_assert_int_eq(polled.batch, first);
    ck_assert(polled.is_key_0);
    ck_assert_uint_eq(poll().n, 0);
    store_close(other);
}

TEST(store_owner_is_not_told_what_it_resolved_itself)
{
    store = store_open_roomy(store_url());
    ck_assert_int_eq(store_resolve_batch(store, add_unknown(0, 1), "b-1", STORE_NOW_MS), ERR_OK);
    add_unknown(1, 1);
    ck_assert_int_eq(store_resolve_not_taken(store, store_tracking_id(1), STORE_NOW_MS), ERR_OK);
    ck_assert_uint_eq(poll().n, 0);
}

TEST(store_that_rejects_a_resolution_tells_nobody)
{
    store = store_open_roomy(store_url());
    int64_t open = store_add_batch(store, 0, 1);
    struct store *other = store_open_second(store_url());
    ck_assert_int_eq(store_resolve_batch(other, open, "b-1", STORE_NOW_MS), ERR_NO_ENTRY);
    ck_assert_int_eq(store_resolve_not_taken(other, store_tracking_id(0), STORE_NOW_MS),
                     ERR_NO_ENTRY);
    ck_assert_uint_eq(poll().n, 0);
    store_close(other);
}
