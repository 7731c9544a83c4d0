/* SPDX-License-Identifier: MIT */
/* test_openmart.c - tests the five calls as bytes on the wire, with their documented responses.
 * The server plays a script. */
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

/* The five calls with their documented responses, in the order of enum kind. */
enum kind { SUBMIT, STATUS, IDS, READ, BALANCE, N_KINDS };

static void start_call(enum kind kind, struct received *received)
{
    *received = (struct received){0};
    switch (kind) {
    case SUBMIT:
        openmart_submit(fixture_openmart, &fixture_form, 1, fixture_on_submit, received);
        break;
    case STATUS:
        openmart_batch_status(fixture_openmart, BATCH, fixture_on_counts, received);
        break;
    case IDS:
        openmart_task_ids(fixture_openmart, BATCH, "COMPLETED", fixture_on_ids, received);
        break;
    case READ:
        openmart_read_task(fixture_openmart, TASK, fixture_on_task, received);
        break;
    case BALANCE:
        openmart_credit_balance(fixture_openmart, fixture_on_balance, received);
        break;
    case N_KINDS:
        break;
    }
    fixture_run_until_received(received);
}

static const struct {
    struct raw_script script;
    const char *first_line, *value;
} calls[] = {
    [SUBMIT] = {FIXTURE_RESPONSE("200 OK", "{\"batch_id\":\"" BATCH "\",\"submit_for\":\"x\"}"),
                "POST /api/v1/task/batch/lookup_business_email HTTP/1.1\r\n", BATCH},
    [STATUS] = {FIXTURE_RESPONSE("200 OK",
                                 "{\"processing\":1,\"completed\":2,\"errored\":3,\"total\":6,"
                                 "\"batch_ready\":true}"),
                "GET /api/v1/task/batch/" BATCH "/status HTTP/1.1\r\n", "1 2 3 6 ready"},
    [IDS] = {FIXTURE_RESPONSE("200 OK", "[\"" TASK "\",\"b\"]"),
             "GET /api/v1/task/batch/" BATCH "/task_ids?status=COMPLETED HTTP/1.1\r\n", "2 " TASK},
    [READ] = {FIXTURE_RESPONSE(
                  "200 OK", "{\"status\":\"COMPLETED\",\"tracking_id\":\"m\",\"data\":[{\"email\":"
                            "\"info@milvali.com\",\"status\":\"VALID\"}]}"),
              "GET /api/v1/task/" TASK " HTTP/1.1\r\n", "m 1 info@milvali.com"},
    [BALANCE] = {FIXTURE_RESPONSE("200 OK", "{\"balance\":4711}"),
                 "GET /api/v2/credit-balance HTTP/1.1\r\n", "4711"},
};

RANGE_TEST(openmart_call_and_response_are_as_documented, 0, N_KINDS)
{
    struct received received;

    fixture_serve_openmart(&calls[_i].script, 1);
    start_call((enum kind)_i, &received);
    const char *request = raw_server_request(fixture_server, 0);
    ck_assert_msg(strncmp(request, calls[_i].first_line, strlen(calls[_i].first_line)) == 0, "%s",
                  request);
    ck_assert_int_eq(received.reply.verdict, VERDICT_DONE);
    ck_assert_int_eq(received.reply.status, 200);
    ck_assert_int_eq(received.reply.retry_after_s, -1);
    ck_assert_str_eq(received.detail, "");
    ck_assert_str_eq(received.value, calls[_i].value);
}

/* Shared caches do not store the response to a request with Authorization (RFC 9111, 3.5). The
 * response to a POST is not stored anyway. */
RANGE_TEST(openmart_call_has_the_key_in_its_headers_only, 0, N_KINDS)
{
    static const char *const headers[] = {"\r\nX-API-Key: " FIXTURE_KEY "\r\n",
                                          "\r\nAuthorization: Bearer " FIXTURE_KEY "\r\n"};
    const size_t n_headers = _i == SUBMIT ? 1 : 2;
    struct received received;

    fixture_serve_openmart(&calls[_i].script, 1);
    start_call((enum kind)_i, &received);
    const char *found = raw_server_request(fixture_server, 0);
    for (size_t i = 0; i < n_headers; i++) {
        ck_assert_ptr_nonnull(strstr(raw_server_request(fixture_server, 0), headers[i]));
        found = strstr(found, FIXTURE_KEY) + 1;
    }
    ck_assert_ptr_null(strstr(found, FIXTURE_KEY));
}

