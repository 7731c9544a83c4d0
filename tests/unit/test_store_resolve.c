/* SPDX-License-Identifier: MIT */
/* test_store_resolve.c - tests what settles an unknown outcome: notify tokens, responses to
 * submits, and the operator's word; each test runs with a store in a file and in memory. */
#include "base/mem.h"
#include "tests/unit/store_fixture.h"

#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

FIXTURE(store_fixture_setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

static const struct store_end unknown = {
    .state = STORE_UNKNOWN, .err = ERR_UPSTREAM_OUTCOME_UNKNOWN, .wall_ms = STORE_NOW_MS + 5};

static int64_t add_with_token(size_t i, const char *token)
{
    const struct store_task task = store_task_of(i);

    return store_add(store,
                     (struct store_new_batch){
                         .tasks = &task, .n = 1, .notify_token = token, .wall_ms = STORE_NOW_MS});
}

/* ---- tokens ---- */

struct found {
    int64_t number;
    enum store_batch_state state;
    size_t n, response_len;
    char batch_id[64], response[STORE_RESPONSE_MAX];
};

static void note(void *arg, const struct store_batch *batch)
{
    struct found *found = arg;

    found->number = batch->number;
    found->state = batch->state;
    found->n = batch->n;
    snprintf(found->batch_id, sizeof found->batch_id, "%s", batch->batch_id);
    ck_assert_uint_le(batch->response_len, STORE_RESPONSE_MAX);
    found->response_len = batch->response_len;
    if (batch->response_len)
        memcpy(found->response, batch->response, batch->response_len);
}

static struct found find(const char *token)
{
    struct found found = {0};
    enum err err = store_find_batch(store, token, note, &found);

    ck_assert_int_eq(err, found.number ? ERR_OK : ERR_NO_ENTRY);
    return found;
}

RANGE_TEST(store_batch_is_found_by_its_token_in_any_state, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    int64_t first = add_with_token(0, "token-a"), second = add_with_token(1, "token-b");
    ck_assert_int_eq(find("token-a").number, first);
    ck_assert_int_eq(find("token-b").number, second);
    ck_assert_int_eq(find("token-a").state, STORE_SENDING);
    ck_assert_int_eq(store_end_batch(store, first, &unknown), ERR_OK);
    ck_assert_int_eq(find("token-a").state, STORE_DONE);
    ck_assert_uint_eq(find("token-a").n, 1);
}

RANGE_TEST(store_batch_without_a_token_is_not_found, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    add_with_token(0, NULL);
    add_with_token(1, "");
    ck_assert_int_eq(find("").number, 0);
    ck_assert_int_eq(find("token-a").number, 0);
}

RANGE_TEST(store_token_belongs_to_one_batch, 0, STORES)
{
    const struct store_task task = store_task_of(1);
    const struct store_new_batch new = {
        .number = 7, .tasks = &task, .n = 1, .notify_token = "token-a"};

    store = store_open_roomy(store_url_of(_i));
    add_with_token(0, "token-a");
    ck_assert_int_eq(store_begin_batch(store, &new), ERR_INTERNAL);
    int64_t other = store_add_batch(store, 2, 1);
    ck_assert_int_eq(store_sending(store, other, 1, "token-a"), ERR_INTERNAL);
    ck_assert_uint_eq(find("token-a").n, 1);
}

RANGE_TEST(store_split_batch_gets_a_token_when_it_is_sent, 0, STORES)
{
    const struct store_task tasks[] = {store_task_of(0), store_task_of(1)};
    const struct store_new_batch new = {.tasks = tasks, .n = 2, .notify_token = "token-a"};
    const char *const moved[] = {store_tracking_id(1)};
    int64_t half = store_new_number();

    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add(store, new);
    ck_assert_int_eq(store_mark_not_sent(store, batch), ERR_OK);
    ck_assert_int_eq(store_split(store, batch, half, moved, 1, STORE_NOW_MS), ERR_OK);
    ck_assert_int_eq(store_sending(store, half, 0, "token-b"), ERR_OK);
    ck_assert_int_eq(store_sending(store, batch, 0, NULL), ERR_OK);
    ck_assert_int_eq(find("token-a").number, batch);
    ck_assert_int_eq(find("token-b").number, half);
    ck_assert_int_eq(store_mark_not_sent(store, half), ERR_OK);
    ck_assert_int_eq(store_sending(store, half, 0, ""), ERR_OK); /* keeps the one it has */
    ck_assert_int_eq(find("token-b").number, half);
}

/* ---- responses to submits ---- */

RANGE_TEST(store_response_to_a_submit_is_kept_with_the_batch, 0, STORES)
{
    char response[STORE_RESPONSE_MAX + 1];
    struct store_end end = unknown;
    struct store_stats stats;

    for (size_t i = 0; i < sizeof response; i++)
        response[i] = (char)i;
    end.raw = response;
    end.raw_len = sizeof response;
    store = store_open_roomy(store_url_of(_i));
    int64_t batch = add_with_token(0, "token-a");
    ck_assert_int_eq(store_end_batch(store, batch, &end), ERR_OK);
    struct found found = find("token-a");
    ck_assert_uint_eq(found.response_len, STORE_RESPONSE_MAX);
    ck_assert_mem_eq(found.response, response, STORE_RESPONSE_MAX);
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.responses, 1);
    ck_assert_uint_eq(stats.raw, 0);
}

