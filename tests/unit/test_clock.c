/* SPDX-License-Identifier: MIT */
/* test_clock.c - tests clocks and date formats.
 *
 * A clock is constant within a loop iteration, and a fake clock moves only when it is moved.
 * Dates have the formats of RFC 3339 and RFC 9110. */
#include "base/clock.h"
#include "base/mem.h"

#include "tests/support/suite.h"
#include <inttypes.h>
#include <signal.h>
#include <time.h>

static const struct {
    int64_t wall_ms;
    const char *rfc3339, *http_date;
} dates[] = {
    {0, "1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
    {999, "1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
    {-1, "1969-12-31T23:59:59Z", "Wed, 31 Dec 1969 23:59:59 GMT"},
    {-1000, "1969-12-31T23:59:59Z", "Wed, 31 Dec 1969 23:59:59 GMT"},
    {-1001, "1969-12-31T23:59:58Z", "Wed, 31 Dec 1969 23:59:58 GMT"},
    {784111777000, "1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49:37 GMT"}, /* RFC 9110 */
    {951782400000, "2000-02-29T00:00:00Z", "Tue, 29 Feb 2000 00:00:00 GMT"},
    {1795432804000, "2026-11-23T11:20:04Z", "Mon, 23 Nov 2026 11:20:04 GMT"},
    {2147483648000, "2038-01-19T03:14:08Z", "Tue, 19 Jan 2038 03:14:08 GMT"},
    {4107542399999, "2100-02-28T23:59:59Z", "Sun, 28 Feb 2100 23:59:59 GMT"},
    {4107542400000, "2100-03-01T00:00:00Z", "Mon, 01 Mar 2100 00:00:00 GMT"},
    {4294967296000, "2106-02-07T06:28:16Z", "Sun, 07 Feb 2106 06:28:16 GMT"},
    {253402300799999, "9999-12-31T23:59:59Z", "Fri, 31 Dec 9999 23:59:59 GMT"},
};

LOOP_TEST(clock_dates_have_both_formats, dates)
{
    char text[CLOCK_TEXT];

    clock_rfc3339(dates[_i].wall_ms, text);
    ck_assert_str_eq(text, dates[_i].rfc3339);
    clock_http_date(dates[_i].wall_ms, text);
    ck_assert_str_eq(text, dates[_i].http_date);
}

TEST(clock_months_and_days_have_distinct_names)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    const int64_t day_ms = 24 * 3600 * 1000, monday_ms = 1795392000000;
    char text[CLOCK_TEXT];

    for (int64_t i = 0; i < 7; i++) {
        clock_http_date(monday_ms + i * day_ms, text);
        ck_assert_mem_eq(text, days[i], 3);
    }
    for (int64_t i = 0; i < 12; i++) {
        clock_http_date(1767225600000 + (i * 61 + 28) * day_ms / 2, text); /* in month i of 2026 */
        ck_assert_mem_eq(text + 8, months[i], 3);
    }
}

TEST(clock_extreme_times_fit_the_buffer)
{
    struct {
        char text[CLOCK_TEXT];
        char fence;
    } room = {.fence = '#'};
    static const int64_t times[] = {INT64_MIN, INT64_MAX, INT64_MIN / 1000, INT64_MAX / 1000};

    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        clock_rfc3339(times[i], room.text);
        clock_http_date(times[i], room.text);
        ck_assert_int_eq(room.fence, '#');
    }
}

