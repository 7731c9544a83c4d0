/* SPDX-License-Identifier: MIT */
/* test_transport.c - how requests end: one table with a row per measured behaviour of libcurl, the
 * limits on size, and the requests that no server can have heard. The only waits on time are those
 * whose subject is a time-out. */
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

/* --- The ends of a request that a server heard ------------------------------------------------ */

static const struct end_row {
    const char *name;
    struct raw_script script;
    enum transport_end end;
    int status;
    const char *body;
    int64_t timeout_ms; /* 0: FIXTURE_PATIENCE_MS */
} end_rows[] = {
    {"a whole answer", RAW_SAYS_AND_HOLDS(RAW_OK), TRANSPORT_ANSWERED, 200, "ok", 0},
    {"HTTP/1.0 and odd case", RAW_SAYS("HTTP/1.0 200 fine\r\ncOnTeNt-lEnGtH: 2\r\n\r\nok", 0),
     TRANSPORT_ANSWERED, 200, "ok", 0},
    {"no body", RAW_SAYS_AND_HOLDS("HTTP/1.1 204 No Content\r\n\r\n"), TRANSPORT_ANSWERED, 204, "",
     0},
    {"chunks",
     RAW_SAYS_AND_HOLDS(
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
     TRANSPORT_ANSWERED, 200, "ok", 0},
    {"an interim answer first", RAW_SAYS_AND_HOLDS("HTTP/1.1 100 Continue\r\n\r\n" RAW_OK),
     TRANSPORT_ANSWERED, 200, "ok", 0},
    {"a server error", RAW_SAYS_AND_HOLDS("HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"),
     TRANSPORT_ANSWERED, 500, "no", 0},
    {"accept and close", {.reads = 0, .end = RAW_CLOSE}, TRANSPORT_BROKEN, 0, "", 0},
    {"RST behind the request", {.reads = 1, .end = RAW_RESET}, TRANSPORT_BROKEN, 0, "", 0},
    {"FIN behind the request", {.reads = 1, .end = RAW_CLOSE}, TRANSPORT_BROKEN, 0, "", 0},
    {"100, then FIN", RAW_SAYS("HTTP/1.1 100 Continue\r\n\r\n", 0), TRANSPORT_BROKEN, 100, "", 0},
    {"silence", {.reads = 1, .end = RAW_HOLD}, TRANSPORT_TIMEOUT, 0, "", FIXTURE_SHORT_MS},
    {"silence in the middle", RAW_SAYS_AND_HOLDS("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"),
     TRANSPORT_TIMEOUT, 200, "ok", FIXTURE_SHORT_MS},
    {"fewer bytes than announced", RAW_SAYS("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", 0),
     TRANSPORT_BROKEN, 200, "ok", 0},
    {"a cut chunk", RAW_SAYS("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok", 0),
     TRANSPORT_BROKEN, 200, "ok", 0},
    {"no last chunk",
     RAW_SAYS("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", 0),
     TRANSPORT_BROKEN, 200, "ok", 0},
    {"no length, cut", RAW_SAYS("HTTP/1.1 200 OK\r\n\r\n{\"batch_", 0), TRANSPORT_ANSWERED, 200,
     "{\"batch_", 0},
    {"another version's status line", RAW_SAYS("HTTP/2 200\r\n\r\n", 0), TRANSPORT_BROKEN, 200, "",
     0},
    {"a status of four digits", RAW_SAYS("HTTP/2 2000\r\n\r\n", 0), TRANSPORT_BROKEN, 0, "", 0},
    {"a status below zero", RAW_SAYS("HTTP/2 -5\r\n\r\n", 0), TRANSPORT_BROKEN, 0, "", 0},
    {"garbage for a status line", RAW_SAYS("blah blah\r\n\r\n", 0), TRANSPORT_BROKEN, 0, "", 0},
    {"a cut status line", RAW_SAYS("HTTP/1.1 200", 0), TRANSPORT_BROKEN, 0, "", 0},
    {"a cut header", RAW_SAYS("HTTP/1.1 200 OK\r\nContent-Le", 0), TRANSPORT_BROKEN, 200, "", 0},
    {"no end of the headers", RAW_SAYS("HTTP/1.1 400 No\r\nContent-Length: 0\r\n", 0),
     TRANSPORT_BROKEN, 400, "", 0},
    {"a compressed body stays as it is",
     RAW_SAYS_AND_HOLDS(
         "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08~"),
     TRANSPORT_ANSWERED, 200, "\x1f\x8b\x08~", 0},
};

LOOP_TEST(each_end_of_a_heard_request_is_told_apart, end_rows)
{
    const struct end_row *row = &end_rows[_i];
    struct seen seen;

    fixture_serve(&row->script, 1);
    struct transport_request request = fixture_post(fixture_server_url(), "[]");
    request.only_once = true;
    if (row->timeout_ms)
        request.timeout_ms = row->timeout_ms;
    fixture_fetch(&request, &seen);

    ck_assert_msg(seen.end == row->end, "%s: end %d", row->name, seen.end);
    ck_assert_msg(seen.status == row->status, "%s: status %d", row->name, seen.status);
    ck_assert_msg(strcmp(seen.body, row->body) == 0, "%s: body '%s'", row->name, seen.body);
    ck_assert_msg((seen.end == TRANSPORT_ANSWERED) == (seen.error[0] == '\0'), "%s: error '%s'",
                  row->name, seen.error);
    raw_server_stop(fixture_server);
    ck_assert_uint_eq(raw_server_connections(fixture_server), 1);
    ck_assert_uint_eq(raw_server_requests(fixture_server), row->script.reads);
}

static void fetch_big(const char *head, char fill, struct seen *seen)
{
    autofree char *text = fixture_filled(BIG, fill, head);
    const struct raw_script script = RAW_SAYS(text, BIG);

    fixture_serve(&script, 1);
    struct transport_request request = fixture_post(fixture_server_url(), "[]");
    request.only_once = true;
    fixture_fetch(&request, seen);
    raw_server_stop(fixture_server);
}

TEST(a_body_past_its_limit_is_cut_off)
{
    struct seen seen;

    fetch_big("HTTP/1.1 200 OK\r\n\r\n", 'a', &seen);
    ck_assert_int_eq(seen.end, TRANSPORT_TOO_BIG);
    ck_assert_int_eq(seen.status, 200);
}

TEST(a_body_that_announces_too_much_is_cut_off)
{
    struct seen seen;

    fetch_big("HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n", 'a', &seen);
    ck_assert_int_eq(seen.end, TRANSPORT_TOO_BIG);
}

TEST(a_body_of_exactly_the_limit_is_whole)
{
    struct seen seen;
    autofree char *text = fixture_filled(FIXTURE_MAX_BYTES + 19, 'a', "HTTP/1.1 200 OK\r\n\r\n");
    const struct raw_script script = RAW_SAYS(text, 0);

    fixture_serve(&script, 1);
    struct transport_request request = fixture_get(fixture_server_url());
    fixture_fetch(&request, &seen);
    raw_server_stop(fixture_server);
    ck_assert_int_eq(seen.end, TRANSPORT_ANSWERED);
    ck_assert_uint_eq(seen.body_len, FIXTURE_MAX_BYTES);
}

TEST(one_endless_header_is_given_up)
{
    struct seen seen;

    fetch_big("HTTP/1.1 200 OK\r\nX: ", 'a', &seen);
    ck_assert_int_eq(seen.end, TRANSPORT_BROKEN);
}

TEST(headers_without_end_are_given_up)
{
    struct seen seen;
    autofree char *text = fixture_filled(BIG, 'a', "");

    for (size_t at = 0; at + 1024 <= BIG; at += 1024)
        fixture_overwrite(text + at, "\r\nX: ");
    fixture_overwrite(text, "HTTP/1.1 200 OK\r\n");
    const struct raw_script script = RAW_SAYS(text, BIG);
    fixture_serve(&script, 1);
    struct transport_request request = fixture_post(fixture_server_url(), "[]");
    fixture_fetch(&request, &seen);
    raw_server_stop(fixture_server);
    ck_assert_int_eq(seen.end, TRANSPORT_BROKEN);
}

/* --- Requests that no server can have heard --------------------------------------------------- */

static void assert_not_sent(const struct transport_request *request)
{
    struct seen seen;

    fixture_fetch(request, &seen);
    ck_assert_int_eq(seen.end, TRANSPORT_NOT_SENT);
    ck_assert_int_eq(seen.status, 0);
    ck_assert_str_eq(seen.body, "");
    ck_assert_int_eq(seen.retry_after_s, -1);
    ck_assert_str_ne(seen.error, "");
}

TEST(a_refused_connection_is_not_sent)
{
    struct transport_request request =
        fixture_post(fixture_url_at("http", raw_server_refusing_port()), "[]");

    assert_not_sent(&request);
}

TEST(a_name_that_does_not_exist_is_not_sent)
{
    struct transport_request request = fixture_post("http://nowhere.invalid/", "[]");

    assert_not_sent(&request);
}

TEST(a_tls_handshake_that_fails_is_not_sent)
{
    const struct raw_script script = {.reads = 0, .end = RAW_CLOSE};

    fixture_serve(&script, 1);
    struct transport_request request =
        fixture_post(fixture_url_at("https", raw_server_port(fixture_server)), "[]");
    assert_not_sent(&request);
    raw_server_stop(fixture_server);
    ck_assert_uint_eq(raw_server_connections(fixture_server), 1);
}

TEST(a_tls_handshake_that_hangs_is_not_sent)
{
    const struct raw_script script = {.reads = 0, .end = RAW_HOLD};

    fixture_serve(&script, 1);
    struct transport_request request =
        fixture_post(fixture_url_at("https", raw_server_port(fixture_server)), "[]");
    request.timeout_ms = FIXTURE_SHORT_MS;
    assert_not_sent(&request);
}

/* What stands around the address of a server that would answer. */
static const struct {
    const char *before, *behind;
} refused_urls[] = {
    {"ftp://", "/"},
    {"gopher://", "/x"},
    {"file://", "/etc/hostname"},
    {"http://user:word@", "/"},
    {"http://user@", "/"},
    {"http://", "/a\nb"},
    {"http://", "/a b"},
    {"http://", "0000/"},
    {"http:// ", "/"},
};

LOOP_TEST(a_url_that_is_not_plain_http_is_not_sent, refused_urls)
{
    const struct raw_script script = RAW_SAYS(RAW_OK, 0);
    char url[128];

    fixture_serve(&script, 1);
    snprintf(url, sizeof url, "%s127.0.0.1:%d%s", refused_urls[_i].before,
             raw_server_port(fixture_server), refused_urls[_i].behind);
    struct transport_request request = fixture_get(url);
    assert_not_sent(&request);
    raw_server_stop(fixture_server);
    ck_assert_uint_eq(raw_server_connections(fixture_server), 0);
}

TEST(no_url_is_not_sent)
{
    struct transport_request request = fixture_get("");

    assert_not_sent(&request);
}

static const struct transport_header refused_headers[] = {
    {"X-API-Key", "key\n"},   {"X-API-Key", "key\r\nX: y"},
    {"X-API-Key", "\x01"},    {"X-API-Key", "\x7F"},
    {"X-API\r\nX: y", "key"}, {"X API", "key"},
    {"X-API-Key:", "key"},    {"", "key"},
};

LOOP_TEST(a_header_with_a_control_byte_is_not_sent, refused_headers)
{
    fixture_serve(NULL, 0);
    struct transport_request request = fixture_get(fixture_server_url());
    request.headers = &refused_headers[_i];
    request.n_headers = 1;
    assert_not_sent(&request);
    raw_server_stop(fixture_server);
    ck_assert_uint_eq(raw_server_connections(fixture_server), 0);
}
