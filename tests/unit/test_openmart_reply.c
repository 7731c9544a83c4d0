/* SPDX-License-Identifier: MIT */
/* test_openmart_reply.c - tests what callers receive if a call cannot be sent, is rejected, is
 * lost or is cancelled. test_openmart_verdict.c tests the meaning of responses completely. */
#include "client/openmart/openmart.h"

#include "base/json.h"
#include "base/mem.h"
#include "tests/unit/openmart_fixture.h"
#include "tests/unit/raw_server.h"
#include "tests/unit/transport_fixture.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

FIXTURE(openmart_fixture_setup, openmart_fixture_teardown);

#define BATCH "2fc8b627-1111"
#define TASK  "2fc8b627-aaaa"

/* --- Calls that cannot be sent ---------------------------------------------------------------- */

static void assert_unsendable(const struct received *received, enum err err)
{
    ck_assert_int_eq(received->reply.verdict, VERDICT_REFUSED);
    ck_assert_int_eq(received->reply.err, err);
    ck_assert_int_eq(received->reply.status, 0);
    ck_assert_str_ne(received->detail, "");
    ck_assert_str_eq(received->value, "none");
    raw_server_stop(fixture_server);
    ck_assert_uint_eq(raw_server_connections(fixture_server), 0);
}

RANGE_TEST(call_with_wrong_batch_size_is_rejected_locally, 0, 2)
{
    struct openmart_form forms[OPENMART_BATCH_MAX + 1];
    struct received received;

    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        forms[i] = fixture_form;
    fixture_serve_openmart(NULL, 0);
    fixture_submit(forms, _i ? ARRAY_LEN(forms) : 0, &received);
    assert_unsendable(&received, ERR_UPSTREAM_REJECTED);
}

TEST(call_with_too_many_bytes_is_rejected_locally)
{
    autofree char *name = fixture_filled(JSON_MAX_BYTES, 'a', "");
    const struct openmart_form form = {.domain = "x.org", .company_name = name};
    struct received received;

    fixture_serve_openmart(NULL, 0);
    fixture_submit(&form, 1, &received);
    assert_unsendable(&received, ERR_UPSTREAM_REJECTED);
}

static const char *const bad_ids[] = {"", " ", " a", "a\r\nX: y", "caf\xC3\xA9", "\x7F"};

LOOP_TEST(call_with_unsafe_id_is_rejected_locally, bad_ids)
{
    struct received received = {0};

    fixture_serve_openmart(NULL, 0);
    openmart_batch_status(fixture_openmart, bad_ids[_i], fixture_on_counts, &received);
    ck_assert_int_eq(received.times, 0);
    fixture_run_until_received(&received);
    assert_unsendable(&received, ERR_UPSTREAM_ERROR);
}

TEST(call_with_invalid_state_is_rejected_locally)
{
    struct received received = {0};

    fixture_serve_openmart(NULL, 0);
    openmart_task_ids(fixture_openmart, BATCH, "COMPLETED&x=y", fixture_on_ids, &received);
    fixture_run_until_received(&received);
    assert_unsendable(&received, ERR_UPSTREAM_ERROR);
}

/* --- Replies ---------------------------------------------------------------------------------- */

