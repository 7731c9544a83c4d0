/* SPDX-License-Identifier: MIT */
/* test_sim_units.c - tests durations, counts and prices of the simulator's command line. */
#include "base/mem.h"
#include "tests/simulator/parse.h"

#include "tests/support/suite.h"

TEST(units_durations_have_millisecond_precision)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {{"26s", 26000}, {"250ms", 250}, {"0", 0},
                {"0s", 0},      {"2m", 120000}, {"1h", 3600000}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t ms = -1;
        ck_assert_int_eq(parse_duration(rows[i].text, &ms), ERR_OK);
        ck_assert_int_eq(ms, rows[i].ms);
    }
}

TEST(units_prices_have_three_decimals)
{
    static const struct {
        const char *text;
        int64_t thousandths;
    } rows[] = {{"0.3", 300}, {"1", 1000}, {"0.001", 1}, {"2.25", 2250}, {"0", 0}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t value = -1;
        ck_assert_int_eq(parse_thousandths(rows[i].text, &value), ERR_OK);
        ck_assert_int_eq(value, rows[i].thousandths);
    }
}

TEST(units_invalid_number_is_rejected_and_changes_nothing)
{
    static const char *const bad[] = {"",  " 1", "-1", "1 s", "s", "26 ", "99999999999999999999s",
                                      "1x"};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t value = 7;
        ck_assert_int_eq(parse_duration(bad[i], &value), ERR_SYNTAX);
        ck_assert_int_eq(parse_count(bad[i], &value), ERR_SYNTAX);
        ck_assert_int_eq(parse_thousandths(bad[i], &value), ERR_SYNTAX);
        ck_assert_int_eq(value, 7);
    }
}

TEST(units_duration_without_unit_is_rejected)
{
    int64_t value = 7;

    ck_assert_int_eq(parse_duration("26", &value), ERR_SYNTAX);
    ck_assert_int_eq(parse_thousandths("0.0001", &value), ERR_SYNTAX);
    ck_assert_int_eq(value, 7);
}
