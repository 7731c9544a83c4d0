/* SPDX-License-Identifier: MIT */
/* test_backoff.c - tests that waits double up to their limit, with jitter, and respect
 * Retry-After. */
#include "base/backoff.h"

#include "base/mem.h"

#include "tests/support/suite.h"
#include <limits.h>

static const struct backoff backoff = {.first_ms = 1000, .max_ms = 5000};

static const struct {
    int failures;
    int64_t least_ms;
} waits[] = {{1, 1000}, {2, 2000}, {3, 4000}, {4, 5000}, {5, 5000}, {INT_MAX, 5000}};

LOOP_TEST(backoff_doubles_up_to_the_limit_with_jitter, waits)
{
    const int64_t least_ms = waits[_i].least_ms;
    int64_t longest_ms = 0;

    for (int round = 0; round < 1000; round++) {
        int64_t wait_ms = backoff_ms(&backoff, waits[_i].failures, -1);
        ck_assert_int_ge(wait_ms, least_ms);
        ck_assert_int_lt(wait_ms, least_ms + least_ms / 4);
        longest_ms = wait_ms > longest_ms ? wait_ms : longest_ms;
    }
    ck_assert_int_gt(longest_ms, least_ms);
}

TEST(backoff_is_at_least_retry_after)
{
    ck_assert_int_eq(backoff_ms(&backoff, 1, 17000), 17000);
    ck_assert_int_ge(backoff_ms(&backoff, 3, 17), 4000);
}

TEST(backoff_doubling_stops_at_the_limit)
{
    ck_assert_int_eq(backoff_double_ms(1000, 5000), 2000);
    ck_assert_int_eq(backoff_double_ms(2500, 5000), 5000);
    ck_assert_int_eq(backoff_double_ms(4000, 5000), 5000);
    ck_assert_int_eq(backoff_double_ms(INT64_MAX, INT64_MAX), INT64_MAX);
}
