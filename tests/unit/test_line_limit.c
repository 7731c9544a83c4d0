/* SPDX-License-Identifier: MIT */
/* test_line_limit.c - tests which log lines are written, and that the others are counted once. */
#include "base/line_limit.h"

#include "tests/support/suite.h"

static struct line_limit limit;

static int write_lines(int n, int64_t now_ms)
{
    int written = 0;

    for (int i = 0; i < n; i++)
        written += line_limit_admits(&limit, now_ms);
    return written;
}

TEST(line_limit_admits_its_number_of_lines_each_second)
{
    ck_assert_int_eq(write_lines(LINE_LIMIT, 5000), LINE_LIMIT);
    ck_assert(!line_limit_is_exceeded(&limit));
    ck_assert_int_eq(write_lines(7, 5999), 0);
    ck_assert(line_limit_is_exceeded(&limit));
    ck_assert_uint_eq(line_limit_take(&limit, 5999), 0);
    ck_assert_uint_eq(line_limit_take(&limit, 6000), 7);
    ck_assert_int_eq(write_lines(100, 6000), LINE_LIMIT);
}

TEST(line_limit_reports_each_line_once)
{
    write_lines(LINE_LIMIT + 3, 0);
    ck_assert_uint_eq(line_limit_take(&limit, 90000), 3);
    ck_assert_uint_eq(line_limit_take(&limit, 90000), 0);
    ck_assert_uint_eq(line_limit_take(&limit, 99000), 0);
    ck_assert(!line_limit_is_exceeded(&limit));
}

/* A line that comes before the report of an earlier second is counted with it. */
TEST(line_limit_loses_no_line_without_a_report)
{
    write_lines(LINE_LIMIT + 3, 1000);
    ck_assert_int_eq(write_lines(2, 2000), 0);
    ck_assert_uint_eq(line_limit_take(&limit, 2000), 5);
}

TEST(line_limit_ignores_a_clock_that_is_late)
{
    write_lines(LINE_LIMIT, 8000);
    ck_assert_int_eq(write_lines(4, 7999), 0);
    ck_assert_uint_eq(line_limit_take(&limit, 7999), 0);
    ck_assert_uint_eq(line_limit_take(&limit, 9000), 4);
}
