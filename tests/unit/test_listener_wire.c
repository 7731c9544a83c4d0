/* SPDX-License-Identifier: MIT */
/* test_listener_wire.c - tests single requests and their responses, byte for byte. */
#include "listener_connection.h"

#include <errno.h>
#include <sys/socket.h>

/* ---- responses ---- */

/* Each reads one response and leaves it in `answer` for further checks. */

static void check_problem(int status, const char *code)
{
    char wanted[80];

    snprintf(wanted, sizeof wanted, "\"code\":\"%s\"", code);
    ck_assert_msg(answer.status == status, "status %d: %s", answer.status, answer.body);
    ck_assert_msg(strstr(answer.body, wanted) != NULL, "%s", answer.body);
    ck_assert_str_eq(raw_header(&answer, "Content-Type"), "application/problem+json");
}

static void expect_problem(int status, const char *code)
{
    ck_assert(raw_read(fd, &answer));
    check_problem(status, code);
}

static void expect_rejection(const char *code)
{
    ck_assert(raw_read(fd, &answer));
    if (!is_of_library(&answer))
        check_problem(400, code);
}

TEST(response_has_date_length_and_id)
{
    raw_get(fd, "/now");
    ck_assert(raw_read(fd, &answer));
    ck_assert_int_eq(answer.announced, 4);
    ck_assert_str_eq(raw_header(&answer, "Content-Type"), "text/plain");
    ck_assert_uint_eq(strlen(raw_header(&answer, "X-Request-Id")), 32);
    ck_assert_uint_eq(strlen(raw_header(&answer, "Date")), strlen("Mon, 23 Nov 2026 11:20:04 GMT"));
    ck_assert_ptr_null(raw_header(&answer, "Connection"));
}

TEST(response_to_head_is_get_without_the_body)
{
    raw_send(fd, "HEAD /now HTTP/1.1\r\nHost: test\r\n\r\nGET /now HTTP/1.1\r\nHost: test\r\n\r\n");
    ck_assert(raw_read_no_body(fd, &answer));
    ck_assert_int_eq(answer.status, 200);
    ck_assert_int_eq(answer.announced, 4);
    expect(fd, "now\n");
}

TEST(response_to_a_parked_request_is_like_any_other)
{
    raw_send(fd, "HEAD /parked HTTP/1.1\r\nHost: test\r\nX-Request-Id: me-7\r\n\r\n");
    wait_parked(1);
    let_all_go();
    ck_assert(raw_read_no_body(fd, &answer));
    ck_assert_int_eq(answer.status, 200);
    ck_assert_int_eq(answer.announced, 6);
    ck_assert_str_eq(raw_header(&answer, "X-Request-Id"), "me-7");
    ck_assert_ptr_nonnull(raw_header(&answer, "Date"));
    get_and_expect_now(fd);
}

TEST(response_304_has_the_length_but_not_the_body)
{
    raw_get(fd, "/unchanged");
    ck_assert(raw_read_no_body(fd, &answer));
    ck_assert_int_eq(answer.status, 304);
    ck_assert_int_eq(answer.announced, 10);
    get_and_expect_now(fd);
}

static const struct {
    const char *request;
    int status;
    const char *code, *allow;
} rejected[] = {
    {"GET /nothing HTTP/1.1\r\nHost: test\r\n\r\n", 404, "not-found", NULL},
    {"GET /now/ HTTP/1.1\r\nHost: test\r\n\r\n", 404, "not-found", NULL},
    {"GET /%6eow HTTP/1.1\r\nHost: test\r\n\r\n", 404, "not-found", NULL},
    {"GET /tail/a%2fb/c HTTP/1.1\r\nHost: test\r\n\r\n", 404, "not-found", NULL},
    {"GET http://test/nothing HTTP/1.1\r\nHost: test\r\n\r\n", 404, "not-found", NULL},
    {"GET http:///now HTTP/1.1\r\nHost: test\r\n\r\n", 404, "not-found", NULL},
    {"GET http://user@test/now HTTP/1.1\r\nHost: test\r\n\r\n", 404, "not-found", NULL},
    {"GET ftp://test/now HTTP/1.1\r\nHost: test\r\n\r\n", 404, "not-found", NULL},
    {"GET //test/now HTTP/1.1\r\nHost: test\r\n\r\n", 404, "not-found", NULL},
    {"DELETE http://test/now HTTP/1.1\r\nHost: test\r\n\r\n", 405, "method-not-allowed",
     "GET, HEAD, POST"},
    {"CONNECT test:80 HTTP/1.1\r\nHost: test\r\n\r\n", 404, "not-found", NULL},
    {"OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n", 404, "not-found", NULL},
    {"DELETE /now HTTP/1.1\r\nHost: test\r\n\r\n", 405, "method-not-allowed", "GET, HEAD, POST"},
    {"BREW /parked HTTP/1.1\r\nHost: test\r\n\r\n", 405, "method-not-allowed", "GET, HEAD"},
    {"get /parked HTTP/1.1\r\nHost: test\r\n\r\n", 405, "method-not-allowed", "GET, HEAD"},
};