/* The ids and their segment of the path. */
static const struct {
    const char *id, *segment;
} segments[] = {
    {"batch:1 of <2fc8.b627>", "batch%3A1%20of%20%3C2fc8.b627%3E"},
    {"../../v2", "..%2F..%2Fv2"},
    {"a?b#c", "a%3Fb%23c"},
    {"a%2eb", "a%252eb"},
    {"..", "%2E%2E"},
    {".", "%2E"},
    {"12345", "12345"},
};

LOOP_TEST(openmart_id_is_one_segment_of_the_path, segments)
{
    const struct raw_script scripts[] = {calls[STATUS].script, calls[IDS].script,
                                         calls[READ].script};
    const char *id = segments[_i].id;
    char expected[256];
    struct received received[3] = {0};

    fixture_serve_openmart(scripts, 3);
    openmart_batch_status(fixture_openmart, id, fixture_on_counts, &received[0]);
    fixture_run_until_received(&received[0]);
    openmart_task_ids(fixture_openmart, id, NULL, fixture_on_ids, &received[1]);
    fixture_run_until_received(&received[1]);
    openmart_read_task(fixture_openmart, id, fixture_on_task, &received[2]);
    fixture_run_until_received(&received[2]);
    snprintf(expected, sizeof expected, "GET /api/v1/task/batch/%s/status HTTP/1.1\r\n",
             segments[_i].segment);
    ck_assert_mem_eq(raw_server_request(fixture_server, 0), expected, strlen(expected));
    snprintf(expected, sizeof expected, "GET /api/v1/task/batch/%s/task_ids HTTP/1.1\r\n",
             segments[_i].segment);
    ck_assert_mem_eq(raw_server_request(fixture_server, 1), expected, strlen(expected));
    snprintf(expected, sizeof expected, "GET /api/v1/task/%s HTTP/1.1\r\n", segments[_i].segment);
    ck_assert_mem_eq(raw_server_request(fixture_server, 2), expected, strlen(expected));
}

static const struct raw_script useless = FIXTURE_RESPONSE("200 OK", "<html>no</html>");