static const struct {
    struct raw_script script;
    enum verdict verdict;
    enum err err;
    int status;
    int64_t retry_after_s;
    const char *detail; /* NULL: any text */
} replies[] = {
    {FIXTURE_RESPONSE("400 No", "{\"detail\":\"Domain is required\"}"), VERDICT_REFUSED,
     ERR_UPSTREAM_REJECTED, 400, -1, "Domain is required"},
    {FIXTURE_RESPONSE("401 No", "{\"detail\":\"Invalid API Key: " FIXTURE_KEY "\"}"),
     VERDICT_REFUSED, ERR_UPSTREAM_AUTH, 401, -1, "Invalid API Key: ***"},
    {FIXTURE_RESPONSE("402 No", "{\"detail\":\"credit limit reached\"}"), VERDICT_REFUSED,
     ERR_CREDITS_EXHAUSTED, 402, -1, "credit limit reached"},
    {FIXTURE_RESPONSE("402 No", ""), VERDICT_REFUSED, ERR_UPSTREAM_ERROR, 402, -1, ""},
    {FIXTURE_RESPONSE("403 No", "{\"detail\":{\"code\":7}}"), VERDICT_REFUSED, ERR_UPSTREAM_BANNED,
     403, -1, ""},
    {FIXTURE_RESPONSE("403 No", "{\"message\":\"banned\"}"), VERDICT_REFUSED, ERR_UPSTREAM_BANNED,
     403, -1, "banned"},
    {FIXTURE_RESPONSE("403 No", "<html>checking your browser</html>"), VERDICT_REFUSED,
     ERR_UPSTREAM_ERROR, 403, -1, ""},
    {FIXTURE_RESPONSE("400 No", "<html>bad request</html>"), VERDICT_UNKNOWN,
     ERR_UPSTREAM_OUTCOME_UNKNOWN, 400, -1, ""},
    {FIXTURE_RESPONSE("400 No", "{}"), VERDICT_UNKNOWN, ERR_UPSTREAM_OUTCOME_UNKNOWN, 400, -1, ""},
    {FIXTURE_RESPONSE("302 Found\r\nLocation: /x", ""), VERDICT_UNKNOWN,
     ERR_UPSTREAM_OUTCOME_UNKNOWN, 302, -1, ""},
    {FIXTURE_RESPONSE("429 No\r\nRetry-After: 120", "{}"), VERDICT_RETRYABLE, ERR_UPSTREAM_ERROR,
     429, 120, ""},
    {FIXTURE_RESPONSE("429 No\r\nRetry-After: -1", "{}"), VERDICT_RETRYABLE, ERR_UPSTREAM_ERROR,
     429, -1, ""},
    {FIXTURE_RESPONSE("429 No\r\nRetry-After: 999999999", "{}"), VERDICT_RETRYABLE,
     ERR_UPSTREAM_ERROR, 429, 3600, ""},
    {FIXTURE_RESPONSE("503 No\r\nRetry-After: Fri, 01 Jan 2100 00:00:00 GMT", "busy"),
     VERDICT_UNKNOWN, ERR_UPSTREAM_OUTCOME_UNKNOWN, 503, 3600, ""},
    {FIXTURE_RESPONSE("503 No\r\nRetry-After: 1", "{\"detail\":\"busy\"}"), VERDICT_UNKNOWN,
     ERR_UPSTREAM_OUTCOME_UNKNOWN, 503, 1, "busy"},
    {FIXTURE_RESPONSE("503 No", "<html>busy</html>"), VERDICT_UNKNOWN, ERR_UPSTREAM_OUTCOME_UNKNOWN,
     503, -1, ""},
    {{.reads = 1, .end = RAW_CLOSE}, VERDICT_UNKNOWN, ERR_UPSTREAM_OUTCOME_UNKNOWN, 0, -1, NULL},
    {FIXTURE_RESPONSE("200 OK", "{\"batch_"), VERDICT_UNKNOWN, ERR_UPSTREAM_OUTCOME_UNKNOWN, 200,
     -1, ""},
    {FIXTURE_RESPONSE("202 OK", "{\"batch_id\":\"b\",\"detail\":\"x\"}"), VERDICT_DONE, ERR_OK, 202,
     -1, ""},
};

LOOP_TEST(reply_to_a_submit_reports_what_is_known, replies)
{
    struct received received;

    fixture_serve_openmart(&replies[_i].script, 1);
    fixture_submit(&fixture_form, 1, &received);
    ck_assert_int_eq(received.reply.verdict, replies[_i].verdict);
    ck_assert_int_eq(received.reply.err, replies[_i].err);
    ck_assert_int_eq(received.reply.status, replies[_i].status);
    ck_assert_int_eq(received.reply.retry_after_s, replies[_i].retry_after_s);
    ck_assert_int_ge(received.reply.took_ms, 0);
    if (replies[_i].detail)
        ck_assert_str_eq(received.detail, replies[_i].detail);
    else
        ck_assert_str_ne(received.detail, "");
    raw_server_stop(fixture_server);
    ck_assert_uint_eq(raw_server_requests(fixture_server), 1);
}

TEST(reply_submit_not_sent_is_retryable)
{
    char base_url[64];
    struct received received;

    snprintf(base_url, sizeof base_url, "http://127.0.0.1:%d", raw_server_refusing_port());
    fixture_use_base(base_url);
    fixture_submit(&fixture_form, 1, &received);
    ck_assert_int_eq(received.reply.verdict, VERDICT_RETRYABLE);
    ck_assert_int_eq(received.reply.err, ERR_UPSTREAM_ERROR);
    ck_assert_int_eq(received.reply.status, 0);
    ck_assert_str_ne(received.detail, "");
}

TEST(reply_over_the_size_limit_leaves_submit_unknown)
{
    autofree char *text = fixture_filled(3 * JSON_MAX_BYTES, ' ', "HTTP/1.1 200 OK\r\n\r\n");
    const struct raw_script script = RAW_SENDS(text, 0);
    struct received received;

    fixture_serve_openmart(&script, 1);
    fixture_submit(&fixture_form, 1, &received);
    raw_server_stop(fixture_server);
    ck_assert_int_eq(received.reply.verdict, VERDICT_UNKNOWN);
    ck_assert_int_eq(received.reply.status, 200);
}

