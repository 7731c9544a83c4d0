/* SPDX-License-Identifier: MIT */
/* test_listener_body.c - tests request bodies over real sockets: every form of framing, limits, and
 * what is rejected before it is uploaded. */
#include "listener_connection.h"

#include <errno.h>
#include <sys/socket.h>

#define HEAD "POST /echo HTTP/1.1\r\nHost: test\r\n"
#define TE   "Transfer-Encoding: chunked\r\n\r\n"

static void expect_status(int status, const char *code)
{
    ck_assert(raw_read(fd, &answer));
    ck_assert_msg(answer.status == status, "status %d: %s", answer.status, answer.body);
    if (is_of_library(&answer))
        return;
    ck_assert_msg(strstr(answer.body, code) != NULL, "%s", answer.body);
}

/* Returns a request with a body of `len` letters, by its length or in chunks of 5000 bytes. */
static const char *request_with(size_t len, bool chunked)
{
    static struct buf text = BUF_INIT(4 << 20);
    static char letters[2 << 20];

    memset(letters, 'a', sizeof letters);
    buf_clear(&text);
    buf_add_str(&text, HEAD);
    if (!chunked)
        buf_addf(&text, "Content-Length: %zu\r\n\r\n", len);
    else
        buf_add_str(&text, TE);
    for (size_t left = len; left > 0;) {
        size_t n = chunked && left > 5000 ? 5000 : left;
        if (chunked)
            buf_addf(&text, "%zx\r\n", n);
        buf_add(&text, letters, n);
        buf_add_str(&text, chunked ? "\r\n" : "");
        left -= n;
    }
    buf_add_str(&text, chunked ? "0\r\n\r\n" : "");
    ck_assert_int_eq(buf_check(&text), ERR_OK);
    return buf_str(&text);
}

/* ---- what is accepted ---- */

static const struct {
    const char *request, *echo;
} by_length[] = {
    {HEAD "\r\n", "0:0"},
    {HEAD "Content-Length: 0\r\n\r\n", "0:0"},
    {HEAD "Content-Length: 1\r\n\r\na", "1:97"},
    {HEAD "content-length:   5\r\n\r\nhello", "5:532"},
    {HEAD "Content-Length: 00005\r\n\r\nhello", "5:532"},
    {"GET /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello", "5:532"},
    {"DELETE /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello", "5:532"},
    {"NOTIFY /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello", "5:532"},
    {"POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", "5:532"},
};

/* The connection is used for a next request, which the body does not hide. */
LOOP_TEST(body_with_a_length_is_received_whole, by_length)
{
    raw_send(fd, by_length[_i].request);
    expect(fd, by_length[_i].echo);
    get_and_expect_now(fd);
}

