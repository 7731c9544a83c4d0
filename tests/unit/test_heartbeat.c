/* SPDX-License-Identifier: MIT */
/* test_heartbeat.c - a loop that waits is told from one that hangs. */
#include "base/heartbeat.h"

#include "tests/support/suite.h"

TEST(one_that_has_not_begun_is_old_and_does_not_lag)
{
    struct heartbeat heartbeat = {0};

    ck_assert_int_eq(heartbeat_age_ms(&heartbeat, 5000), 5000);
    ck_assert_int_eq(heartbeat_lag_ms(&heartbeat, 5000), 0);
}

TEST(one_that_works_ages_and_lags)
{
    struct heartbeat heartbeat = {0};

    heartbeat_busy(&heartbeat, 1000);
    ck_assert_int_eq(heartbeat_age_ms(&heartbeat, 1300), 300);
    ck_assert_int_eq(heartbeat_lag_ms(&heartbeat, 1300), 300);
}

TEST(one_that_waits_ages_but_does_not_lag)
{
    struct heartbeat heartbeat = {0};

    heartbeat_busy(&heartbeat, 1000);
    heartbeat_idle(&heartbeat, 1100);
    ck_assert_int_eq(heartbeat_age_ms(&heartbeat, 1300), 200);
    ck_assert_int_eq(heartbeat_lag_ms(&heartbeat, 1300), 0);
}

TEST(one_that_has_ended_is_never_old)
{
    struct heartbeat heartbeat = {0};

    heartbeat_busy(&heartbeat, 1000);
    heartbeat_stop(&heartbeat);
    ck_assert_int_eq(heartbeat_age_ms(&heartbeat, 99999), 0);
    ck_assert_int_eq(heartbeat_lag_ms(&heartbeat, 99999), 0);
}

TEST(a_clock_that_was_read_earlier_makes_no_negative_time)
{
    struct heartbeat heartbeat = {0};

    heartbeat_busy(&heartbeat, 1000);
    ck_assert_int_eq(heartbeat_age_ms(&heartbeat, 999), 0);
    ck_assert_int_eq(heartbeat_lag_ms(&heartbeat, 999), 0);
}
