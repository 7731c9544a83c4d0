/* SPDX-License-Identifier: MIT */
/* test_slice.c - tests the comparison of slices with texts, and the parser of seconds. */
#include "base/slice.h"

#include "base/mem.h"

#include "tests/support/suite.h"

static const struct {
    struct slice slice;
    const char *text;
    bool equals, equals_nocase;
} pairs[] = {
    {{"Host: x", 4}, "Host", true, true},        {{"hOST", 4}, "Host", false, true},
    {{"Hos", 3}, "Host", false, false},          {{"Hosts", 5}, "Host", false, false},
    {{"Ho\0t", 4}, "Ho", false, false},          {{"", 0}, "", true, true},
    {{"\xc3\xa4", 2}, "\xc3\x84", false, false},
};

LOOP_TEST(slice_equals_a_text_of_the_same_bytes, pairs)
{
    ck_assert_int_eq(slice_equals(pairs[_i].slice, pairs[_i].text), pairs[_i].equals);
    ck_assert_int_eq(slice_equals_nocase(pairs[_i].slice, pairs[_i].text), pairs[_i].equals_nocase);
}

static const struct {
    struct slice digits;
    int64_t seconds; /* -1 = not a number of seconds */
} numbers[] = {
    {{"0", 1}, 0},
    {{"30", 2}, 30},
    {{"0030", 4}, 30},
    {{"300", 2}, 30},
    {{"2147483647", 10}, 2147483647},
    {{"2147483648", 10}, SLICE_SECONDS_MAX},
    {{"99999999999999999999999999", 26}, SLICE_SECONDS_MAX},
    {{"", 0}, -1},
    {{NULL, 0}, -1},
    {{" 3", 2}, -1},
    {{"3 ", 2}, -1},
    {{"-3", 2}, -1},
    {{"+3", 2}, -1},
    {{"3.5", 3}, -1},
    {{"1\0", 2}, -1},
    {{"99999999999999999999999999s", 27}, -1},
};

LOOP_TEST(slice_seconds_are_digits_only, numbers)
{
    int64_t seconds = -1;

    ck_assert_int_eq(slice_parse_seconds(numbers[_i].digits, &seconds), numbers[_i].seconds >= 0);
    ck_assert_int_eq(seconds, numbers[_i].seconds);
}
