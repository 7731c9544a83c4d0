/* SPDX-License-Identifier: MIT */
/* test_transport_wire.c - tests the bytes of requests, their connections, and which hints in
 * responses are understood. */
#include "client/transport.h"

#include "base/mem.h"
#include "tests/unit/raw_server.h"
#include "tests/unit/transport_fixture.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

FIXTURE(fixture_setup, fixture_teardown);

#define BIG ((size_t)2 << 20)

static size_t count_requests(const char *starting_with)
{
    size_t n = 0;

    for (size_t i = 0; i < raw_server_requests(fixture_server); i++)
        n += strncmp(raw_server_request(fixture_server, i), starting_with, strlen(starting_with)) ==
             0;
    return n;
}

/* --- Requests --------------------------------------------------------------------------------- */

TEST(request_get_has_the_given_headers_only)
{
    const struct raw_script script = RAW_SENDS_AND_HOLDS(RAW_OK);
    const struct transport_header headers[] = {{"X-Key", "a b"}, {"Accept", "x/y"}, {"X-No", ""}};
    char expected[256];
    struct seen seen;

    fixture_serve(&script, 1);
    struct transport_request request = fixture_get(fixture_server_url());
    request.headers = headers;
    request.n_headers = ARRAY_LEN(headers);
    fixture_fetch(&request, &seen);
    snprintf(expected, sizeof expected,
             "GET /path HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: emailsd-test/1\r\n"
             "Accept-Encoding: gzip, deflate\r\nX-Key: a b\r\nAccept: x/y\r\nX-No:\r\n\r\n",
             raw_server_port(fixture_server));
    ck_assert_str_eq(raw_server_request(fixture_server, 0), expected);
}

TEST(request_post_may_contain_a_nul)
{
    const struct raw_script script = RAW_SENDS_AND_HOLDS(RAW_OK);
    char body[5] = "a\0b\nc";
    struct seen seen;

    fixture_serve(&script, 1);
    struct transport_request request = fixture_post(fixture_server_url(), "");
    request.body = body;
    request.body_len = sizeof body;
    fixture_start(&request, &seen);
    memset(body, 'x', sizeof body); /* the transport copied it */
    while (!seen.times)
        fixture_turn();
    const char *got = raw_server_request(fixture_server, 0);
    ck_assert_ptr_nonnull(strstr(got, "\r\nContent-Length: 5\r\n"));
    ck_assert_mem_eq(strstr(got, "\r\n\r\n") + 4, "a\0b\nc", sizeof body);
}

TEST(request_large_post_does_not_wait_for_100)
{
    const struct raw_script script = RAW_SENDS_AND_HOLDS(RAW_OK);
    autofree char *body = fixture_filled(BIG, 'a', "");
    struct seen seen;

    fixture_serve(&script, 1);
    struct transport_request request = fixture_post(fixture_server_url(), body);
    fixture_fetch(&request, &seen);
    ck_assert_int_eq(seen.status, 200);
    ck_assert_ptr_null(strcasestr(raw_server_request(fixture_server, 0), "\r\nExpect:"));
}

