/* SPDX-License-Identifier: MIT */
/* test_finish_rate.c - tests the measured rate of finished tasks, and the advice made of it. */
#include "lookup/batching/finish_rate.h"

#include "tests/support/suite.h"

static int seconds(struct finish_rate *rate, int64_t now_ms, size_t n)
{
    return finish_rate_seconds(rate, now_ms, n, 5, 600);
}

TEST(rate_before_the_first_minute_is_the_estimate)
{
    struct finish_rate rate = {.per_1000_s = 10000};

    ck_assert_int_eq(seconds(&rate, 1, 1000), 101);
    finish_rate_count(&rate, 1000);
    ck_assert_int_eq(seconds(&rate, 60999, 1000), 101);
}

TEST(rate_after_a_minute_is_measured)
{
    struct finish_rate rate = {.per_1000_s = 10000};

    for (int i = 0; i <= 120; i++)
        finish_rate_count(&rate, 1000 + i * 500);
    ck_assert_int_eq(seconds(&rate, 61000, 1000), 501); /* two in a second */
}

TEST(rate_of_a_stuck_upstream_gives_the_longest_advice)
{
    struct finish_rate rate = {.per_1000_s = 10000};

    finish_rate_count(&rate, 1000);
    ck_assert_int_lt(seconds(&rate, 1000, 10), 600);
    seconds(&rate, 61000, 10); /* one task in this minute */
    ck_assert_int_eq(seconds(&rate, 121000, 10), 600);
}

TEST(rate_keeps_its_value_while_idle)
{
    struct finish_rate rate = {.per_1000_s = 10000};

    finish_rate_count(&rate, 1000);
    finish_rate_idle(&rate);
    ck_assert_int_eq(seconds(&rate, 10000000, 1000), 101);
}

TEST(rate_advice_has_limits)
{
    struct finish_rate rate = {.per_1000_s = 10000};

    ck_assert_int_eq(seconds(&rate, 1, 0), 5);
    ck_assert_int_eq(seconds(&rate, 1, 1000000), 600);
}
