/* SPDX-License-Identifier: MIT */
/* test_err.c - tests that the table of errors is complete: every row finds itself, codes are
 * unique, and internal errors are exposed as `internal`. */
#include "base/err.h"
#include "base/mem.h"

#include "tests/support/suite.h"
#include <string.h>

/* Repeats the table, so that no code or status changes unnoticed. */
static const struct {
    enum err err;
    const char *code;
    int status;
} promised[] = {
    {ERR_MISSING_DOMAIN, "missing-domain", 400},
    {ERR_INVALID_BODY, "invalid-body", 400},
    {ERR_CANCELLED_LOOKUP, "cancelled", 409},
    {ERR_LENGTH_REQUIRED, "length-required", 411},
    {ERR_UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", 415},
    {ERR_PUBLIC_SUFFIX, "public-suffix", 422},
    {ERR_RATE_LIMITED, "rate-limited", 429},
    {ERR_QUOTA_EXCEEDED, "quota-exceeded", 429},
    {ERR_CREDITS_EXHAUSTED, "credits-exhausted", 402},
    {ERR_INTERNAL, "internal", 500},
    {ERR_UPSTREAM_OUTCOME_UNKNOWN, "upstream-outcome-unknown", 502},
    {ERR_OVERLOADED, "overloaded", 503},
    {ERR_DRAINING, "draining", 503},
    {ERR_STILL_PROCESSING, "still-processing", 504},
    {ERR_NOT_CACHED, "not-cached", 504},
};

LOOP_TEST(err_codes_and_statuses_are_the_published_ones, promised)
{
    const struct err_row *row = err_row(promised[_i].err);

    ck_assert_str_eq(row->code, promised[_i].code);
    ck_assert_int_eq(row->status, promised[_i].status);
}

RANGE_TEST(err_row_is_found_by_number_and_code, ERR_OK + 1, ERR_PUBLIC_END)
{
    const struct err_row *row = err_row((enum err)_i);

    ck_assert_int_eq((int)row->err, _i);
    ck_assert_ptr_eq(err_row_by_code(row->code, strlen(row->code)), row);
}

RANGE_TEST(err_row_has_a_valid_code_status_and_title, ERR_OK + 1, ERR_PUBLIC_END)
{
    const struct err_row *row = err_row((enum err)_i);

    ck_assert_uint_gt(strlen(row->code), 0);
    ck_assert_uint_eq(strspn(row->code, "abcdefghijklmnopqrstuvwxyz-"), strlen(row->code));
    ck_assert_int_ge(row->status, 400);
    ck_assert_int_le(row->status, 599);
    ck_assert_uint_gt(strlen(row->title), 0);
    ck_assert_int_ne(row->title[strlen(row->title) - 1], '.');
}

RANGE_TEST(err_caused_by_the_caller_is_not_charged, ERR_OK + 1, ERR_PUBLIC_END)
{
    const struct err_row *row = err_row((enum err)_i);

    if (row->status < 500)
        ck_assert_int_eq((int)row->charged, (int)CHARGED_NO);
}

TEST(err_without_a_row_is_exposed_as_internal)
{
    static const enum err rowless[] = {ERR_OK,     ERR_PUBLIC_END, ERR_SYSTEM, ERR_TOO_BIG,
                                       ERR_SYNTAX, ERR_NO_ENTRY,   ERR_AGAIN,  ERR_CANCELLED};

    for (size_t i = 0; i < ARRAY_LEN(rowless); i++)
        ck_assert_int_eq((int)err_row(rowless[i])->err, (int)ERR_INTERNAL);
}

TEST(err_is_found_by_its_complete_code_only)
{
    static const char code[] = "not-found";

    ck_assert_ptr_nonnull(err_row_by_code("not-found-at-all", strlen(code)));
    ck_assert_ptr_null(err_row_by_code(code, strlen(code) - 1));
    ck_assert_ptr_null(
        err_row_by_code(code, sizeof code)); /* includes its NUL, which is not part of it */
    ck_assert_ptr_null(err_row_by_code("not-founD", strlen(code)));
    ck_assert_ptr_null(err_row_by_code("", 0));
}

TEST(err_texts_are_unique)
{
    for (int a = ERR_MISSING_DOMAIN; a <= ERR_CANCELLED; a++)
        for (int b = ERR_MISSING_DOMAIN; b < a; b++)
            ck_assert_msg(strcmp(err_words((enum err)a), err_words((enum err)b)) != 0,
                          "%d and %d share: %s", a, b, err_words((enum err)a));
    ck_assert_str_eq(err_words(ERR_OK), "ok");
    ck_assert_str_eq(err_words(ERR_SYSTEM), "system call failed");
    ck_assert_str_eq(err_words(ERR_NOT_FOUND), err_row(ERR_NOT_FOUND)->title);
}

TEST(err_charged_has_three_values)
{
    ck_assert_str_eq(charged_word(CHARGED_NO), "no");
    ck_assert_str_eq(charged_word(CHARGED_YES), "yes");
    ck_assert_str_eq(charged_word(CHARGED_MAYBE), "maybe");
}