RANGE_TEST(store_deleted_address_includes_responses_to_submits, 0, STORES)
{
    struct store_end end = unknown;
    size_t n;

    end.raw = "no json, but Info@milvali.com";
    end.raw_len = strlen(end.raw);
    store = store_open_roomy(store_url_of(_i));
    ck_assert_int_eq(store_end_batch(store, add_with_token(0, "token-a"), &end), ERR_OK);
    ck_assert_int_eq(store_forget_address(store, "other@milvali.com", &n), ERR_OK);
    ck_assert_uint_gt(find("token-a").response_len, 0);
    ck_assert_int_eq(store_forget_address(store, "info@milvali.com", &n), ERR_OK);
    ck_assert_uint_eq(find("token-a").response_len, 0);
}

/* ---- a batch that the upstream accepted ---- */

static void add_credits(void *arg, const char *client, int64_t credits)
{
    ck_assert_str_eq(client, "client");
    *(int64_t *)arg += credits;
}

static int64_t credits(void)
{
    int64_t credits = 0, last;

    ck_assert_int_eq(store_accounts(store, 0, add_credits, &credits, &last), ERR_OK);
    return credits;
}

RANGE_TEST(store_resolved_batch_is_polled_again, 0, STORES)
{
    int64_t found;

    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 3);
    store_end_answered(store, 0, "milvali.com", STORE_DAY_MS);
    ck_assert_int_eq(store_end_batch(store, batch, &unknown), ERR_OK);
    ck_assert_int_eq(store_batch_of(store, store_tracking_id(2), &found), ERR_OK);
    ck_assert_int_eq(found, batch);
    ck_assert_int_eq(store_resolve_batch(store, batch, "batch-4711", STORE_NOW_MS + 9), ERR_OK);
    struct store_seen seen = store_look(store, batch);
    ck_assert_int_eq(seen.state, STORE_SUBMITTED);
    ck_assert_str_eq(seen.batch_id, "batch-4711");
    ck_assert_uint_eq(seen.n, 3);
    ck_assert_uint_eq(seen.n_open, 2);
    ck_assert_int_eq(credits(), 3);
    store_end_answered(store, 1, "milvali.com", STORE_DAY_MS);
    store_end_answered(store, 2, "milvali.com", STORE_DAY_MS);
    ck_assert_uint_eq(store_look(store, batch).n_batches, 0);
}

