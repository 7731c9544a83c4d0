/* SPDX-License-Identifier: MIT */
/* test_field_value.c - tests that lines of one field are joined, and lists are split at their
 * own commas. */
#include "base/mem.h"
#include "http/protocol/field_value.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

static void note(struct field_lines *lines, const char *name, const char *value)
{
    field_lines_add(lines, (struct slice){name, strlen(name)},
                    (struct slice){value, strlen(value)});
}

TEST(field_missing_is_null)
{
    struct field_lines lines = {.name = "Prefer"};
    struct joined_lines *keep = NULL;

    note(&lines, "Prefe", "x");
    note(&lines, "Preferred", "x");
    ck_assert_ptr_null(field_lines_join(&lines, &keep));
    ck_assert_ptr_null(keep);
}

TEST(field_single_line_is_not_copied)
{
    struct field_lines lines = {.name = "Prefer"};
    struct joined_lines *keep = NULL;
    const char *value = "wait=1";

    note(&lines, "Accept", "x");
    note(&lines, "prefer", value);
    ck_assert_ptr_eq(field_lines_join(&lines, &keep), value);
    ck_assert_ptr_null(keep);
}

TEST(field_joined_value_lives_until_all_is_freed)
{
    struct field_lines one = {.name = "A"}, other = {.name = "B"};
    struct joined_lines *keep = NULL;

    note(&one, "A", "1");
    note(&one, "a", "");
    note(&one, "A", "3");
    note(&other, "B", "x");
    note(&other, "B", "y");
    const char *first = field_lines_join(&one, &keep), *second = field_lines_join(&other, &keep);
    ck_assert_str_eq(first, "1, , 3");
    ck_assert_str_eq(second, "x, y");
    joined_lines_free(keep);
    joined_lines_free(NULL);
}

static const struct {
    const char *text;
    char stop;
    size_t at;
} rows[] = {
    {"", ',', 0},      {"abc", ',', 3},       {"ab,c", ',', 2},          {"a;b,c", ';', 1},
    {"a,b;c", ';', 1}, {"\"a,b\",c", ',', 5}, {"\"a\\\",b\",c", ',', 7}, {"\"a,b", ',', 4},
    {"\"a\\", ',', 3}, {"\"", ',', 1},        {"a=\"\",b", ',', 4},      {"\\,a", ',', 1},
};

LOOP_TEST(field_list_is_split_outside_quoted_strings, rows)
{
    const char *end = field_value_find(rows[_i].text, rows[_i].stop);

    ck_assert_msg((size_t)(end - rows[_i].text) == rows[_i].at, "%s: %zu", rows[_i].text,
                  (size_t)(end - rows[_i].text));
}
