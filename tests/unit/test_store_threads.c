/* SPDX-License-Identifier: MIT */
/* test_store_threads.c - tests the threads of the store with each driver: writes and reads at the
 * same time. */
#include "base/mem.h"
#include "store/calls.h"
#include "tests/unit/store_fixture.h"

#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <poll.h>
#include <string.h>

#define BATCHES 100
#define READS   400
#define LONG_MS 180000

FIXTURE(store_fixture_setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

static size_t n_returned;

static void write_done(struct store_call *call)
{
    ck_assert_int_eq(call->err, ERR_OK);
    n_returned++;
}

static void find_done(struct store_call *call)
{
    const struct result *result = container_of(call, struct store_find_call, call)->result;

    ck_assert_int_eq(call->err, ERR_OK);
    ck_assert_uint_eq(result->n_emails, 2);
    result_unref(result);
    n_returned++;
}

static void post_all(struct store_calls *calls, const int64_t *batches)
{
    static struct store_mark_not_sent_call marks[BATCHES];
    static struct store_submitted_call submitted[BATCHES];
    static struct store_sending_call sending[BATCHES];
    static struct store_find_call finds[READS];

    for (size_t i = 0; i < READS; i++) {
        finds[i].call.done = find_done;
        memcpy(finds[i].key, store_key_of(0), HASH_SIZE);
        store_post_find(calls, &finds[i]);
        if (i >= BATCHES)
            continue;
        marks[i] = (struct store_mark_not_sent_call){.call.done = write_done, .batch = batches[i]};
        store_post_mark_not_sent(calls, &marks[i]);
        sending[i] = (struct store_sending_call){
            .call.done = write_done, .batch = batches[i], .day = (int64_t)i};
        store_post_sending(calls, &sending[i]);
        submitted[i] = (struct store_submitted_call){
            .call.done = write_done, .batch = batches[i], .batch_id = "id", .wall_ms = 1};
        store_post_submitted(calls, &submitted[i]);
    }
}

static struct store_calls *start_threads(struct inbox **ret_inbox)
{
    struct store_calls *calls = store_calls_new(store);
    struct errmsg why = {""};

    ck_assert_int_eq(inbox_new(ret_inbox), ERR_OK);
    ck_assert_msg(!store_calls_start(calls, *ret_inbox, &why), "%s", why.text);
    return calls;
}

static void await(struct inbox *inbox, size_t n)
{
    while (n_returned < n) {
        struct pollfd fd = {.fd = inbox_fd(inbox), .events = POLLIN};
        ck_assert_int_eq(poll(&fd, 1, LONG_MS), 1);
        inbox_run_all(inbox);
    }
}

/* The last calls have returned then. */
static void stop_threads(struct store_calls *calls, struct inbox *inbox)
{
    ck_assert(store_calls_stop(calls, LONG_MS));
    inbox_run_all(inbox);
    store_calls_free(calls);
    inbox_free(inbox);
}

RANGE_TEST(store_threads_write_and_read, 0, STORES)
{
    int64_t batches[BATCHES];
    struct inbox *inbox;

    store = store_open_roomy(store_url_of(_i));
    store_add_batch(store, 0, 1);
    store_end_answered(store, 0, "milvali.com", STORE_DAY_MS);
    for (size_t i = 0; i < BATCHES; i++)
        batches[i] = store_add_batch(store, 1 + i, 1);
    struct store_calls *calls = start_threads(&inbox);
    post_all(calls, batches);
    await(inbox, READS + BATCHES);
    stop_threads(calls, inbox);
    ck_assert_uint_eq(n_returned, READS + 3 * BATCHES);
    for (size_t i = 0; i < BATCHES; i++)
        ck_assert_int_eq(store_look(store, batches[i]).state, STORE_SUBMITTED);
}

static void end_done(struct store_call *call)
{
    struct store_end_task_call *end = container_of(call, struct store_end_task_call, call);

    ck_assert_int_eq(call->err, ERR_OK);
    ck_assert(end->stored);
    ck_assert_str_eq(end->tracking_id, store_tracking_id(n_returned));
    result_unref(end->keep);
    n_returned++;
}

RANGE_TEST(store_threads_end_tasks_in_order, 0, STORES)
{
    static struct store_end_task_call ends[BATCHES];
    const struct store_end answered = {.state = STORE_ANSWERED, .wall_ms = STORE_NOW_MS};
    struct inbox *inbox;

    store = store_open_roomy(store_url_of(_i));
    store_add_batch(store, 0, BATCHES);
    struct store_calls *calls = start_threads(&inbox);
    for (size_t i = 0; i < BATCHES; i++) {
        ends[i] =
            (struct store_end_task_call){.call.done = end_done,
                                         .tracking_id = store_tracking_id(i),
                                         .end = answered,
                                         .keep = store_answer(i, "milvali.com", STORE_DAY_MS)};
        store_post_end_task(calls, &ends[i]);
    }
    await(inbox, BATCHES);
    stop_threads(calls, inbox);
    for (size_t i = 0; i < BATCHES; i++)
        ck_assert_int_eq(store_kept(store, i), ERR_OK);
}
