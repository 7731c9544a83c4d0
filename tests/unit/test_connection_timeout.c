/* SPDX-License-Identifier: MIT */
/* test_connection_timeout.c - tests that each phase of a connection has its timeout, counted
 * from the start of the phase. */
#include "http/net/connection_timeout.h"

#include "tests/support/suite.h"
#include <stddef.h>

static struct connection_timeouts all;
static struct connection_timeout one, other;

static void setup(void)
{
    all = (struct connection_timeouts){
        .after_ms = {[PHASE_HEADER] = 8, [PHASE_SENDING] = 30, [PHASE_IDLE] = 60}};
    one = other = (struct connection_timeout){0};
}

FIXTURE(setup, NULL);

TEST(timeout_unset_is_never_due)
{
    ck_assert_int_eq(connection_timeouts_next_ms(&all), INT64_MAX);
    ck_assert_ptr_null(connection_timeouts_pop_expired(&all, INT64_MAX));
}

TEST(timeout_expires_exactly_once_at_its_time)
{
    connection_enter_phase(&all, &one, PHASE_HEADER, 100);
    ck_assert_int_eq(connection_timeouts_next_ms(&all), 108);
    ck_assert_ptr_null(connection_timeouts_pop_expired(&all, 107));
    ck_assert_ptr_eq(connection_timeouts_pop_expired(&all, 108), &one);
    ck_assert_ptr_null(connection_timeouts_pop_expired(&all, 108));
    ck_assert_int_eq(connection_timeouts_next_ms(&all), INT64_MAX);
}

TEST(timeout_set_again_counts_from_then)
{
    connection_enter_phase(&all, &one, PHASE_HEADER, 0);
    connection_enter_phase(&all, &one, PHASE_SENDING, 5);
    ck_assert_ptr_null(connection_timeouts_pop_expired(&all, 34));
    ck_assert_ptr_eq(connection_timeouts_pop_expired(&all, 35), &one);
}

TEST(timeout_removed_never_expires)
{
    connection_enter_phase(&all, &one, PHASE_IDLE, 0);
    connection_enter_phase(&all, &one, PHASE_NONE, 0);
    connection_enter_phase(&all, &one, PHASE_NONE, 0);
    ck_assert_ptr_null(connection_timeouts_pop_expired(&all, 1000));
}

TEST(timeout_earliest_of_all_kinds_is_next)
{
    struct connection_timeout third = {0};

    connection_enter_phase(&all, &third, PHASE_IDLE, 0);   /* 60 */
    connection_enter_phase(&all, &one, PHASE_HEADER, 0);   /* 8 */
    connection_enter_phase(&all, &other, PHASE_HEADER, 1); /* 9 */
    ck_assert_int_eq(connection_timeouts_next_ms(&all), 8);
    ck_assert_ptr_eq(connection_timeouts_pop_expired(&all, 9), &one);
    ck_assert_ptr_eq(connection_timeouts_pop_expired(&all, 9), &other);
    ck_assert_ptr_null(connection_timeouts_pop_expired(&all, 59));
    ck_assert_ptr_eq(connection_timeouts_pop_expired(&all, 60), &third);
}