/* Another read would be as large: the task ends, and its bytes are kept. */
TEST(reply_task_over_the_size_limit_is_done_and_unreadable)
{
    autofree char *text = fixture_filled(3 * JSON_MAX_BYTES, ' ', "HTTP/1.1 200 OK\r\n\r\n[1");
    const struct raw_script script = RAW_SENDS(text, 0);
    struct received received = {0};

    fixture_serve_openmart(&script, 1);
    openmart_read_task(fixture_openmart, TASK, fixture_on_task, &received);
    fixture_run_until_received(&received);
    raw_server_stop(fixture_server);
    ck_assert_int_eq(received.reply.verdict, VERDICT_DONE);
    ck_assert_str_eq(received.value, " 0 unreadable");
    ck_assert_mem_eq(received.excerpt, "[1  ", 4);
}

TEST(reply_error_over_the_size_limit_is_read_again)
{
    autofree char *text = fixture_filled(3 * JSON_MAX_BYTES, ' ', "HTTP/1.1 502 No\r\n\r\n");
    const struct raw_script script = RAW_SENDS(text, 0);
    struct received received = {0};

    fixture_serve_openmart(&script, 1);
    openmart_read_task(fixture_openmart, TASK, fixture_on_task, &received);
    fixture_run_until_received(&received);
    raw_server_stop(fixture_server);
    ck_assert_int_eq(received.reply.verdict, VERDICT_RETRYABLE);
    ck_assert_str_eq(received.value, "none");
}

TEST(reply_that_cannot_be_read_has_an_excerpt_for_the_log)
{
    const struct raw_script script = FIXTURE_RESPONSE(
        "200 OK", "{\"id\":\"b-7\",\n\"by\":\"me@x.com\",\"key\":\"" FIXTURE_KEY "\"}");
    struct received received;

    fixture_serve_openmart(&script, 1);
    fixture_submit(&fixture_form, 1, &received);
    ck_assert_int_eq(received.reply.verdict, VERDICT_UNKNOWN);
    ck_assert_str_eq(received.excerpt, "{\"id\":\"b-7\", \"by\":\"**@x.com\",\"key\":\"***\"}");
}

TEST(reply_missing_task_reports_its_404)
{
    const struct raw_script script =
        FIXTURE_RESPONSE("404 Not Found", "{\"detail\":\"no such task\"}");
    struct received received = {0};

    fixture_serve_openmart(&script, 1);
    openmart_read_task(fixture_openmart, TASK, fixture_on_task, &received);
    fixture_run_until_received(&received);
    ck_assert_int_eq(received.reply.verdict, VERDICT_REFUSED);
    ck_assert_int_eq(received.reply.status, 404);
    ck_assert_str_eq(received.detail, "no such task");
}

/* --- Cancelling ------------------------------------------------------------------------------- */

static const struct raw_script balance = FIXTURE_RESPONSE("200 OK", "{\"balance\":4711}");

TEST(call_cancelled_runs_no_callback)
{
    const struct raw_script scripts[] = {{.reads = 1, .end = RAW_HOLD}, balance};
    struct received cancelled = {0}, received = {0};

    fixture_serve_openmart(scripts, 2);
    openmart_cancel(
        openmart_submit(fixture_openmart, &fixture_form, 1, fixture_on_submit, &cancelled));
    openmart_cancel(openmart_batch_status(fixture_openmart, "", fixture_on_counts, &cancelled));
    struct openmart_call *call =
        openmart_read_task(fixture_openmart, TASK, fixture_on_task, &cancelled);
    transport_run(fixture_transport);
    openmart_cancel(call);
    transport_run(fixture_transport);
    raw_server_stop(fixture_server);
    openmart_free(fixture_openmart);
    raw_server_free(fixture_server);
    fixture_serve_openmart(&balance, 1);
    openmart_credit_balance(fixture_openmart, fixture_on_balance, &received);
    fixture_run_until_received(&received);
    ck_assert_int_eq(cancelled.times, 0);
}

TEST(call_may_be_cancelled_in_its_callback)
{
    struct received received = {0};

    fixture_serve_openmart(&balance, 1);
    received.call = openmart_credit_balance(fixture_openmart, fixture_on_balance, &received);
    fixture_run_until_received(&received);
    ck_assert_str_eq(received.value, "4711");
}