LOOP_TEST(request_without_route_is_a_problem_and_keeps_open, rejected)
{
    raw_send(fd, rejected[_i].request);
    expect_problem(rejected[_i].status, rejected[_i].code);
    ck_assert_pstr_eq(raw_header(&answer, "Allow"), rejected[_i].allow);
    get_and_expect_now(fd);
}

/* Requests that are rejected for their framing, and end their connection. A request follows each
 * that must not be answered. */
static const struct {
    const char *request;
    int status;
    const char *code;
} unfit[] = {
    {"GET /now HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello", 413, "body-too-large"},
    {"HEAD /now HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello", 413, NULL},
    {"DELETE /now HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello", 405,
     "method-not-allowed"},
    {"POST /now HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello", 413, "body-too-large"},
    {"POST /parked HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello", 405,
     "method-not-allowed"},
    {"POST /nothing HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello", 404, "not-found"},
    {"GET /now HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
     "invalid-request"},
    {"GET /now HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"
     "0\r\n\r\n",
     400, "invalid-request"},
    {"GET /now HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello", 400,
     "invalid-request"},
    {"GET /now HTTP/1.1\r\nHost: test\r\nHost: test\r\n\r\n", 400, "invalid-request"},
    {"GET /now HTTP/1.1\r\n\r\n", 400, "invalid-request"},
    {"GET /now HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, "invalid-request"},
    {"GET /now HTTP/1.1\r\nHost: test\r\nContent-Length : 5\r\n\r\nhello", 400, "invalid-request"},
    {"GET /now HTTP/1.1\r\nHost: test\r\nX: a\x01z\r\n\r\n", 400, "invalid-request"},
    {"GET /now HTTP/1.2\r\nHost: test\r\n\r\n", 400, "invalid-request"},
};

LOOP_TEST(request_with_ambiguous_framing_ends_the_connection, unfit)
{
    raw_send(fd, unfit[_i].request);
    if (!unfit[_i].code)
        ck_assert(raw_read_no_body(fd, &answer) && answer.status == unfit[_i].status);
    else if (unfit[_i].status == 400)
        expect_rejection(unfit[_i].code);
    else
        expect_problem(unfit[_i].status, unfit[_i].code);
    ck_assert_str_eq(raw_header(&answer, "Connection"), "close");
    ck_assert(raw_is_closed(fd));
}

TEST(request_http_1_0_is_served_and_closed)
{
    raw_send(fd, "GET /now HTTP/1.0\r\n\r\n");
    expect(fd, "now\n");
    ck_assert(raw_is_closed(fd));
}

TEST(request_with_empty_body_is_accepted)
{
    for (int i = 0; i < 2; i++) {
        raw_send(fd, "GET /now HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
        expect(fd, "now\n");
    }
}

/* Too much for a connection's memory: a request line, a header, arguments. The response may be
 * lost, because the server never reads the rest of the request. The test checks that nothing
 * leaks. */
static const struct {
    const char *before, *unit;
    int times;
} floods[] = {
    {"GET /", "path/", 13000},
    {"GET /now HTTP/1.1\r\nHost: test\r\nX: ", "value ", 11000},
    {"GET /now HTTP/1.1\r\nHost: test\r\n", "X: y\r\n", 11000},
    {"GET /arguments?", "a=b&", 1500},
};

static void send_flood(int to, size_t i)
{
    static const char end[] = " HTTP/1.1\r\nHost: test\r\n\r\n";
    struct buf autobuf text = BUF_INIT(100000);

    buf_add_str(&text, floods[i].before);
    for (int n = 0; n < floods[i].times; n++)
        buf_add_str(&text, floods[i].unit);
    buf_add_str(&text, end);
    ssize_t sent = send(to, text.data, text.len, MSG_NOSIGNAL);
    ck_assert(sent > 0 || errno == EPIPE || errno == ECONNRESET);
}

LOOP_TEST(request_rejected_by_the_library_leaks_nothing, floods)
{
    int flood = connect_to(listener);

    send_flood(flood, (size_t)_i);
    for (int i = 0; i < 3; i++) {
        get_and_expect_now(fd);
    }
    close(flood); /* the stop waits for counted requests, and the leak checker finds the rest */
}

/* ---- the request's id ---- */

#define SIXTY_FOUR "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"

static const struct {
    const char *given;
    bool echoed;
} ids[] = {
    {"a", true},    {"A.b_c-9", true}, {SIXTY_FOUR, true},  {SIXTY_FOUR "0", false}, {"", false},
    {"a b", false}, {"a\"b", false},   {"\xC3\xA9", false}, {"a;b", false},
};

LOOP_TEST(request_id_well_formed_is_echoed, ids)
{
    char text[256];

    snprintf(text, sizeof text, "GET /nothing HTTP/1.1\r\nHost: test\r\nx-request-id: %s\r\n\r\n",
             ids[_i].given);
    raw_send(fd, text);
    expect_problem(404, "not-found");
    const char *id = raw_header(&answer, "X-Request-Id");
    ck_assert_int_eq(strcmp(id, ids[_i].given) == 0, ids[_i].echoed);
    ck_assert(ids[_i].echoed || strlen(id) == 32);
    ck_assert_ptr_nonnull(strstr(answer.body, id)); /* the document has the same id */
}

/* ---- paths and arguments ---- */

static const struct {
    const char *path, *body;
} paths[] = {
    {"/tail/one", "/tail/one|one"},
    {"/tail/a%2Fb", "/tail/a%2Fb|a%2Fb"},
    {"/tail/x?y=z", "/tail/x|x"},
    {"http://test/tail/one", "/tail/one|one"},
    {"HTTP://[::1]:80/tail/one?x=http://y/", "/tail/one|one"},
    {"https://test:8080/arguments?a=b", "1:a=1:b;"},
    {"http://test", "root"},
    {"http://test?a=b", "root"},
    {"/arguments", ""},
    {"/arguments?", ""},
    {"/arguments?a=b", "1:a=1:b;"},
    {"/arguments?a=b&a=c", "1:a=1:b;1:a=1:c;"},
    {"/arguments?a", "1:a;"},
    {"/arguments?a=", "1:a=0:;"},
    {"/arguments?a&b=c", "1:a;1:b=1:c;"},
    {"/arguments?&&a=b&&", "1:a=1:b;"},
    {"/arguments?=b", "0:=1:b;"},
    {"/arguments?=", "0:=0:;"},
    {"/arguments?=b&a=c", "0:=1:b;1:a=1:c;"},
    {"/arguments?a=b=c", "1:a=3:b=c;"},
    {"/arguments?%64omain=b%2Ec+d", "6:domain=5:b.c d;"},
    {"/arguments?a=%2561", "1:a=3:%61;"},
    {"/arguments??a=b", "2:?a=1:b;"},
    {"/arguments?a;b", "3:a;b;"},
};

LOOP_TEST(request_path_and_arguments_arrive_as_sent, paths)
{
    raw_get(fd, paths[_i].path);
    expect(fd, paths[_i].body);
}

TEST(request_argument_with_a_nul_is_not_truncated)
{
    raw_get(fd, "/arguments?domain%00x=a%00b");
    ck_assert(raw_read(fd, &answer));
    ck_assert_uint_eq(answer.len, sizeof "8:domain\0x=3:a\0b;" - 1);
    ck_assert_mem_eq(answer.body, "8:domain\0x=3:a\0b;", answer.len);
}

TEST(request_arguments_stop_at_the_first_error)
{
    raw_get(fd, "/arguments?a&stop&b");
    ck_assert(raw_read(fd, &answer));
    ck_assert_int_eq(answer.status, 400);
    ck_assert_str_eq(answer.body, "1:a;4:stop;");
}

TEST(request_with_path_of_any_length_is_answered)
{
    static const char end[] = " HTTP/1.1\r\nHost: test\r\n\r\n";
    char text[8192] = "GET /now";

    memset(text + 8, 'w', 8000);
    memcpy(text + 8008, end, sizeof end);
    raw_send(fd, text);
    expect_problem(404, "not-found");
}

/* ---- headers ---- */

static const struct {
    const char *headers, *value;
} lists[] = {
    {"", "(none)"},
    {"X-List: a\r\n", "a"},
    {"X-List: \r\n", ""},
    {"X-List: a\r\nX-List: b\r\n", "a, b"},
    {"x-list: a, b\r\nX: y\r\nX-LIST: \"c,d\"\r\nX-List:\r\nX-Listed: e\r\n", "a, b, \"c,d\", "},
};

LOOP_TEST(request_header_of_several_lines_is_joined, lists)
{
    char text[256];

    snprintf(text, sizeof text, "GET /header HTTP/1.1\r\nHost: test\r\n%s\r\n", lists[_i].headers);
    for (int i = 0; i < 2; i++) {
        raw_send(fd, text);
        expect(fd, lists[_i].value);
    }
}

TEST(request_connection_header_counts_in_all_lines)
{
    raw_send(fd,
             "GET /now HTTP/1.1\r\nHost: test\r\nConnection: x, y\r\nConnection: close\r\n\r\n");
    expect(fd, "now\n");
    ck_assert(raw_is_closed(fd));
}