static const struct {
    const char *request, *echo;
    bool may_be_rejected; /* by the library; see is_of_library() */
} in_chunks[] = {
    {HEAD TE "0\r\n\r\n", "0:0", false},
    {HEAD TE "5\r\nhello\r\n0\r\n\r\n", "5:532", false},
    {HEAD TE "1\r\nh\r\n2\r\nel\r\n2\r\nlo\r\n0\r\n\r\n", "5:532", false},
    {HEAD TE "00005\r\nhello\r\n000\r\n\r\n", "5:532", false},
    {HEAD TE "5;name=value\r\nhello\r\n0\r\n\r\n", "5:532", true},
    {HEAD TE "5\r\nhello\r\n0\r\nX-Request-Id: trailer\r\nX-Other: b\r\n\r\n", "5:532", false},
    {HEAD "Transfer-Encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "5:532", false},
};

/* A chunked body is what parsers disagree about, so nothing after it is interpreted. A trailer does
 * not count as a header. */
LOOP_TEST(body_in_chunks_is_received_whole_and_ends_the_connection, in_chunks)
{
    raw_send(fd, in_chunks[_i].request);
    raw_send(fd, "GET /now HTTP/1.1\r\nHost: test\r\n\r\n");
    ck_assert(raw_read(fd, &answer));
    if (!in_chunks[_i].may_be_rejected || !is_of_library(&answer))
        ck_assert_str_eq(answer.body, in_chunks[_i].echo);
    ck_assert_str_eq(raw_header(&answer, "Connection"), "close");
    ck_assert_pstr_ne(raw_header(&answer, "X-Request-Id"), "trailer");
    ck_assert(raw_is_closed(fd));
}

TEST(body_of_the_maximum_length_is_received_whole)
{
    raw_send(fd, request_with(ECHO_MAX, false));
    expect(fd, "65536:6356992");
    raw_send(fd, request_with(ECHO_MAX, true));
    expect(fd, "65536:6356992");
}

TEST(body_may_arrive_in_single_bytes)
{
    const char *request = request_with(20, true);

    for (; *request; request++)
        raw_send(fd, (char[]){*request, '\0'});
    expect(fd, "20:1940");
}

TEST(body_is_awaited_by_100_continue)
{
    raw_send(fd, HEAD "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    ck_assert(raw_read_no_body(fd, &answer));
    ck_assert_int_eq(answer.status, 100);
    raw_send(fd, "hello");
    expect(fd, "5:532");
    get_and_expect_now(fd);
}

/* ---- what is rejected ---- */

static const struct {
    const char *request;
    int status;
    const char *code;
} rejected[] = {
    {HEAD "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400, "invalid-request"},
    {HEAD "Content-Length: 5\r\n" TE "0\r\n\r\n", 400, "invalid-request"},
    {HEAD "Transfer-Encoding: chunked\r\n" TE "0\r\n\r\n", 400, "invalid-request"},
    {HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, "invalid-request"},
    {HEAD "Transfer-Encoding: identity\r\n\r\nhello", 400, "invalid-request"},
    {HEAD "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400, "invalid-request"},
    {HEAD "Transfer-Encoding:\r\n\r\n0\r\n\r\n", 400, "invalid-request"},
    {"POST /echo HTTP/1.0\r\nHost: test\r\n" TE "0\r\n\r\n", 400, "invalid-request"},
    {HEAD "Content-Length: 65537\r\n\r\n", 413, "body-too-large"},
    {HEAD "Content-Length: 9223372036854775807\r\n\r\n", 413, "body-too-large"},
    {HEAD "Content-Length: 65537\r\nExpect: 100-continue\r\n\r\n", 413, "body-too-large"},
    {"POST /nothing HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello", 404, "not-found"},
    {"GET /closed HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello", 405,
     "method-not-allowed"},
    /* no right, or a page of another site: before the upload, which is not awaited */
    {"POST /closed HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n", 403, "forbidden"},
    {"POST /closed HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
     403, "forbidden"},
    {HEAD "Origin: http://other.example\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", 403,
     "forbidden"},
};

LOOP_TEST(body_is_rejected_before_it_is_uploaded, rejected)
{
    raw_send(fd, rejected[_i].request);
    expect_status(rejected[_i].status, rejected[_i].code);
    ck_assert_str_eq(raw_header(&answer, "Connection"), "close");
    ck_assert(raw_is_closed(fd));
}

TEST(body_in_chunks_that_is_too_long_is_rejected_at_its_end)
{
    raw_send(fd, request_with(ECHO_MAX + 1, true));
    expect_status(413, "body-too-large");
    ck_assert(raw_is_closed(fd));
}

/* Sends until the server closes the connection; returns whether it did. */
static bool send_for_ever(const char *text, size_t len)
{
    for (size_t sent = 0; sent < (256 << 20);) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EPIPE || errno == ECONNRESET;
        sent += (size_t)n;
    }
    return false;
}

TEST(body_in_chunks_without_an_end_is_cut)
{
    char chunk[4096 + 16];

    snprintf(chunk, sizeof chunk, "1000\r\n");
    memset(chunk + 6, 'a', 4096);
    snprintf(chunk + 6 + 4096, sizeof chunk - 6 - 4096, "\r\n");
    raw_send(fd, HEAD TE);
    ck_assert(send_for_ever(chunk, 6 + 4096 + 2));
}

/* Bodies that arrive slowly take no more memory than 16 MiB for each worker. */
TEST(body_is_rejected_while_too_many_arrive)
{
    int slow[256];

    for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
        slow[i] = connect_to(listener);
        raw_send(slow[i], HEAD "Expect: 100-continue\r\n" TE);
        ck_assert(raw_read_no_body(slow[i], &answer));
        ck_assert_int_eq(answer.status, 100);
    }
    raw_send(fd, HEAD "Content-Length: 1\r\n\r\na");
    expect_status(503, "overloaded");
    raw_send(slow[0], "0\r\n\r\n");
    expect(slow[0], "0:0");
    close(fd);
    fd = connect_to(listener);
    raw_send(fd, HEAD "Content-Length: 1\r\n\r\na");
    expect(fd, "1:97");
    for (size_t i = 0; i < ARRAY_LEN(slow); i++)
        close(slow[i]);
}
