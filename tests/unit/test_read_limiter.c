/* SPDX-License-Identifier: MIT */
/* test_read_limiter.c - tests that reads start in order of rank, never faster than the limit,
 * and never too many concurrently. */
#include "base/mem.h"
#include "lookup/batching/read_limiter.h"

#include "tests/support/suite.h"

#define READS    200
#define SPACE_MS 55 /* between two of eighteen reads per second */

struct reader {
    struct read_slot slot;
    int64_t left_ms; /* -1 = still waiting */
};

static struct clock clock_now;
static struct timers timers;
static struct read_limiter limiter;
static struct reader readers[READS];
static size_t n_left;
static struct reader *order[READS];

static void leave(struct read_slot *slot)
{
    struct reader *reader = container_of(slot, struct reader, slot);

    reader->left_ms = clock_now.now_ms;
    order[n_left++] = reader;
}

static void begin(int per_second)
{
    clock_now = clock_fake(0);
    timers_init(&timers);
    read_limiter_init(&limiter, &clock_now, &timers, per_second);
    n_left = 0;
    for (size_t i = 0; i < READS; i++)
        readers[i] = (struct reader){.left_ms = -1};
}

static void finish(void)
{
    for (size_t i = 0; i < READS; i++)
        read_limiter_release(&limiter, &readers[i].slot);
    read_limiter_done(&limiter);
    timers_done(&timers);
}

static void request_read(size_t i, int64_t rank)
{
    read_limiter_acquire(&limiter, &readers[i].slot, READ_POLL, rank, leave);
}

static void request_task(size_t i, int64_t rank)
{
    read_limiter_acquire(&limiter, &readers[i].slot, READ_TASK, rank, leave);
}

/* Runs until no read waits; every read ends as soon as it has started. */
static void run(void)
{
    size_t ended = 0;

    while (timers_next_ms(&timers) != INT64_MAX) {
        if (timers_next_ms(&timers) > clock_now.now_ms)
            clock_advance(&clock_now, timers_next_ms(&timers) - clock_now.now_ms);
        timers_run(&timers, clock_now.now_ms);
        while (ended < n_left)
            read_limiter_release(&limiter, &order[ended++]->slot);
    }
}

TEST(limiter_uses_its_rate_fully_and_never_exceeds_it)
{
    begin(18);
    for (size_t i = 0; i < READS; i++)
        request_read(i, 0);
    run();
    ck_assert_uint_eq(n_left, READS);
    for (size_t i = 18; i < READS; i++)
        ck_assert_int_ge(order[i]->left_ms - order[i - 18]->left_ms, 1000);
    ck_assert_int_le(order[READS - 1]->left_ms - order[0]->left_ms,
                     (READS - 1) / 18 * 1000 + SPACE_MS);
    finish();
}

/* Only half of them start at the same time, and the others evenly: so up to 100 ms of delay on the
 * way, for some and not for others, lets at most twenty arrive within a second. */
TEST(limiter_starts_reads_evenly_after_a_burst)
{
    begin(18);
    for (size_t i = 0; i < READS; i++)
        request_task(i, 0);
    run();
    ck_assert_int_eq(order[8]->left_ms, order[0]->left_ms);
    for (size_t i = 9; i < READS; i++)
        ck_assert_int_ge(order[i]->left_ms - order[i - 1]->left_ms, SPACE_MS);
    for (size_t i = 20; i < READS; i++)
        ck_assert_int_ge(order[i]->left_ms - order[i - 20]->left_ms, 1000 + 100);
    finish();
}

TEST(limiter_allows_another_burst_after_a_pause)
{
    begin(18);
    for (size_t i = 0; i < 100; i++)
        request_task(i, 0);
    run();
    clock_advance(&clock_now, 1000);
    for (size_t i = 100; i < 109; i++)
        request_task(i, 0);
    run();
    ck_assert_int_eq(order[108]->left_ms, order[100]->left_ms);
    finish();
}

TEST(limiter_with_one_read_per_second_keeps_it)
{
    begin(1);
    for (size_t i = 0; i < 10; i++)
        request_task(i, 0);
    run();
    ck_assert_int_eq(order[9]->left_ms - order[0]->left_ms, 9000);
    finish();
}

TEST(limiter_starts_no_read_inside_acquire)
{
    begin(0);
    request_read(0, 0);
    ck_assert_uint_eq(n_left, 0);
    run();
    ck_assert_uint_eq(n_left, 1);
    ck_assert_int_eq(readers[0].left_ms, clock_now.now_ms);
    finish();
}

TEST(limiter_starts_the_oldest_question_first)
{
    begin(0);
    request_read(0, 30);
    request_read(1, 10);
    request_read(2, 20);
    request_read(3, 10);
    run();
    ck_assert_ptr_eq(order[0], &readers[1]);
    ck_assert_ptr_eq(order[1], &readers[3]);
    ck_assert_ptr_eq(order[2], &readers[2]);
    ck_assert_ptr_eq(order[3], &readers[0]);
    finish();
}

TEST(limiter_bounds_concurrent_reads)
{
    begin(0);
    for (size_t i = 0; i < READ_LIMITER_IN_FLIGHT + 2; i++)
        request_read(i, (int64_t)i);
    timers_run(&timers, clock_now.now_ms);
    ck_assert_uint_eq(n_left, READ_LIMITER_IN_FLIGHT);
    read_limiter_release(&limiter, &readers[0].slot);
    timers_run(&timers, clock_now.now_ms);
    ck_assert_uint_eq(n_left, READ_LIMITER_IN_FLIGHT + 1);
    finish();
}

