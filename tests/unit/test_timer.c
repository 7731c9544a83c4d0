/* SPDX-License-Identifier: MIT */
/* test_timer.c - tests that timers fire in the order of their times, when they are due and not
 * before, whatever their callbacks do. A heap under random use behaves like a plain list. */
#include "base/mem.h"
#include "base/timer.h"

#include "tests/support/suite.h"
#include <stdlib.h>

#define N 200

/* A timer that records when it fired, as numbers for comparison. */
struct ringer {
    struct timer timer;
    int name;
};

static struct timers timers;
static struct ringer ringers[N];
static int fired[10 * N];
static size_t n_fired;

static void ring(struct timer *timer)
{
    ck_assert(!timer_armed(timer));
    fired[n_fired++] = container_of(timer, struct ringer, timer)->name;
}

static void setup(void)
{
    timers_init(&timers);
    n_fired = 0;
    for (int i = 0; i < N; i++)
        ringers[i] = (struct ringer){.name = i};
}

static void teardown(void)
{
    timers_done(&timers);
}

FIXTURE(setup, teardown);

static void arm(int name, int64_t at_ms)
{
    timer_arm(&timers, &ringers[name].timer, at_ms, ring);
}

static void run_and_expect(int64_t now_ms, const int *names, size_t n)
{
    n_fired = 0;
    timers_run(&timers, now_ms);
    ck_assert_uint_eq(n_fired, n);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(fired[i], names[i]);
}

#define EXPECT(now_ms, ...)                                                                        \
    run_and_expect(now_ms, (const int[]){__VA_ARGS__}, ARRAY_LEN(((const int[]){__VA_ARGS__})))
#define EXPECT_NONE(now_ms) run_and_expect(now_ms, NULL, 0)

TEST(timers_empty_are_never_due)
{
    ck_assert_int_eq(timers_next_ms(&timers), INT64_MAX);
    EXPECT_NONE(INT64_MAX);
}

TEST(timer_fires_once_at_its_time)
{
    arm(7, 100);
    ck_assert(timer_armed(&ringers[7].timer));
    ck_assert_int_eq(timers_next_ms(&timers), 100);
    EXPECT_NONE(99);
    EXPECT(100, 7);
    EXPECT_NONE(INT64_MAX);
    ck_assert_int_eq(timers_next_ms(&timers), INT64_MAX);
}

TEST(timer_earliest_fires_first)
{
    arm(0, 300);
    arm(1, 100);
    arm(2, 400);
    arm(3, 200);
    arm(4, -5);
    ck_assert_int_eq(timers_next_ms(&timers), -5);
    EXPECT(300, 4, 1, 3, 0);
    ck_assert_int_eq(timers_next_ms(&timers), 400);
}

TEST(timer_disarmed_does_not_fire)
{
    arm(0, 100);
    arm(1, 200);
    timer_disarm(&timers, &ringers[0].timer);
    timer_disarm(&timers, &ringers[0].timer);
    timer_disarm(&timers, &ringers[2].timer); /* never armed */
    ck_assert(!timer_armed(&ringers[0].timer));
    EXPECT(1000, 1);
}

TEST(timer_armed_again_moves_in_both_directions)
{
    arm(0, 100);
    arm(1, 200);
    arm(0, 300);
    ck_assert_int_eq(timers_next_ms(&timers), 200);
    arm(1, 400);
    arm(1, 50);
    EXPECT(1000, 1, 0);
}

static void ring_of_another_kind(struct timer *timer)
{
    fired[n_fired++] = 1000 + container_of(timer, struct ringer, timer)->name;
}

TEST(timer_armed_again_replaces_its_callback)
{
    arm(3, 100);
    timer_arm(&timers, &ringers[3].timer, 100, ring_of_another_kind);
    EXPECT(100, 1003);
}

static void ring_thrice(struct timer *timer)
{
    ring(timer);
    if (n_fired < 3)
        timer_arm(&timers, timer, timer->at_ms + 10, ring_thrice);
}