RANGE_TEST(store_resolve_needs_a_batch_with_unknown_tasks, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    int64_t open = store_add_batch(store, 0, 2), answered = store_add_batch(store, 2, 1);
    store_end_answered(store, 2, "milvali.com", STORE_DAY_MS);
    ck_assert_int_eq(store_end_task(store, store_tracking_id(0), &unknown, NULL, NULL), ERR_OK);
    ck_assert_int_eq(store_resolve_batch(store, 99, "b", STORE_NOW_MS), ERR_NO_ENTRY);
    ck_assert_int_eq(store_resolve_batch(store, open, "b", STORE_NOW_MS), ERR_NO_ENTRY);
    ck_assert_int_eq(store_resolve_batch(store, answered, "b", STORE_NOW_MS), ERR_NO_ENTRY);
    ck_assert_int_eq(store_look(store, open).state, STORE_SENDING);
    ck_assert_uint_eq(store_look(store, open).n_open, 1);
    ck_assert_uint_eq(store_look(store, answered).n, 0);
}

RANGE_TEST(store_resolve_never_replaces_the_upstream_id, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 1);
    ck_assert_int_eq(store_submitted(store, batch, "batch-1", STORE_NOW_MS), ERR_OK);
    ck_assert_int_eq(store_end_batch(store, batch, &unknown), ERR_OK);
    ck_assert_int_eq(store_resolve_batch(store, batch, "batch-2", STORE_NOW_MS), ERR_NO_ENTRY);
    ck_assert_uint_eq(store_look(store, batch).n, 0);
    ck_assert_int_eq(store_resolve_batch(store, batch, "batch-1", STORE_NOW_MS), ERR_OK);
    ck_assert_uint_eq(store_look(store, batch).n_open, 1);
}

/* It was read, so reading it again does not help. */
RANGE_TEST(store_resolve_leaves_tasks_with_a_raw_result, 0, STORES)
{
    struct store_end end = unknown;

    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 2);
    ck_assert_int_eq(store_submitted(store, batch, "batch-1", STORE_NOW_MS), ERR_OK);
    end.raw = "{}";
    end.raw_len = 2;
    ck_assert_int_eq(store_end_task(store, store_tracking_id(0), &end, NULL, NULL), ERR_OK);
    ck_assert_int_eq(store_end_batch(store, batch, &unknown), ERR_OK);
    ck_assert_int_eq(store_resolve_batch(store, batch, "batch-1", STORE_NOW_MS), ERR_OK);
    ck_assert_uint_eq(store_look(store, batch).n_open, 1);
}

/* ---- a task that it did not accept ---- */

RANGE_TEST(store_task_that_was_not_taken_is_refunded_once, 0, STORES)
{
    const struct result *result = NULL;
    struct store_stats stats;

    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 2);
    ck_assert_int_eq(store_end_batch(store, batch, &unknown), ERR_OK);
    ck_assert_int_eq(credits(), 2);
    for (int twice = 0; twice < 2; twice++)
        ck_assert_int_eq(store_resolve_not_taken(store, store_tracking_id(0), STORE_NOW_MS),
                         ERR_OK);
    ck_assert_int_eq(credits(), 1);
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.tasks[STORE_NOT_CREATED], 1);
    ck_assert_uint_eq(stats.tasks[STORE_UNKNOWN], 1);
    ck_assert_int_eq(store_find_lookup(store, store_lookup_id(0), &result), ERR_OK);
    ck_assert_int_eq(result->charged, CHARGED_NO);
    result_unref(result);
}

RANGE_TEST(store_only_an_unknown_task_can_be_not_taken, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    store_add_batch(store, 0, 1);
    int64_t accepted = store_add_batch(store, 1, 1);
    ck_assert_int_eq(store_submitted(store, accepted, "batch-1", STORE_NOW_MS), ERR_OK);
    ck_assert_int_eq(store_end_batch(store, accepted, &unknown), ERR_OK);
    store_add_batch(store, 2, 1);
    store_fail_task(2, STORE_NOW_MS, NULL);
    for (size_t i = 0; i < 4; i++) /* open, accepted by the upstream, failed, none */
        ck_assert_int_eq(store_resolve_not_taken(store, store_tracking_id(i), STORE_NOW_MS),
                         ERR_NO_ENTRY);
    ck_assert_int_eq(credits(), 3);
}