TEST(limiter_cancelled_read_is_never_started)
{
    begin(1);
    request_read(0, 0);
    request_read(1, 1);
    request_read(2, 2);
    read_limiter_release(&limiter, &readers[1].slot);
    run();
    ck_assert_uint_eq(n_left, 2);
    ck_assert_int_eq(readers[1].left_ms, -1);
    read_limiter_release(&limiter, &readers[1].slot); /* a second call is a no-op */
    finish();
}

TEST(limiter_keeps_two_connections_for_polls)
{
    begin(0);
    for (size_t i = 0; i < READ_LIMITER_IN_FLIGHT; i++)
        request_task(i, 0);
    timers_run(&timers, clock_now.now_ms);
    ck_assert_uint_eq(n_left, READ_LIMITER_IN_FLIGHT - READ_LIMITER_FOR_POLLS);
    for (size_t i = 10; i < 13; i++)
        request_read(i, 100);
    timers_run(&timers, clock_now.now_ms);
    ck_assert_uint_eq(n_left, READ_LIMITER_IN_FLIGHT);
    ck_assert_ptr_eq(order[n_left - 1], &readers[11]);
    finish();
}

TEST(limiter_gives_polls_a_third_while_tasks_wait)
{
    size_t polls = 0;

    begin(18);
    for (size_t i = 0; i < 100; i++) {
        request_read(i, 0); /* older than the tasks */
        request_task(100 + i, 1);
    }
    run();
    for (size_t i = 0; i < 140; i++) { /* until the last task, about half as many polls start */
        polls += order[i] < &readers[100];
        if (i >= 18)
            polls -= order[i - 18] < &readers[100];
        ck_assert_uint_le(polls, 6);
    }
    ck_assert_uint_eq(n_left, READS);
    ck_assert_int_le(order[READS - 1]->left_ms - order[0]->left_ms,
                     (READS - 1) / 18 * 1000 + SPACE_MS);
    finish();
}

TEST(limiter_gives_polls_the_full_rate_if_no_task_waits)
{
    begin(18);
    for (size_t i = 0; i < 18; i++)
        request_read(i, 0);
    run();
    ck_assert_int_lt(order[17]->left_ms - order[0]->left_ms, 1000);
    finish();
}

/* Returns how many of all reads start within the next second. */
static size_t started_within_a_second(void)
{
    size_t before = n_left, ended = n_left;
    int64_t end_ms = clock_now.now_ms + 1000;

    while (timers_next_ms(&timers) < end_ms) {
        if (timers_next_ms(&timers) > clock_now.now_ms)
            clock_advance(&clock_now, timers_next_ms(&timers) - clock_now.now_ms);
        timers_run(&timers, clock_now.now_ms);
        while (ended < n_left)
            read_limiter_release(&limiter, &order[ended++]->slot);
    }
    clock_advance(&clock_now, end_ms - clock_now.now_ms);
    return n_left - before;
}

TEST(limiter_after_429_pauses_and_recovers_in_steps)
{
    begin(20);
    for (size_t i = 0; i < READS; i++)
        request_task(i, 0);
    ck_assert_uint_eq(started_within_a_second(), 20);
    read_limiter_slow_down(&limiter, 3);
    read_limiter_slow_down(&limiter, -1); /* of a read in flight: the same pause */
    for (int second = 0; second < 3; second++)
        ck_assert_uint_eq(started_within_a_second(), 0);
    ck_assert_uint_eq(started_within_a_second(), 10);
    clock_advance(&clock_now, READ_LIMITER_STEP_MS);
    ck_assert_uint_eq(started_within_a_second(), 15);
    clock_advance(&clock_now, READ_LIMITER_STEP_MS);
    ck_assert_uint_eq(started_within_a_second(), 20);
    finish();
}

TEST(limiter_pauses_longer_while_nothing_but_429_arrives)
{
    begin(20);
    int64_t last_ms = clock_now.now_ms;
    for (int i = 0; i < 10; i++) {
        read_limiter_slow_down(&limiter, -1);
        request_task((size_t)i, 0);
        clock_advance(&clock_now, timers_next_ms(&timers) - clock_now.now_ms);
        int64_t pause_ms = clock_now.now_ms - last_ms;
        int64_t least_ms = i < 6 ? INT64_C(1000) << i : READ_LIMITER_PAUSE_MS;
        ck_assert_int_ge(pause_ms, least_ms);
        ck_assert_int_le(pause_ms, least_ms * 5 / 4);
        last_ms = clock_now.now_ms;
        timers_run(&timers, clock_now.now_ms);
        read_limiter_release(&limiter, &readers[i].slot);
    }
    finish();
}

TEST(limiter_pause_is_short_again_after_other_responses)
{
    begin(20);
    for (int i = 0; i < 5; i++) {
        read_limiter_slow_down(&limiter, -1);
        clock_advance(&clock_now, 10000);
        for (size_t j = 0; j < READ_LIMITER_IN_FLIGHT + 1; j++)
            request_task((size_t)i * 20 + j, 0);
        run();
    }
    read_limiter_slow_down(&limiter, -1);
    request_task(150, 0);
    ck_assert_int_le(timers_next_ms(&timers) - clock_now.now_ms, 1250);
    finish();
}