RANGE_TEST(openmart_call_reports_an_unusable_response, 0, N_KINDS)
{
    struct received received;

    fixture_serve_openmart(&useless, 1);
    start_call((enum kind)_i, &received);
    ck_assert_int_eq(received.reply.verdict, _i == SUBMIT ? VERDICT_UNKNOWN : VERDICT_RETRYABLE);
    ck_assert_int_eq(received.reply.err,
                     _i == SUBMIT ? ERR_UPSTREAM_OUTCOME_UNKNOWN : ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert_str_eq(received.value, _i == BALANCE ? "0" : "none");
    ck_assert_str_eq(received.detail, "");
}

RANGE_TEST(openmart_valid_body_with_error_status_is_an_error, 0, N_KINDS)
{
    autofree char *text = xstrdup(calls[_i].script.answers[0].data);
    struct raw_script script = calls[_i].script;
    struct received received;

    fixture_overwrite(text, "HTTP/1.1 500 No");
    script.answers[0].data = text;
    fixture_serve_openmart(&script, 1);
    start_call((enum kind)_i, &received);
    raw_server_stop(fixture_server);
    ck_assert_int_eq(received.reply.verdict, _i == SUBMIT ? VERDICT_UNKNOWN : VERDICT_RETRYABLE);
    ck_assert_str_eq(received.value, _i == BALANCE ? "0" : "none");
}

/* --- Bytes ------------------------------------------------------------------------------------ */

TEST(openmart_submit_has_the_documented_bytes)
{
    const struct openmart_form forms[] = {
        {"milvali.com", "Milvali \"& S\xC3\xB6hne\"", "San Francisco", "CA", "US", "t1",
         "https://emails.example/notify/4711"},
        {"x.org", "X", NULL, "", NULL, "t2", ""},
        {"y.org", "Y", NULL, NULL, NULL, NULL, NULL},
    };
    const char *body =
        "[{\"domain\":\"milvali.com\",\"company_name\":\"Milvali \\\"& S\xC3\xB6hne\\\"\","
        "\"city\":\"San Francisco\",\"state\":\"CA\",\"country\":\"US\","
        "\"tracking_id\":\"t1\",\"notify_url\":\"https://emails.example/notify/4711\"},"
        "{\"domain\":\"x.org\",\"company_name\":\"X\",\"tracking_id\":\"t2\"},"
        "{\"domain\":\"y.org\",\"company_name\":\"Y\"}]";
    char expected[1024];
    struct received received;

    fixture_serve_openmart(&calls[SUBMIT].script, 1);
    fixture_submit(forms, ARRAY_LEN(forms), &received);
    snprintf(expected, sizeof expected,
             "POST /api/v1/task/batch/lookup_business_email HTTP/1.1\r\n"
             "Host: 127.0.0.1:%d\r\nUser-Agent: emailsd-test/1\r\n"
             "Accept-Encoding: gzip, deflate\r\nX-API-Key: " FIXTURE_KEY "\r\n"
             "Accept: application/json\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             raw_server_port(fixture_server), strlen(body), body);
    ck_assert_str_eq(raw_server_request(fixture_server, 0), expected);
}

TEST(openmart_read_has_the_documented_bytes)
{
    char expected[1024];
    struct received received;

    fixture_serve_openmart(&calls[STATUS].script, 1);
    start_call(STATUS, &received);
    snprintf(expected, sizeof expected,
             "GET /api/v1/task/batch/" BATCH "/status HTTP/1.1\r\n"
             "Host: 127.0.0.1:%d\r\nUser-Agent: emailsd-test/1\r\n"
             "Accept-Encoding: gzip, deflate\r\nX-API-Key: " FIXTURE_KEY "\r\n"
             "Accept: application/json\r\nCache-Control: no-store\r\n"
             "Authorization: Bearer " FIXTURE_KEY "\r\n\r\n",
             raw_server_port(fixture_server));
    ck_assert_str_eq(raw_server_request(fixture_server, 0), expected);
}

TEST(openmart_lists_all_task_ids_without_a_state)
{
    struct received received = {0};

    fixture_serve_openmart(&calls[IDS].script, 1);
    openmart_task_ids(fixture_openmart, BATCH, NULL, fixture_on_ids, &received);
    fixture_run_until_received(&received);
    ck_assert_ptr_nonnull(strstr(raw_server_request(fixture_server, 0), "/task_ids HTTP/1.1\r\n"));
}

TEST(openmart_full_batch_is_one_request_of_100_tasks)
{
    struct openmart_form forms[OPENMART_BATCH_MAX];
    struct json *doc = NULL;
    struct received received;

    for (size_t i = 0; i < OPENMART_BATCH_MAX; i++)
        forms[i] = fixture_form;
    fixture_serve_openmart(&calls[SUBMIT].script, 1);
    fixture_submit(forms, OPENMART_BATCH_MAX, &received);
    const char *body = strstr(raw_server_request(fixture_server, 0), "\r\n\r\n") + 4;
    ck_assert_int_eq(json_parse(body, strlen(body), &doc), ERR_OK);
    ck_assert_uint_eq(json_size(doc), OPENMART_BATCH_MAX);
    json_free(doc);
}

TEST(openmart_reads_share_a_connection_and_submits_do_not)
{
#define WHOLE(len, body)                                                                           \
    {                                                                                              \
        "HTTP/1.1 200 OK\r\nContent-Length: " #len "\r\n\r\n" body, 0                              \
    }
    const struct raw_script reading = {
        .reads = 4,
        .answers = {WHOLE(13, "{\"balance\":1}"), WHOLE(2, "[]"), WHOLE(2, "{}"), WHOLE(2, "[]")},
        .end = RAW_HOLD,
    };
    const struct raw_script paid =
        RAW_SENDS_AND_HOLDS("HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"batch_id\":\"b\"}");
    const struct raw_script scripts[] = {reading, paid, paid};
    struct received received;

    fixture_serve_openmart(scripts, ARRAY_LEN(scripts));
    start_call(BALANCE, &received);
    start_call(SUBMIT, &received);
    start_call(IDS, &received);
    start_call(SUBMIT, &received);
    ck_assert_str_eq(received.value, "b");
    start_call(STATUS, &received);
    ck_assert_int_eq(received.reply.verdict, VERDICT_DONE);
    ck_assert_uint_eq(raw_server_connections(fixture_server), 3);
#undef WHOLE
}
