/* SPDX-License-Identifier: MIT */
/* test_err.c - the table of errors is whole: every row finds itself, no code stands twice, and what
 * never travels is shown as `internal`. */
#include "base/err.h"
#include "base/mem.h"

#include "tests/support/suite.h"
#include <string.h>

/* Written out by hand once more, so that a code or a status cannot change unnoticed. */
static const struct {
    enum err err;
    const char *code;
    int status;
} promised[] = {
    {ERR_MISSING_DOMAIN, "missing-domain", 400},
    {ERR_PUBLIC_SUFFIX, "public-suffix", 422},
    {ERR_CREDITS_EXHAUSTED, "credits-exhausted", 402},
    {ERR_INTERNAL, "internal", 500},
    {ERR_UPSTREAM_OUTCOME_UNKNOWN, "upstream-outcome-unknown", 502},
    {ERR_OVERLOADED, "overloaded", 503},
    {ERR_DRAINING, "draining", 503},
    {ERR_STILL_PROCESSING, "still-processing", 504},
    {ERR_NOT_CACHED, "not-cached", 504},
};

LOOP_TEST(codes_and_statuses_are_those_that_callers_know, promised)
{
    const struct err_row *row = err_row(promised[_i].err);

    ck_assert_str_eq(row->code, promised[_i].code);
    ck_assert_int_eq(row->status, promised[_i].status);
}

RANGE_TEST(every_row_finds_itself_by_number_and_by_code, ERR_OK + 1, ERR_PUBLIC_END)
{
    const struct err_row *row = err_row((enum err)_i);

    ck_assert_int_eq((int)row->err, _i);
    ck_assert_ptr_eq(err_row_by_code(row->code, strlen(row->code)), row);
}

RANGE_TEST(every_row_is_fit_to_be_shown, ERR_OK + 1, ERR_PUBLIC_END)
{
    const struct err_row *row = err_row((enum err)_i);

    ck_assert_uint_gt(strlen(row->code), 0);
    ck_assert_uint_eq(strspn(row->code, "abcdefghijklmnopqrstuvwxyz-"), strlen(row->code));
    ck_assert_int_ge(row->status, 400);
    ck_assert_int_le(row->status, 599);
    ck_assert_uint_gt(strlen(row->title), 0);
    ck_assert_int_ne(row->title[strlen(row->title) - 1], '.');
}

RANGE_TEST(what_is_the_callers_fault_costs_nothing, ERR_OK + 1, ERR_PUBLIC_END)
{
    const struct err_row *row = err_row((enum err)_i);

    if (row->status < 500)
        ck_assert_int_eq((int)row->charged, (int)CHARGED_NO);
}

TEST(errors_without_a_row_are_shown_as_internal)
{
    static const enum err rowless[] = {ERR_OK,     ERR_PUBLIC_END, ERR_SYSTEM, ERR_TOO_BIG,
                                       ERR_SYNTAX, ERR_ABSENT,     ERR_GONE};

    for (size_t i = 0; i < ARRAY_LEN(rowless); i++)
        ck_assert_int_eq((int)err_row(rowless[i])->err, (int)ERR_INTERNAL);
}

TEST(only_the_whole_code_finds_its_row)
{
    static const char code[] = "not-found";

    ck_assert_ptr_nonnull(err_row_by_code("not-found-at-all", strlen(code)));
    ck_assert_ptr_null(err_row_by_code(code, strlen(code) - 1));
    ck_assert_ptr_null(err_row_by_code(code, sizeof code)); /* its NUL is no part of it */
    ck_assert_ptr_null(err_row_by_code("not-founD", strlen(code)));
    ck_assert_ptr_null(err_row_by_code("", 0));
}

TEST(every_error_has_words_of_its_own)
{
    for (int a = ERR_MISSING_DOMAIN; a <= ERR_GONE; a++)
        for (int b = ERR_MISSING_DOMAIN; b < a; b++)
            ck_assert_msg(strcmp(err_words((enum err)a), err_words((enum err)b)) != 0,
                          "%d and %d share: %s", a, b, err_words((enum err)a));
    ck_assert_str_eq(err_words(ERR_OK), "ok");
    ck_assert_str_eq(err_words(ERR_SYSTEM), "system call failed");
    ck_assert_str_eq(err_words(ERR_NOT_FOUND), err_row(ERR_NOT_FOUND)->title);
}

TEST(charged_is_told_in_three_words)
{
    ck_assert_str_eq(charged_word(CHARGED_NO), "no");
    ck_assert_str_eq(charged_word(CHARGED_YES), "yes");
    ck_assert_str_eq(charged_word(CHARGED_MAYBE), "maybe");
}