TEST(request_ignores_a_proxy_of_the_environment)
{
    const struct raw_script script = RAW_SENDS_AND_HOLDS(RAW_OK);
    struct raw_server *proxy = raw_server_new(NULL, 0);
    struct seen seen;

    static const char *const names[] = {"http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY",
                                        "ALL_PROXY"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        setenv(names[i], fixture_url_at("http", raw_server_port(proxy)), 1);
    fixture_serve(&script, 1);
    struct transport_request request = fixture_get(fixture_server_url());
    fixture_fetch(&request, &seen);
    ck_assert_int_eq(seen.status, 200);
    raw_server_stop(proxy);
    ck_assert_uint_eq(raw_server_connections(proxy), 0);
    raw_server_free(proxy);
}

static const int redirects[] = {301, 302, 303, 307, 308};

LOOP_TEST(request_redirect_is_returned_and_not_followed, redirects)
{
    struct raw_server *other = raw_server_new(NULL, 0);
    char answer[256];
    struct seen seen;

    snprintf(answer, sizeof answer,
             "HTTP/1.1 %d Away\r\nContent-Length: 0\r\nLocation: http://127.0.0.1:%d/\r\n\r\n",
             redirects[_i], raw_server_port(other));
    const struct raw_script script = RAW_SENDS_AND_HOLDS(answer);
    fixture_serve(&script, 1);
    struct transport_request request = fixture_post(fixture_server_url(), "[]");
    fixture_fetch(&request, &seen);
    ck_assert_int_eq(seen.end, TRANSPORT_ANSWERED);
    ck_assert_int_eq(seen.status, redirects[_i]);
    raw_server_stop(other);
    raw_server_stop(fixture_server);
    ck_assert_uint_eq(raw_server_connections(other), 0);
    ck_assert_uint_eq(raw_server_requests(fixture_server), 1);
    raw_server_free(other);
}

TEST(request_sends_no_cookies)
{
    const struct raw_script script = {
        .reads = 2,
        .answers = {{"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok", 0},
                    {RAW_OK, 0}},
        .end = RAW_HOLD,
    };
    struct seen seen;

    fixture_serve(&script, 1);
    struct transport_request request = fixture_get(fixture_server_url());
    fixture_fetch(&request, &seen);
    fixture_fetch(&request, &seen);
    ck_assert_ptr_null(strcasestr(raw_server_request(fixture_server, 1), "cookie"));
}

/* --- Connections ------------------------------------------------------------------------------ */

#define KEEPS_TWO                                                                                  \
    {                                                                                              \
        .reads = 2, .answers = {{RAW_OK, 0}, {RAW_OK, 0}}, .end = RAW_HOLD                         \
    }

TEST(connection_is_shared_by_reads)
{
    const struct raw_script scripts[] = {KEEPS_TWO, KEEPS_TWO};
    struct seen seen;

    fixture_serve(scripts, 2);
    struct transport_request request = fixture_get(fixture_server_url());
    fixture_fetch(&request, &seen);
    fixture_fetch(&request, &seen);
    ck_assert_int_eq(seen.status, 200);
    ck_assert_uint_eq(raw_server_connections(fixture_server), 1);
    ck_assert_uint_eq(raw_server_requests(fixture_server), 2);
}

TEST(connection_of_only_once_is_not_shared)
{
    const struct raw_script scripts[] = {KEEPS_TWO, KEEPS_TWO, KEEPS_TWO};
    struct transport_request reading, paid;
    struct seen seen;

    fixture_serve(scripts, 3);
    reading = fixture_get(fixture_server_url());
    paid = fixture_post(fixture_server_url(), "[]");
    paid.only_once = true;
    fixture_fetch(&reading, &seen);
    fixture_fetch(&paid, &seen);
    fixture_fetch(&paid, &seen);
    ck_assert_uint_eq(raw_server_connections(fixture_server), 3);
    fixture_fetch(&reading, &seen);
    ck_assert_uint_eq(raw_server_connections(fixture_server), 3);
    ck_assert_int_eq(seen.status, 200);
}

TEST(connection_of_only_once_is_closed)
{
    const struct raw_script scripts[] = {KEEPS_TWO, KEEPS_TWO};
    struct seen seen;

    fixture_serve(scripts, 2);
    struct transport_request paid = fixture_post(fixture_server_url(), "[]");
    paid.only_once = true;
    fixture_fetch(&paid, &seen);
    struct transport_request reading = fixture_get(fixture_server_url());
    fixture_fetch(&reading, &seen);
    ck_assert_int_eq(seen.status, 200);
    ck_assert_uint_eq(raw_server_connections(fixture_server), 2);
}

/* The first connection stays open after one response and breaks at the second request. */
static size_t posts_when_a_kept_connection_dies(bool only_once)
{
    const struct raw_script scripts[] = {
        {.reads = 2, .answers = {{RAW_OK, 0}}, .end = RAW_CLOSE},
        {.reads = 1, .end = RAW_CLOSE},
        {.reads = 1, .end = RAW_CLOSE},
    };
    struct seen seen;

    fixture_serve(scripts, 3);
    struct transport_request reading = fixture_get(fixture_server_url());
    fixture_fetch(&reading, &seen);
    struct transport_request paid = fixture_post(fixture_server_url(), "[]");
    paid.only_once = only_once;
    fixture_fetch(&paid, &seen);
    ck_assert_int_eq(seen.end, TRANSPORT_BROKEN);
    raw_server_stop(fixture_server);
    return count_requests("POST ");
}

TEST(connection_broken_does_not_repeat_only_once)
{
    ck_assert_uint_eq(posts_when_a_kept_connection_dies(true), 1);
}

/* The reason for only_once; and proof that the test above can fail. */
TEST(connection_broken_makes_libcurl_repeat_a_request)
{
    ck_assert_uint_eq(posts_when_a_kept_connection_dies(false), 2);
}

/* --- Retry-After ------------------------------------------------------------------------------ */

static const struct retry_row {
    const char *header;
    int64_t least, most;
} retry_rows[] = {
    {"", -1, -1},
    {"Retry-After: 120\r\n", 120, 120},
    {"retry-after:   7\r\n", 7, 7},
    {"Retry-After: 0\r\n", -1, -1},
    {"Retry-After: -1\r\n", -1, -1},
    {"Retry-After: soon\r\n", -1, -1},
    {"Retry-After:\r\n", -1, -1},
    {"Retry-After: 999999999\r\n", 21600, 999999999}, /* libcurl 8.14 reduces it to six hours */
    {"Retry-After: 99999999999999999999999\r\n", -1, -1},
    {"Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", -1, -1},
    {"Retry-After: Fri, 01 Jan 2100 00:00:00 GMT\r\n", 3600, INT64_MAX},
};

LOOP_TEST(retry_after_is_returned_if_it_is_valid, retry_rows)
{
    const struct retry_row *row = &retry_rows[_i];
    char answer[256];
    struct seen seen;

    snprintf(answer, sizeof answer, "HTTP/1.1 503 Busy\r\n%sContent-Length: 0\r\n\r\n",
             row->header);
    const struct raw_script script = RAW_SENDS_AND_HOLDS(answer);
    fixture_serve(&script, 1);
    struct transport_request request = fixture_get(fixture_server_url());
    fixture_fetch(&request, &seen);
    raw_server_stop(fixture_server);
    ck_assert_int_ge(seen.retry_after_s, row->least);
    ck_assert_int_le(seen.retry_after_s, row->most);
}