TEST(timer_armed_by_its_callback_fires_in_the_same_run)
{
    timer_arm(&timers, &ringers[5].timer, 100, ring_thrice);
    EXPECT(120, 5, 5, 5);
    timer_arm(&timers, &ringers[5].timer, 100, ring_thrice);
    EXPECT(119, 5, 5);
    ck_assert_int_eq(timers_next_ms(&timers), 120);
}

static void ring_and_disarm_one(struct timer *timer)
{
    ring(timer);
    timer_disarm(&timers, &ringers[1].timer);
}

TEST(timer_callback_may_disarm_another_due_timer)
{
    timer_arm(&timers, &ringers[0].timer, 100, ring_and_disarm_one);
    arm(1, 101);
    arm(2, 102);
    EXPECT(200, 0, 2);
}

static void ring_and_arm_all(struct timer *timer)
{
    ring(timer);
    for (int i = 1; i < N; i++)
        arm(i, i);
}

TEST(timer_callback_may_grow_the_heap)
{
    timer_arm(&timers, &ringers[0].timer, 0, ring_and_arm_all);
    timers_run(&timers, N);
    ck_assert_uint_eq(n_fired, N);
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(fired[i], i);
}

static void ring_and_free(struct timer *timer)
{
    ring(timer);
    free(container_of(timer, struct ringer, timer));
}

TEST(timer_callback_may_free_its_timer)
{
    struct ringer *mortal = xcalloc(1, sizeof *mortal);

    mortal->name = 42;
    timer_arm(&timers, &mortal->timer, 100, ring_and_free);
    arm(1, 50);
    arm(2, 150);
    EXPECT(200, 1, 42, 2);
}

TEST(timers_free_disarms_without_firing)
{
    arm(0, 100);
    arm(1, 50);
    timers_done(&timers);
    ck_assert(!timer_armed(&ringers[0].timer));
    ck_assert(!timer_armed(&ringers[1].timer));
    ck_assert_uint_eq(n_fired, 0);
    arm(0, 100); /* usable again */
    EXPECT(100, 0);
}

/* ---- the heap against a plain list ---- */

static int64_t armed_at[N]; /* -1: not armed */

static int64_t earliest(void)
{
    int64_t first = INT64_MAX;

    for (int i = 0; i < N; i++)
        if (armed_at[i] >= 0 && armed_at[i] < first)
            first = armed_at[i];
    return first;
}

static void expect_fired_as_listed(int64_t now_ms)
{
    int64_t last = -1;
    size_t n_due = 0;

    for (int i = 0; i < N; i++)
        n_due += armed_at[i] >= 0 && armed_at[i] <= now_ms;
    ck_assert_uint_eq(n_fired, n_due);
    for (size_t i = 0; i < n_fired; i++) {
        int64_t *at = &armed_at[fired[i]];
        ck_assert_int_ge(*at, last); /* fails if it was not armed, or fired twice */
        ck_assert_int_le(*at, now_ms);
        last = *at;
        *at = -1;
    }
}

RANGE_TEST(timer_heap_under_random_use_agrees_with_a_list, 0, 4)
{
    unsigned seed = 20261123U + (unsigned)_i;

    for (int i = 0; i < N; i++)
        armed_at[i] = -1;
    for (int64_t now_ms = 0; now_ms < 3000; now_ms++) {
        for (int change = 0; change < 5; change++) {
            int who = rand_r(&seed) % N;
            if (rand_r(&seed) % 3) {
                armed_at[who] = now_ms + rand_r(&seed) % 100;
                arm(who, armed_at[who]);
            } else {
                armed_at[who] = -1;
                timer_disarm(&timers, &ringers[who].timer);
            }
            ck_assert_int_eq(timers_next_ms(&timers), earliest());
        }
        n_fired = 0;
        timers_run(&timers, now_ms);
        expect_fired_as_listed(now_ms);
    }
}
