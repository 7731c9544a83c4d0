/* SPDX-License-Identifier: MIT */
/* test_poll_timing.c - tests that intervals grow with the age of a batch, from a quarter of a
 * second to minutes. */
#include "lookup/batching/poll_timing.h"

#include "tests/support/suite.h"

TEST(poll_pause_is_a_tenth_of_the_age_up_to_five_minutes)
{
    ck_assert_int_eq(poll_pause_ms(0), 250);
    ck_assert_int_eq(poll_pause_ms(30000), 3000);
    ck_assert_int_eq(poll_pause_ms(600000), 60000);
    ck_assert_int_eq(poll_pause_ms(86400000), 300000);
}

/* Each wait has up to a quarter of jitter. */
static const struct {
    int failures;
    int64_t age_ms;
    enum verdict verdict;
    int64_t retry_after_s, wait_ms;
} waits[] = {
    {1, 0, VERDICT_RETRYABLE, -1, 1000},       {2, 0, VERDICT_RETRYABLE, -1, 2000},
    {3, 0, VERDICT_RETRYABLE, -1, 4000},       {9, 0, VERDICT_RETRYABLE, -1, 5000},
    {9, 600000, VERDICT_RETRYABLE, -1, 60000}, {20, 86400000, VERDICT_RETRYABLE, -1, 300000},
    {1, 0, VERDICT_RETRYABLE, 20, 20000},      {1, 0, VERDICT_RETRYABLE, 3600, 30000},
    {3, 0, VERDICT_REFUSED, -1, 4000},         {4, 0, VERDICT_REFUSED, -1, 30000},
};

LOOP_TEST(poll_back_off_doubles_up_to_the_interval_of_the_age, waits)
{
    const struct openmart_reply reply = {.verdict = waits[_i].verdict,
                                         .retry_after_s = waits[_i].retry_after_s};
    int64_t wait_ms = poll_back_off_ms(waits[_i].failures, waits[_i].age_ms, &reply);

    ck_assert_int_ge(wait_ms, waits[_i].wait_ms);
    ck_assert_int_le(wait_ms, waits[_i].wait_ms * 5 / 4);
}
