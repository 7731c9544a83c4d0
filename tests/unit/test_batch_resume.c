/* SPDX-License-Identifier: MIT */
/* test_batch_resume.c - tests that a batch from the journal is resumed without a callback of its
 * owner: the store may be in a read, in which the owner must not begin another batch. */
#include "lookup/batching/batch.h"
#include "lookup/batching/batch_results.h"
#include "lookup/batching/read_limiter.h"

#include "tests/support/suite.h"

static struct clock clock_now;
static struct timers timers;
static struct read_limiter limiter;
static struct batch *batches, *noted;
static int n_callbacks;

static void count_task_ended(void *arg, bool is_listed)
{
    (void)arg;
    (void)is_listed;
    n_callbacks++;
}

static void count_batch(void *arg, struct batch *batch)
{
    (void)batch;
    count_task_ended(arg, false);
}

static const struct batch_tools tools = {
    .clock = &clock_now,
    .timers = &timers,
    .poll = {.clock = &clock_now, .timers = &timers, .limiter = &limiter, .lifetime_ms = 60000},
    .batches = &batches,
    .noted = &noted,
    .owner = {count_batch, count_task_ended, count_batch, NULL},
};

static void begin(void)
{
    clock_now = clock_fake(0);
    timers_init(&timers);
    read_limiter_init(&limiter, &clock_now, &timers, 0);
}

static void finish(void)
{
    while (batches)
        batch_free(batches);
    read_limiter_done(&limiter);
    timers_done(&timers);
}

FIXTURE(begin, finish);

TEST(batch_is_resumed_without_a_callback_of_its_owner)
{
    static const unsigned char key[HASH_SIZE];
    static const struct store_batch stored = {.number = 7, .batch_id = "b7", .notify_token = "n7"};
    static const struct store_task ended = {
        .task_state = STORE_ANSWERED, .tracking_id = "t2", .key = key, .task_id = "u2"};
    struct batch *batch = batch_new(&tools);
    struct task open = {.tracking_id = "t1"};

    batch_add(batch, &open);
    batch_resume(batch, &stored);
    batch_add_ended(batch, &ended);

    ck_assert_int_eq(n_callbacks, 0);
    ck_assert_int_eq(batch->state, BATCH_COLLECTING);
    ck_assert_int_eq(open.phase, TASK_PROCESSING);
    ck_assert_int_eq(batch->number, 7);
    ck_assert_ptr_eq(noted, batch);
    ck_assert_int_eq(timers_next_ms(&timers), clock_now.now_ms); /* the first poll */
}
