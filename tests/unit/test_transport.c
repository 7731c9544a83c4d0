/* SPDX-License-Identifier: MIT */
/* test_transport.c - tests how requests end: one row per measured behaviour of libcurl, the size
 * limits, and the requests that cannot have reached a server. A test waits for time only if it
 * tests a timeout. */
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

/* --- Results of a request that reached a server ----------------------------------------------- */

static const struct end_row {
    const char *name;
    struct raw_script script;
    enum transport_end end;
    int status;
    const char *body;
    int64_t timeout_ms; /* 0: FIXTURE_PATIENCE_MS */
} end_rows[] = {
    {"a whole answer", RAW_SENDS_AND_HOLDS(RAW_OK), TRANSPORT_ANSWERED, 200, "ok", 0},
    {"HTTP/1.0 and odd case", RAW_SENDS("HTTP/1.0 200 fine\r\ncOnTeNt-lEnGtH: 2\r\n\r\nok", 0),
     TRANSPORT_ANSWERED, 200, "ok", 0},
    {"no body", RAW_SENDS_AND_HOLDS("HTTP/1.1 204 No Content\r\n\r\n"), TRANSPORT_ANSWERED, 204, "",
     0},
    {"chunks",
     RAW_SENDS_AND_HOLDS(
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
     TRANSPORT_ANSWERED, 200, "ok", 0},
    {"an interim answer first", RAW_SENDS_AND_HOLDS("HTTP/1.1 100 Continue\r\n\r\n" RAW_OK),
     TRANSPORT_ANSWERED, 200, "ok", 0},
    {"a server error", RAW_SENDS_AND_HOLDS("HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"),
     TRANSPORT_ANSWERED, 500, "no", 0},
    {"accept and close", {.reads = 0, .end = RAW_CLOSE}, TRANSPORT_BROKEN, 0, "", 0},
    {"RST behind the request", {.reads = 1, .end = RAW_RESET}, TRANSPORT_BROKEN, 0, "", 0},
    {"FIN behind the request", {.reads = 1, .end = RAW_CLOSE}, TRANSPORT_BROKEN, 0, "", 0},
    {"100, then FIN", RAW_SENDS("HTTP/1.1 100 Continue\r\n\r\n", 0), TRANSPORT_BROKEN, 100, "", 0},
    {"silence", {.reads = 1, .end = RAW_HOLD}, TRANSPORT_TIMEOUT, 0, "", FIXTURE_SHORT_MS},
    {"silence in the middle", RAW_SENDS_AND_HOLDS("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"),
     TRANSPORT_TIMEOUT, 200, "ok", FIXTURE_SHORT_MS},
    {"fewer bytes than announced", RAW_SENDS("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", 0),
     TRANSPORT_BROKEN, 200, "ok", 0},
    {"a cut chunk", RAW_SENDS("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok", 0),
     TRANSPORT_BROKEN, 200, "ok", 0},
    {"no last chunk",
     RAW_SENDS("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", 0),
     TRANSPORT_BROKEN, 200, "ok", 0},
    {"no length, cut", RAW_SENDS("HTTP/1.1 200 OK\r\n\r\n{\"batch_", 0), TRANSPORT_ANSWERED, 200,
     "{\"batch_", 0},
    {"another version's status line", RAW_SENDS("HTTP/2 200\r\n\r\n", 0), TRANSPORT_BROKEN, 0, "",
     0},
    {"a status of four digits", RAW_SENDS("HTTP/1.1 5000\r\nContent-Length: 0\r\n\r\n", 0),
     TRANSPORT_BROKEN, 0, "", 0},
    {"a status of two digits", RAW_SENDS("HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", 0),
     TRANSPORT_BROKEN, 0, "", 0},
    {"a status below zero", RAW_SENDS("HTTP/1.1 -5\r\nContent-Length: 0\r\n\r\n", 0),
     TRANSPORT_BROKEN, 0, "", 0},
    {"no status", RAW_SENDS("HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 0), TRANSPORT_BROKEN, 0, "",
     0},
    {"garbage for a status line", RAW_SENDS("blah blah\r\n\r\n", 0), TRANSPORT_BROKEN, 0, "", 0},
    {"a cut status line", RAW_SENDS("HTTP/1.1 200", 0), TRANSPORT_BROKEN, 0, "", 0},
    {"a cut header", RAW_SENDS("HTTP/1.1 200 OK\r\nContent-Le", 0), TRANSPORT_BROKEN, 200, "", 0},
    {"no end of the headers", RAW_SENDS("HTTP/1.1 400 No\r\nContent-Length: 0\r\n", 0),
     TRANSPORT_BROKEN, 400, "", 0},
};

static void fetch_row(const struct end_row *row, int64_t timeout_ms, struct seen *seen)
{
    fixture_serve(&row->script, 1);
    struct transport_request request = fixture_post(fixture_server_url(), "[]");
    request.only_once = true;
    request.timeout_ms = timeout_ms;
    fixture_fetch(&request, seen);
}

/* Returns whether the time was over before a busy machine let the server play its script. */
static bool is_too_early(const struct end_row *row, const struct seen *seen)
{
    return seen->end == TRANSPORT_TIMEOUT &&
           (seen->status != row->status || raw_server_requests(fixture_server) < row->script.reads);
}

LOOP_TEST(transport_result_of_a_received_request_is_classified, end_rows)
{
    const struct end_row *row = &end_rows[_i];
    struct seen seen;

    fetch_row(row, row->timeout_ms ? row->timeout_ms : FIXTURE_PATIENCE_MS, &seen);
    if (row->timeout_ms && is_too_early(row, &seen)) {
        raw_server_free(fixture_server);
        fetch_row(row, FIXTURE_PATIENCE_MS, &seen);
    }

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
    const struct raw_script script = RAW_SENDS(text, BIG);

    fixture_serve(&script, 1);
    struct transport_request request = fixture_post(fixture_server_url(), "[]");
    request.only_once = true;
    fixture_fetch(&request, seen);
    raw_server_stop(fixture_server);
}

TEST(transport_body_over_its_limit_is_aborted)
{
    struct seen seen;

    fetch_big("HTTP/1.1 200 OK\r\n\r\n", 'a', &seen);
    ck_assert_int_eq(seen.end, TRANSPORT_TOO_BIG);
    ck_assert_int_eq(seen.status, 200);
}

TEST(transport_announced_body_over_its_limit_is_aborted)
{
    struct seen seen;

    fetch_big("HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n", 'a', &seen);
    ck_assert_int_eq(seen.end, TRANSPORT_TOO_BIG);
}

TEST(transport_body_of_exactly_the_limit_is_complete)
{
    struct seen seen;
    autofree char *text = fixture_filled(FIXTURE_MAX_BYTES + 19, 'a', "HTTP/1.1 200 OK\r\n\r\n");
    const struct raw_script script = RAW_SENDS(text, 0);

    fixture_serve(&script, 1);
    struct transport_request request = fixture_get(fixture_server_url());
    fixture_fetch(&request, &seen);
    raw_server_stop(fixture_server);
    ck_assert_int_eq(seen.end, TRANSPORT_ANSWERED);
    ck_assert_uint_eq(seen.body_len, FIXTURE_MAX_BYTES);
}

TEST(transport_endless_header_is_aborted)
{
    struct seen seen;

    fetch_big("HTTP/1.1 200 OK\r\nX: ", 'a', &seen);
    ck_assert_int_eq(seen.end, TRANSPORT_BROKEN);
}

TEST(transport_endless_number_of_headers_is_aborted)
{
    struct seen seen;
    autofree char *text = fixture_filled(BIG, 'a', "");

    for (size_t at = 0; at + 1024 <= BIG; at += 1024)
        fixture_overwrite(text + at, "\r\nX: ");
    fixture_overwrite(text, "HTTP/1.1 200 OK\r\n");
    const struct raw_script script = RAW_SENDS(text, BIG);
    fixture_serve(&script, 1);
    struct transport_request request = fixture_post(fixture_server_url(), "[]");
    fixture_fetch(&request, &seen);
    raw_server_stop(fixture_server);
    ck_assert_int_eq(seen.end, TRANSPORT_BROKEN);
}

/* --- Requests that cannot have reached a server ----------------------------------------------- */

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

TEST(transport_connection_refused_is_not_sent)
{
    struct transport_request request =
        fixture_post(fixture_url_at("http", raw_server_refusing_port()), "[]");

    assert_not_sent(&request);
}

TEST(transport_unknown_host_is_not_sent)
{
    struct transport_request request = fixture_post("http://nowhere.invalid/", "[]");

    assert_not_sent(&request);
}

TEST(transport_failed_tls_handshake_is_not_sent)
{
    const struct raw_script script = {.reads = 0, .end = RAW_CLOSE};

    fixture_serve(&script, 1);
    struct transport_request request =
        fixture_post(fixture_url_at("https", raw_server_port(fixture_server)), "[]");
    assert_not_sent(&request);
    raw_server_stop(fixture_server);
    ck_assert_uint_eq(raw_server_connections(fixture_server), 1);
}

TEST(transport_hanging_tls_handshake_is_not_sent)
{
    const struct raw_script script = {.reads = 0, .end = RAW_HOLD};

    fixture_serve(&script, 1);
    struct transport_request request =
        fixture_post(fixture_url_at("https", raw_server_port(fixture_server)), "[]");
    request.timeout_ms = FIXTURE_SHORT_MS;
    assert_not_sent(&request);
}

/* Text around the address of a server that would respond. */
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

LOOP_TEST(transport_url_other_than_plain_http_is_not_sent, refused_urls)
{
    const struct raw_script script = RAW_SENDS(RAW_OK, 0);
    char url[128];

    fixture_serve(&script, 1);
    snprintf(url, sizeof url, "%s127.0.0.1:%d%s", refused_urls[_i].before,
             raw_server_port(fixture_server), refused_urls[_i].behind);
    struct transport_request request = fixture_get(url);
    assert_not_sent(&request);
    raw_server_stop(fixture_server);
    ck_assert_uint_eq(raw_server_connections(fixture_server), 0);
}

TEST(transport_null_url_is_not_sent)
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

LOOP_TEST(transport_header_with_control_byte_is_not_sent, refused_headers)
{
    fixture_serve(NULL, 0);
    struct transport_request request = fixture_get(fixture_server_url());
    request.headers = &refused_headers[_i];
    request.n_headers = 1;
    assert_not_sent(&request);
    raw_server_stop(fixture_server);
    ck_assert_uint_eq(raw_server_connections(fixture_server), 0);
}
