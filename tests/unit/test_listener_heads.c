/* SPDX-License-Identifier: MIT */
/* test_listener_heads.c - tests that a request head of any size gets a response, and that nothing
 * runs for one that leaves too little memory for it. */
#include "listener_connection.h"

#include <errno.h>
#include <sys/socket.h>

#define FROM 7000
#define TO   17000
#define STEP 8

/* Heads of `size` bytes that end in padding. `ours` is the size up to which the response is ours;
 * larger heads exceed the memory, and libmicrohttpd rejects them. */
static const struct {
    const char *begin;
    size_t accepted, ours;
} heads[] = {
    {"GET /tail/x HTTP/1.1\r\nHost: test\r\nX-Pad: ", 12000, 16000},
    {"GET /tail/x HTTP/1.1\r\nHost: test\r\nCookie: session=", 12000, 16000},
    {"GET /tail/x HTTP/1.1\r\nHost: test\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nCookie: a=b; c=", 12000,
     15500},
    {"GET /tail/x?", 12000, 16300},
};

/* A target ends in the rest of the head, any other head in CR LF twice. */
static const char *end_of(size_t i)
{
    return strstr(heads[i].begin, "Host:") ? "\r\n\r\n" : " HTTP/1.1\r\nHost: test\r\n\r\n";
}

static void send_head(size_t i, size_t size)
{
    static char text[TO + 1];
    size_t begin = strlen(heads[i].begin), end = strlen(end_of(i));

    memcpy(text, heads[i].begin, begin);
    memset(text + begin, 'a', size - begin - end);
    memcpy(text + size - end, end_of(i), end + 1);
    raw_send(fd, text);
}

static void expect_response(size_t i, size_t size)
{
    ck_assert_msg(raw_read(fd, &answer), "no response to %zu bytes", size);
    if (size <= heads[i].accepted)
        ck_assert_msg(answer.status == 200, "%zu bytes: %d", size, answer.status);
    if (answer.status == 200)
        return;
    ck_assert_msg(answer.status == 431 || answer.status == 414, "%zu bytes: %d", size,
                  answer.status);
    if (size > heads[i].ours)
        return;
    ck_assert_str_eq(raw_header(&answer, "Content-Type"), "application/problem+json");
    ck_assert_str_eq(raw_header(&answer, "Connection"), "close");
    ck_assert_int_eq(answer.status, strstr(heads[i].begin, "Host:") ? 431 : 414);
}

LOOP_TEST(head_of_any_size_gets_a_response, heads)
{
    for (size_t size = FROM; size <= TO; size += STEP) {
        send_head((size_t)_i, size);
        expect_response((size_t)_i, size);
        if (answer.status == 200)
            continue;
        ck_assert(size > heads[_i].ours || raw_is_closed(fd));
        close(fd);
        fd = connect_to(listener);
    }
}

/* What follows a head stays in the same memory until the response is sent. */
LOOP_TEST(head_with_pipelined_requests_gets_a_response, heads)
{
    static char more[8192];

    memset(more, 'b', sizeof more);
    more[snprintf(more, sizeof more, "GET /now HTTP/1.1\r\nHost: ")] = 'b';
    for (size_t size = heads[_i].accepted - 100; size <= heads[_i].ours; size += STEP) {
        send_head((size_t)_i, size);
        send(fd, more, sizeof more, MSG_NOSIGNAL);
        expect_response((size_t)_i, size);
        close(fd);
        fd = connect_to(listener);
    }
}

static const struct {
    const char *before, *unit, *after;
    int status;
} crowds[] = {
    {"GET /now?", "a&", "z HTTP/1.1\r\nHost: test\r\n\r\n", 414},
    {"GET /now HTTP/1.1\r\nHost: test\r\n", "A:b\r\n", "\r\n", 431},
    {"GET /now HTTP/1.1\r\nHost: test\r\n", "Cookie: a=b; c=d\r\n", "\r\n", 431},
};

