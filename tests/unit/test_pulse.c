/* SPDX-License-Identifier: MIT */
/* test_pulse.c - a loop that waits is told from one that hangs. */
#include "base/pulse.h"

#include "tests/support/suite.h"

TEST(one_that_has_not_begun_is_old_and_does_not_lag)
{
    struct pulse pulse = {0};

    ck_assert_int_eq(pulse_age_ms(&pulse, 5000), 5000);
    ck_assert_int_eq(pulse_lag_ms(&pulse, 5000), 0);
}

TEST(one_that_works_ages_and_lags)
{
    struct pulse pulse = {0};

    pulse_works(&pulse, 1000);
    ck_assert_int_eq(pulse_age_ms(&pulse, 1300), 300);
    ck_assert_int_eq(pulse_lag_ms(&pulse, 1300), 300);
}

TEST(one_that_waits_ages_but_does_not_lag)
{
    struct pulse pulse = {0};

    pulse_works(&pulse, 1000);
    pulse_waits(&pulse, 1100);
    ck_assert_int_eq(pulse_age_ms(&pulse, 1300), 200);
    ck_assert_int_eq(pulse_lag_ms(&pulse, 1300), 0);
}

TEST(one_that_has_ended_is_never_old)
{
    struct pulse pulse = {0};

    pulse_works(&pulse, 1000);
    pulse_ends(&pulse);
    ck_assert_int_eq(pulse_age_ms(&pulse, 99999), 0);
    ck_assert_int_eq(pulse_lag_ms(&pulse, 99999), 0);
}

TEST(a_clock_that_was_read_earlier_makes_no_negative_time)
{
    struct pulse pulse = {0};

    pulse_works(&pulse, 1000);
    ck_assert_int_eq(pulse_age_ms(&pulse, 999), 0);
    ck_assert_int_eq(pulse_lag_ms(&pulse, 999), 0);
}
