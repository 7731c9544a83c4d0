/* SPDX-License-Identifier: MIT */
/* test_read_limiter.c - tests that reads start in order of rank, never faster than the limit,
 * and never too many concurrently. */
#include "base/mem.h"
#include "lookup/batching/read_limiter.h"

#include "tests/support/suite.h"

#define READS 200

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
    read_limiter_acquire(&limiter, &readers[i].slot, rank, leave);
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
    ck_assert_int_eq(order[READS - 1]->left_ms - order[0]->left_ms, (READS - 1) / 18 * 1000);
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
