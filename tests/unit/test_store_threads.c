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

RANGE_TEST(store_threads_write_and_read, 0, STORES)
{
    int64_t batches[BATCHES];
    struct inbox *inbox;
    struct errmsg why = {""};

    store = store_open_roomy(store_url_of(_i));
    store_add_batch(store, 0, 1);
    store_end_answered(store, 0, "milvali.com", STORE_DAY_MS);
    for (size_t i = 0; i < BATCHES; i++)
        batches[i] = store_add_batch(store, 1 + i, 1);
    struct store_calls *calls = store_calls_new(store);
    ck_assert_int_eq(inbox_new(&inbox), ERR_OK);
    ck_assert_msg(!store_calls_start(calls, inbox, &why), "%s", why.text);
    post_all(calls, batches);
    while (n_returned < READS + BATCHES) {
        struct pollfd fd = {.fd = inbox_fd(inbox), .events = POLLIN};
        ck_assert_int_eq(poll(&fd, 1, LONG_MS), 1);
        inbox_run_all(inbox);
    }
    ck_assert(store_calls_stop(calls, LONG_MS));
    inbox_run_all(inbox);
    ck_assert_uint_eq(n_returned, READS + 3 * BATCHES);
    for (size_t i = 0; i < BATCHES; i++)
        ck_assert_int_eq(store_look(store, batches[i]).state, STORE_SUBMITTED);
    store_calls_free(calls);
    inbox_free(inbox);
}