/* 64 bytes each: beside half of the memory, 90 leave room for a response and 110 do not. */
LOOP_TEST(head_with_many_records_gets_a_response, crowds)
{
    for (int n = 90; n <= 110; n += 20) {
        struct buf autobuf text = BUF_INIT(8192);
        buf_add_str(&text, crowds[_i].before);
        for (int i = 0; i < n; i++)
            buf_add_str(&text, crowds[_i].unit);
        buf_add_str(&text, crowds[_i].after);
        raw_send(fd, buf_str(&text));
        ck_assert(raw_read(fd, &answer));
        ck_assert_int_eq(answer.status, n == 90 ? 200 : crowds[_i].status);
    }
    ck_assert(raw_is_closed(fd));
}

/* More than libmicrohttpd has memory for, so it would close the connection without a response. */
static const int argument_counts[] = {120, 150, 200, 500, 3000};

LOOP_TEST(target_Q14_with_many_arguments_gets_a_response, argument_counts)
{
    struct buf autobuf text = BUF_INIT(8192);

    buf_add_str(&text, "GET /now?");
    for (int i = 0; i < argument_counts[_i]; i++)
        buf_add_str(&text, "a&");
    buf_add_str(&text, " HTTP/1.1\r\nHost: test\r\n\r\n");
    raw_send(fd, buf_str(&text));
    ck_assert(raw_read(fd, &answer));
    ck_assert_int_eq(answer.status, 414);
    ck_assert_str_eq(raw_header(&answer, "Content-Type"), "application/problem+json");
    ck_assert(raw_is_closed(fd));
}

/* They are not parsed. */
TEST(head_with_many_cookies_in_one_line_is_accepted)
{
    struct buf autobuf text = BUF_INIT(16384);

    buf_add_str(&text, "GET /now HTTP/1.1\r\nHost: test\r\nCookie: ");
    for (int i = 0; i < 2000; i++)
        buf_add_str(&text, "a=b; ");
    buf_add_str(&text, "\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        raw_send(fd, buf_str(&text));
        expect(fd, "now\n");
    }
}

TEST(head_too_large_is_answered_to_head_without_a_body)
{
    static char text[13000] = "HEAD /now HTTP/1.1\r\nHost: test\r\nX: ";
    size_t len = strlen(text);

    memset(text + len, 'a', sizeof text - len);
    memcpy(text + sizeof text - 5, "\r\n\r\n", 5);
    raw_send(fd, text);
    ck_assert(raw_read_no_body(fd, &answer));
    ck_assert_int_eq(answer.status, 431);
    ck_assert_int_gt(answer.announced, 0);
    ck_assert(raw_is_closed(fd));
}

/* ---- Expect ---- */

static const char *const followers[] = {"", "\r\n", "GET /now HTTP/1.1\r\nHost: test\r\n\r\n"};

/* Reads the response `body`, after 100 (Continue) if the library sends it. */
static void expect_after_continue(const char *body)
{
    char text[16] = "";

    ck_assert(raw_read_no_body(fd, &answer));
    if (answer.status == 100) {
        expect(fd, body);
        return;
    }
    ck_assert_int_eq(answer.status, 200);
    ck_assert_int_eq(recv(fd, text, strlen(body), MSG_WAITALL), (ssize_t)strlen(body));
    ck_assert_str_eq(text, body);
}

LOOP_TEST(expect_without_a_body_is_answered_whatever_follows, followers)
{
    char text[256];

    snprintf(text, sizeof text, "GET /now HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n\r\n%s",
             followers[_i]);
    raw_send(fd, text);
    expect_after_continue("now\n");
    if (*followers[_i] == 'G')
        expect(fd, "now\n");
    get_and_expect_now(fd);
}

LOOP_TEST(expect_of_a_request_that_waits_is_answered_whatever_follows, followers)
{
    char text[256];

    snprintf(text, sizeof text,
             "GET /parked HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n\r\n%s", followers[_i]);
    raw_send(fd, text);
    wait_parked(1);
    let_all_go();
    expect_after_continue("later\n");
    if (*followers[_i] == 'G')
        expect(fd, "now\n");
    get_and_expect_now(fd);
}
