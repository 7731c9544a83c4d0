/* SPDX-License-Identifier: MIT */
/* test_problem.c - tests errors as documents and as pages. */
#include "base/json.h"
#include "base/mem.h"
#include "http/core/problem.h"
#include "http/endpoints/endpoints.h"

#include "bare_request.h"
#include "tests/support/suite.h"
#include <stdlib.h>
#include <string.h>

/* ---- documents ---- */

TEST(problem_document_has_the_published_shape)
{
    struct request request = {0};
    struct problem problem = problem_of(ERR_INVALID_DOMAIN, "'milvali' has no \"suffix\"");
    struct reply reply;

    problem_reply(&request, &problem, &reply);
    ck_assert_int_eq(reply.status, 400);
    ck_assert_str_eq(reply.owned_body,
                     "{\"type\":\"/problems/invalid-domain\","
                     "\"title\":\"Invalid domain\",\"status\":400,"
                     "\"detail\":\"'milvali' has no \\\"suffix\\\"\",\"code\":\"invalid-domain\","
                     "\"retryable\":false,\"charged\":\"no\",\"request_id\":\"id-1\"}\n");
    ck_assert_str_eq(header_of(&reply, "Content-Type"), "application/problem+json");
    ck_assert_str_eq(header_of(&reply, "Cache-Control"), "no-store");
    ck_assert_ptr_null(header_of(&reply, "Retry-After"));
    free(reply.owned_body);
}

TEST(problem_without_detail_has_its_title)
{
    struct request request = {0};

    problem_send(&request, ERR_NOT_FOUND, NULL);
    ck_assert_ptr_nonnull(strstr(request.reply.owned_body, "\"detail\":\"Not found\""));
    request_done(&request);
}

TEST(problem_charged_of_the_case_overrides_the_table)
{
    struct request request = {0};
    struct problem problem = problem_of(ERR_LOOKUP_FAILED, NULL);
    struct reply reply;

    ck_assert_int_eq(problem.charged, CHARGED_MAYBE);
    problem.charged = CHARGED_YES;
    problem_reply(&request, &problem, &reply);
    ck_assert_ptr_nonnull(strstr(reply.owned_body, "\"charged\":\"yes\""));
    free(reply.owned_body);
}

static const struct {
    enum err err;
    enum charged charged;
    int given_s;
    const char *header;
} retries[] = {
    {ERR_OVERLOADED, CHARGED_NO, 0, "1"},
    {ERR_DRAINING, CHARGED_NO, 7, "7"},
    {ERR_STILL_PROCESSING, CHARGED_MAYBE, 0, NULL},
    {ERR_STILL_PROCESSING, CHARGED_MAYBE, 12, "12"},
    {ERR_NOT_FOUND, CHARGED_NO, 0, NULL},
    /* A request after that time could pay again. */
    {ERR_LOOKUP_FAILED, CHARGED_MAYBE, 57, NULL},
    {ERR_LOOKUP_FAILED, CHARGED_YES, 57, NULL},
    {ERR_LOOKUP_FAILED, CHARGED_NO, 57, "57"},
    {ERR_UPSTREAM_OUTCOME_UNKNOWN, CHARGED_MAYBE, 600, NULL},
};

LOOP_TEST(problem_sets_retry_after_if_a_repeated_request_cannot_pay_again, retries)
{
    struct request request = {0};
    struct problem problem = problem_of(retries[_i].err, NULL);
    struct reply reply;

    problem.charged = retries[_i].charged;
    problem.retry_after_s = retries[_i].given_s;
    problem_reply(&request, &problem, &reply);
    ck_assert_pstr_eq(header_of(&reply, "Retry-After"), retries[_i].header);
    free(reply.owned_body);
}

TEST(problem_with_long_detail_is_a_complete_document)
{
    struct request request = {0};
    char detail[20000];
    struct json *doc = NULL;

    memset(detail, '\x01', sizeof detail - 1); /* six times as long when escaped */
    detail[sizeof detail - 1] = '\0';
    problem_send(&request, ERR_INTERNAL, detail);
    ck_assert_int_eq(json_parse(request.reply.body.data, request.reply.body.len, &doc), ERR_OK);
    ck_assert_str_eq(json_get_string(doc, "code"), "internal");
    json_free(doc);
    request_done(&request);
}

TEST(problem_of_internal_error_is_exposed_as_internal)
{
    struct request request = {0};

    problem_send(&request, ERR_SYSTEM, NULL);
    ck_assert_int_eq(request.reply.status, 500);
    ck_assert_ptr_nonnull(strstr(request.reply.owned_body, "\"code\":\"internal\""));
    request_done(&request);
}

/* ---- every row ---- */

#define X(name, code, status, retryable, charged, title) ERR_##name,
static const enum err all[] = {ERR_TABLE(X)};
#undef X

LOOP_TEST(problem_document_of_every_row_reads_back, all)
{
    const struct err_row *row = err_row(all[_i]);
    struct request request = {0};
    struct json *doc = NULL;
    char type[128] = "/problems/";

    problem_send(&request, all[_i], NULL);
    ck_assert_int_eq(json_parse(request.reply.body.data, request.reply.body.len, &doc), ERR_OK);
    memcpy(type + strlen(type), row->code, strlen(row->code) + 1);
    ck_assert_str_eq(json_get_string(doc, "type"), type);
    ck_assert_str_eq(json_get_string(doc, "title"), row->title);
    ck_assert_int_eq(json_get_int(doc, "status", 0), row->status);
    ck_assert_int_eq(json_get_bool(doc, "retryable", !row->retryable), row->retryable);
    ck_assert_str_eq(json_get_string(doc, "charged"), charged_word(row->charged));
    ck_assert_str_eq(json_get_string(doc, "request_id"), "id-1");
    json_free(doc);
    request_done(&request);
}

LOOP_TEST(problem_every_row_has_its_page, all)
{
    const struct err_row *row = err_row(all[_i]);
    struct request request = {.tail = row->code};

    problem_page(&request);
    ck_assert_int_eq(request.reply.status, 200);
    ck_assert_str_eq(header_of(&request.reply, "Content-Type"), "text/plain; charset=utf-8");
    ck_assert_ptr_nonnull(strstr(request.reply.owned_body, row->code));
    ck_assert_ptr_nonnull(strstr(request.reply.owned_body, row->title));
    request_done(&request);
}

RANGE_TEST(problem_unknown_code_has_no_page, 0, 5)
{
    static const char *const tails[] = {"", "nope", "not-foun", "not-found2", "NOT-FOUND"};
    struct request request = {.tail = tails[_i]};

    problem_page(&request);
    ck_assert_int_eq(request.reply.status, 404);
    request_done(&request);
}
