/* SPDX-License-Identifier: MIT */
/* test_heartbeat.c - tests that a waiting loop is distinguished from a hanging loop. */
#include "base/heartbeat.h"

#include "tests/support/suite.h"

TEST(heartbeat_not_started_is_old_without_lag)
{
    struct heartbeat heartbeat = {0};

    ck_assert_int_eq(heartbeat_age_ms(&heartbeat, 5000), 5000);
    ck_assert_int_eq(heartbeat_lag_ms(&heartbeat, 5000), 0);
    ck_assert(!heartbeat_is_busy(&heartbeat));
}

TEST(heartbeat_busy_has_age_and_lag)
{
    struct heartbeat heartbeat = {0};

    heartbeat_busy(&heartbeat, 1000);
    ck_assert_int_eq(heartbeat_age_ms(&heartbeat, 1300), 300);
    ck_assert_int_eq(heartbeat_lag_ms(&heartbeat, 1300), 300);
    ck_assert(heartbeat_is_busy(&heartbeat));
}

TEST(heartbeat_waiting_has_age_without_lag)
{
    struct heartbeat heartbeat = {0};

    heartbeat_busy(&heartbeat, 1000);
    heartbeat_idle(&heartbeat, 1100);
    ck_assert_int_eq(heartbeat_age_ms(&heartbeat, 1300), 200);
    ck_assert_int_eq(heartbeat_lag_ms(&heartbeat, 1300), 0);
    ck_assert(!heartbeat_is_busy(&heartbeat));
}

TEST(heartbeat_stopped_has_no_age)
{
    struct heartbeat heartbeat = {0};

    heartbeat_busy(&heartbeat, 1000);
    heartbeat_stop(&heartbeat);
    ck_assert_int_eq(heartbeat_age_ms(&heartbeat, 99999), 0);
    ck_assert_int_eq(heartbeat_lag_ms(&heartbeat, 99999), 0);
    ck_assert(!heartbeat_is_busy(&heartbeat));
}

TEST(heartbeat_with_earlier_clock_is_not_negative)
{
    struct heartbeat heartbeat = {0};

    heartbeat_busy(&heartbeat, 1000);
    ck_assert_int_eq(heartbeat_age_ms(&heartbeat, 999), 0);
    ck_assert_int_eq(heartbeat_lag_ms(&heartbeat, 999), 0);
}
