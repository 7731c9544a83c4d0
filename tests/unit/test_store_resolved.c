/* SPDX-License-Identifier: MIT */
/* test_store_resolved.c - tests tasks that are resolved without their batch, responses to submits,
 * and how the owner learns what another process has refunded. */
#include "tests/unit/store_fixture.h"

#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <string.h>

FIXTURE(store_fixture_setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

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

static void note_failed(void *arg, const struct store_batch *batch)
{
    (*(size_t *)arg)++;
    ck_assert_uint_eq(batch->n, 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(batch->tasks[i].task_state, STORE_FAILED);
        ck_assert_int_eq(batch->tasks[i].err, ERR_LOOKUP_FAILED);
        ck_assert_str_eq(batch->tasks[i].task_id, i ? "" : store_failed.task_id);
        ck_assert_str_eq(batch->tasks[i].detail, i ? "" : store_failed.detail);
    }
}

RANGE_TEST(store_resolved_task_has_only_what_was_reported, 0, STORES)
{
    const struct store_end bare = {
        .state = STORE_FAILED, .err = ERR_LOOKUP_FAILED, .wall_ms = STORE_NOW_MS};
    size_t n = 0;

    store = store_open_roomy(store_url_of(_i));
    int64_t batch = add_unknown(0, 2);
    ck_assert_int_eq(store_resolve_task(store, store_tracking_id(0), &store_failed, NULL), ERR_OK);
    ck_assert_int_eq(store_resolve_task(store, store_tracking_id(1), &bare, NULL), ERR_OK);
    ck_assert_int_eq(store_read_batch(store, batch, note_failed, &n), ERR_OK);
    ck_assert_uint_eq(n, 1);
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(store_kept(store, i), ERR_NO_ENTRY);
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

/* Returns how many of the responses that are searched now are of lost batches. */
static size_t search(int64_t since_ms)
{
    const struct store_news news = store_take_news(store, since_ms);
    size_t n = 0;

    for (size_t i = 0; i < news.n_responses; i++) {
        ck_assert_uint_eq(news.responses[i].len, 2);
        ck_assert_mem_eq(news.responses[i].bytes, "{}", 2);
        n += news.responses[i].is_lost;
    }
    return n;
}

/* The batches are begun one after the other. */
static int64_t add_with_response(size_t i)
{
    const struct store_task task = store_task_of(i);
    int64_t batch = store_add(
        store,
        (struct store_new_batch){.tasks = &task, .n = 1, .wall_ms = STORE_NOW_MS + (int64_t)i});
    struct store_end end = unknown;

    end.raw = "{}";
    end.raw_len = 2;
    ck_assert_int_eq(store_end_batch(store, batch, &end), ERR_OK);
    return batch;
}

RANGE_TEST(store_response_is_searched_once_by_each_process, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    ck_assert_uint_eq(search(1), 0);
    for (size_t i = 0; i < STORE_NEWS_RESPONSES + 3; i++)
        add_with_response(i);
    add_unknown(100, 1); /* without a response */
    ck_assert_uint_eq(search(1), STORE_NEWS_RESPONSES);
    ck_assert_uint_eq(search(1), 3);
    ck_assert_uint_eq(search(1), 0);
    ck_assert_uint_eq(search(2), STORE_NEWS_RESPONSES);
    ck_assert_uint_eq(search(2), 3);
    ck_assert_uint_eq(search(1), 0);
}

RANGE_TEST(store_response_that_was_not_confirmed_is_read_again, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    int64_t batch = add_with_response(0);
    for (int i = 0; i < 2; i++) {
        const struct store_news news = store_news_since(store, 1);
        ck_assert_uint_eq(news.n_responses, 1);
        ck_assert_int_eq(news.responses[0].batch, batch);
        ck_assert_str_eq(news.responses[0].notify_token, "");
    }
}

RANGE_TEST(store_response_is_not_lost_once_its_outcome_is_known, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    int64_t batch = add_with_response(0);
    ck_assert_int_eq(store_resolve_batch(store, batch, "b-1", STORE_NOW_MS), ERR_OK);
    ck_assert_uint_eq(search(1), 0);
}

static void note_newest(void *arg, const struct store_batch *batch)
{
    int64_t *newest = arg;

    ck_assert_uint_eq(batch->response_len, 2);
    ck_assert_mem_eq(batch->response, "{}", 2);
    if (*newest == 0)
        *newest = batch->number;
}

RANGE_TEST(store_responses_are_listed_newest_first, 0, STORES)
{
    int64_t newest = 0;

    store = store_open_roomy(store_url_of(_i));
    int64_t last = add_with_response(9);
    for (size_t i = 0; i < 9; i++)
        add_with_response(i);
    add_unknown(20, 1);
    ck_assert_int_eq(store_each_response(store, 10, note_newest, &newest), ERR_OK);
    ck_assert_int_eq(newest, last);
}

/* ---- by another process ---- */

static size_t n_not_taken(void)
{
    const struct store_news news = store_take_news(store, 0);

    for (size_t i = 0; i < news.n_not_taken; i++) {
        ck_assert_mem_eq(news.not_taken[i].key, store_key_of(0), HASH_SIZE);
        ck_assert_str_eq(news.not_taken[i].lookup_id, store_lookup_id(0));
        ck_assert_str_eq(news.not_taken[i].client, "client");
        ck_assert_int_eq(news.not_taken[i].day, 0);
    }
    return news.n_not_taken;
}

RANGE_TEST(store_owner_gets_a_refund_of_another_process_until_it_is_confirmed, IN_FILE, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    add_unknown(0, 2);
    struct store *other = store_open_second(store_url_of(_i));
    ck_assert_int_eq(store_resolve_not_taken(other, store_tracking_id(0), STORE_NOW_MS), ERR_OK);
    ck_assert_uint_eq(store_news_since(store, 0).n_not_taken, 1);
    ck_assert_uint_eq(n_not_taken(), 1);
    ck_assert_uint_eq(n_not_taken(), 0);
    store_close(other);
}

static void ignore_account(void *arg, const char *client, int64_t credits)
{
    (void)client;
    *(int64_t *)arg = credits;
}

/* So that the owner does not count a refund a second time, which its accounts contain already. */
RANGE_TEST(store_accounts_say_which_refunds_they_contain, IN_FILE, STORES)
{
    int64_t credits = 0, before = -1, after = -1;

    store = store_open_roomy(store_url_of(_i));
    add_unknown(0, 3);
    struct store *other = store_open_second(store_url_of(_i));
    ck_assert_int_eq(store_accounts(store, 0, ignore_account, &credits, &before), ERR_OK);
    ck_assert_int_eq(credits, 3);
    ck_assert_int_eq(before, 0);
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(store_resolve_not_taken(other, store_tracking_id(i), STORE_NOW_MS),
                         ERR_OK);
    const struct store_news news = store_news_since(store, 0);
    ck_assert_int_eq(store_accounts(store, 0, ignore_account, &credits, &after), ERR_OK);
    ck_assert_int_eq(credits, 1);
    ck_assert_uint_eq(news.n_not_taken, 2);
    ck_assert_int_gt(news.not_taken[0].number, before);
    ck_assert_int_eq(news.not_taken[1].number, after);
    ck_assert_int_eq(news.last_not_taken, after);
    store_close(other);
}

RANGE_TEST(store_owner_gets_no_refund_of_its_own, IN_FILE, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    add_unknown(0, 1);
    ck_assert_int_eq(store_resolve_not_taken(store, store_tracking_id(0), STORE_NOW_MS), ERR_OK);
    ck_assert_uint_eq(n_not_taken(), 0);
}

RANGE_TEST(store_that_rejects_a_refund_records_nothing, IN_FILE, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    store_add_batch(store, 0, 1);
    struct store *other = store_open_second(store_url_of(_i));
    ck_assert_int_eq(store_resolve_not_taken(other, store_tracking_id(0), STORE_NOW_MS),
                     ERR_NO_ENTRY);
    ck_assert_uint_eq(n_not_taken(), 0);
    store_close(other);
}
