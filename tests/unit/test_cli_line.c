/* SPDX-License-Identifier: MIT */
/* test_cli_line.c - tests how `emails` reads the results of the server, and the exit status that
 * they mean. */
#include "client/emails/line.h"

#include "base/json.h"
#include "base/mem.h"
#include "tests/support/suite.h"

#include <string.h>

#define RESULT                                                                                     \
    "{\"index\":3,\"input\":\"A.com\",\"status\":200,\"outcome\":\"hit\",\"charged\":\"no\","      \
    "\"domain\":\"a.com\",\"company_name\":\"A\",\"emails\":[{\"email\":\"info@a.com\","           \
    "\"status\":\"VALID\"}],\"count\":1}"

#define TWO_RESULTS RESULT RESULT

static struct slice text(const char *s)
{
    return (struct slice){s, strlen(s)};
}

TEST(line_of_a_result_has_addresses)
{
    struct line line;

    ck_assert_int_eq(line_read(text(RESULT), &line), ERR_OK);
    ck_assert_int_eq(line.index, 3);
    ck_assert_int_eq(line.http_status, 200);
    ck_assert_str_eq(line.outcome, "hit");
    ck_assert_str_eq(line.charged, "no");
    ck_assert_str_eq(line.domain, "a.com");
    ck_assert_str_eq(line.company_name, "A");
    ck_assert_uint_eq(json_size(line.emails), 1);
    ck_assert_ptr_null(line.code);
    ck_assert(!line_asks_for_another_try(&line));
    ck_assert_int_eq(line_exit_status(&line), STATUS_OK);
    line_done(&line);
}

static const char *const invalid[] = {
    "", "{", "[]", "1", "{}", "{\"status\":200}", "{\"problem\":1}", TWO_RESULTS,
};

LOOP_TEST(line_that_is_no_result_is_rejected, invalid)
{
    struct line line;

    ck_assert_int_eq(line_read(text(invalid[_i]), &line), ERR_SYNTAX);
}

static const struct {
    int http_status;
    const char *code;
    bool is_tried_again;
    enum status status;
} problems[] = {
    {400, "invalid-domain", false, STATUS_FAILED},
    {401, "unauthorized", false, STATUS_DENIED},
    {403, "forbidden", false, STATUS_DENIED},
    {409, "cancelled", false, STATUS_FAILED},
    {402, "credits-exhausted", false, STATUS_EXHAUSTED},
    {429, "quota-exceeded", false, STATUS_EXHAUSTED},
    {429, "rate-limited", true, STATUS_UNREACHABLE},
    {502, "upstream-error", false, STATUS_FAILED},
    {503, "draining", true, STATUS_UNREACHABLE},
    {503, "paused", true, STATUS_UNREACHABLE},
    {504, "still-processing", true, STATUS_IN_PROGRESS},
    {504, "not-cached", false, STATUS_FAILED},
};

LOOP_TEST(line_of_a_problem_has_a_status, problems)
{
    struct buf autobuf out = BUF_INIT(4096);
    struct line line;

    buf_addf(&out,
             "{\"index\":0,\"status\":%d,\"outcome\":\"failed\",\"charged\":\"no\","
             "\"problem\":{\"title\":\"t\",\"detail\":\"d\",\"code\":\"%s\"}}",
             problems[_i].http_status, problems[_i].code);
    ck_assert_int_eq(line_read(text(buf_str(&out)), &line), ERR_OK);
    ck_assert_str_eq(line.code, problems[_i].code);
    ck_assert_str_eq(line.detail, "d");
    ck_assert(line_asks_for_another_try(&line) == problems[_i].is_tried_again);
    ck_assert_int_eq(line_exit_status(&line), problems[_i].status);
    line_done(&line);
}

/* Too many requests of the key wait, which passes. */
TEST(line_of_a_quota_that_is_not_used_up_is_tried_again)
{
    struct line line = {.http_status = 429, .code = "quota-exceeded", .is_temporary = true};

    ck_assert(line_asks_for_another_try(&line));
    ck_assert_int_eq(line_exit_status(&line), STATUS_UNREACHABLE);
}

TEST(line_of_a_document_is_like_a_line)
{
    struct buf autobuf out = BUF_INIT(4096);
    struct line line;

    line_of_problem(text("{\"code\":\"invalid-domain\",\n\"title\":\"t\",\"charged\":\"no\"}\n"),
                    400, &out);
    ck_assert_str_eq(buf_str(&out),
                     "{\"status\":400,\"outcome\":\"rejected\",\"charged\":\"no\",\"problem\":"
                     "{\"code\":\"invalid-domain\", \"title\":\"t\",\"charged\":\"no\"} }");
    ck_assert_int_eq(line_read(text(buf_str(&out)), &line), ERR_OK);
    ck_assert_str_eq(line.detail, "t");
    line_done(&line);
    buf_clear(&out);
    line_of_problem(text("{\"code\":\"internal\",\"charged\":\"maybe\"}"), 500, &out);
    ck_assert_ptr_nonnull(strstr(buf_str(&out), "\"failed\",\"charged\":\"maybe\",\"problem\""));
}

TEST(line_that_is_too_long_keeps_what_precedes_the_addresses)
{
    struct buf autobuf out = BUF_INIT(JSON_MAX_BYTES * 2);
    struct line line;

    buf_add_str(&out, "{\"index\":1,\"status\":200,\"domain\":\"a.com\",\"emails\":[");
    while (out.len <= JSON_MAX_BYTES)
        buf_add_str(&out, "{\"email\":\"info@a.com\",\"status\":\"VALID\"},");
    buf_add_str(&out, "{}]}");
    ck_assert_int_eq(line_read((struct slice){out.data, out.len}, &line), ERR_OK);
    ck_assert_int_eq(line.index, 1);
    ck_assert_str_eq(line.domain, "a.com");
    ck_assert_ptr_null(line.emails);
    ck_assert_uint_eq(line.text.len, out.len);
    line_done(&line);
}

/* The order in which several statuses count. */
static const enum status order[] = {STATUS_DENIED,      STATUS_UNREACHABLE, STATUS_EXHAUSTED,
                                    STATUS_IN_PROGRESS, STATUS_FAILED,      STATUS_OK};

LOOP_TEST(status_that_counts_is_the_worse_one, order)
{
    for (size_t other = (size_t)_i; other < ARRAY_LEN(order); other++) {
        ck_assert_int_eq(status_worse(order[_i], order[other]), order[_i]);
        ck_assert_int_eq(status_worse(order[other], order[_i]), order[_i]);
    }
}