static int64_t now_ms(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

TEST(clock_real_shows_the_system_time)
{
    int64_t before = now_ms(CLOCK_MONOTONIC);
    struct clock clock = clock_real();
    int64_t after = now_ms(CLOCK_MONOTONIC);

    ck_assert_int_ge(clock.now_ms, before);
    ck_assert_int_le(clock.now_ms, after);
    /* Another process may set the wall clock meanwhile, so the test only checks that it is in
     * these decades. */
    ck_assert_int_gt(clock.wall_ms, 1577836800000);
    ck_assert(!clock.fake);
}

TEST(clock_turn_moves_a_real_clock_to_now)
{
    struct clock clock = {.now_ms = -5, .wall_ms = -5};
    int64_t before = now_ms(CLOCK_MONOTONIC);

    clock_turn(&clock);
    ck_assert_int_ge(clock.now_ms, before);
    ck_assert_int_gt(clock.wall_ms, 0);
}

static const struct {
    int64_t ms, floor_s, ceil_s;
} spans[] = {
    {0, 0, 0},       {1, 0, 1},
    {999, 0, 1},     {1000, 1, 1},
    {1001, 1, 2},    {-1, -1, 0},
    {-999, -1, 0},   {-1000, -1, -1},
    {-1001, -2, -1}, {INT64_MAX, 9223372036854775, 9223372036854776},
};

LOOP_TEST(clock_seconds_are_rounded_down_or_up, spans)
{
    ck_assert_int_eq(clock_floor_s(spans[_i].ms), spans[_i].floor_s);
    ck_assert_int_eq(clock_ceil_s(spans[_i].ms), spans[_i].ceil_s);
}

TEST(clock_fake_moves_only_when_it_is_moved)
{
    struct clock clock = clock_fake(1795432804000);
    int64_t start_ms = clock.now_ms;

    clock_turn(&clock);
    ck_assert_int_eq(clock.now_ms, start_ms);
    ck_assert_int_eq(clock.wall_ms, 1795432804000);
    clock_advance(&clock, 26000);
    clock_turn(&clock);
    ck_assert_int_eq(clock.now_ms, start_ms + 26000);
    ck_assert_int_eq(clock.wall_ms, 1795432830000);
    clock_advance(&clock, 0);
    ck_assert_int_eq(clock.now_ms, start_ms + 26000);
}

static const struct {
    int64_t by_ms;
    bool is_jump;
} moves[] = {
    {CLOCK_JUMP_MS, true},      {-CLOCK_JUMP_MS, true},      {400 * CLOCK_JUMP_MS, true},
    {CLOCK_JUMP_MS - 1, false}, {-CLOCK_JUMP_MS + 1, false}, {0, false},
};

LOOP_TEST(clock_turn_notices_a_jump_of_an_hour, moves)
{
    struct clock clock = clock_fake(1795432804000);

    clock_advance(&clock, 400 * CLOCK_JUMP_MS); /* no jump, however long it takes */
    ck_assert(!clock_turn(&clock));
    clock.wall_ms += moves[_i].by_ms;
    ck_assert_int_eq(clock_turn(&clock), moves[_i].is_jump);
    ck_assert_int_eq(clock.jump_ms, moves[_i].is_jump ? moves[_i].by_ms : 0);
    ck_assert(!clock_turn(&clock)); /* once per jump */
}

TEST(clock_new_real_clock_has_not_jumped)
{
    struct clock clock = clock_real();

    ck_assert_int_eq(clock.jump_ms, 0);
    ck_assert_int_eq(clock_wall_since(&clock, clock.wall_ms - 1), clock.wall_ms);
}

TEST(clock_jump_does_not_count_for_what_happened_before_it)
{
    const int64_t jump_ms = 400 * CLOCK_JUMP_MS, before_ms = 1795432804000;
    struct clock clock = clock_fake(before_ms);

    clock.wall_ms += jump_ms;
    clock_turn(&clock);
    clock_advance(&clock, 5000);
    ck_assert_int_eq(clock_wall_since(&clock, before_ms), before_ms + 5000);
    ck_assert_int_eq(clock_wall_since(&clock, before_ms - jump_ms), before_ms + 5000);
    ck_assert_int_eq(clock_wall_since(&clock, before_ms + jump_ms), before_ms + jump_ms + 5000);
}

TEST(clock_jump_back_does_not_count_for_what_is_in_the_future_now)
{
    const int64_t jump_ms = -400 * CLOCK_JUMP_MS, before_ms = 1795432804000;
    struct clock clock = clock_fake(before_ms);

    clock.wall_ms += jump_ms;
    clock_turn(&clock);
    clock_advance(&clock, 5000);
    ck_assert_int_eq(clock_wall_since(&clock, before_ms), before_ms + 5000);
    ck_assert_int_eq(clock_wall_since(&clock, before_ms + jump_ms), before_ms + jump_ms + 5000);
}

SIGNAL_TEST(clock_real_moved_aborts, SIGABRT)
{
    struct clock clock = clock_real();

    clock_advance(&clock, 1);
}

SIGNAL_TEST(clock_moved_back_aborts, SIGABRT)
{
    struct clock clock = clock_fake(0);

    clock_advance(&clock, -1);
}
