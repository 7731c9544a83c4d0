/* SPDX-License-Identifier: MIT */
/* test_stream.c - tests responses that are written while they are produced, over real sockets: what
 * arrives and when, how a stream ends, the limit on open streams, and the drain. */
#include "base/metrics.h"
#include "stream_fixture.h"
#include "tests/support/suite.h"

static struct listener *listener;
static int fd;
static struct raw_answer answer;

static void setup(void)
{
    listener = start(1);
    fd = connect_to(listener);
}

static void teardown(void)
{
    close(fd);
    stop(listener);
}

FIXTURE(setup, teardown);

/* ---- what arrives ---- */

TEST(stream_head_arrives_before_its_body)
{
    get_head(fd, "GET /stream HTTP/1.1\r\nHost: test\r\nX-Request-Id: mine\r\n\r\n", &answer);
    ck_assert_pstr_eq(raw_header(&answer, "Transfer-Encoding"), "chunked");
    ck_assert_pstr_eq(raw_header(&answer, "Content-Type"), "application/x-ndjson");
    ck_assert_pstr_eq(raw_header(&answer, "Cache-Control"), "no-store");
    ck_assert_pstr_eq(raw_header(&answer, "X-Accel-Buffering"), "no");
    ck_assert_pstr_eq(raw_header(&answer, "X-Request-Id"), "mine");
    ck_assert_pstr_eq(raw_header(&answer, "X-Content-Type-Options"), "nosniff");
    ck_assert_ptr_nonnull(raw_header(&answer, "Date"));
    ck_assert_ptr_null(raw_header(&answer, "Connection"));
    ck_assert_ptr_null(raw_header(&answer, "Content-Length"));
    end_stream(tap_at(0));
    expect_last_chunk(fd);
    wait_for(&tap_at(0)->is_closed);
    ck_assert(tap_at(0)->is_complete);
    ck_assert_uint_eq(tap_at(0)->n_drained, 0);
}

/* The connection serves a next request, one that was pipelined. */
TEST(stream_arrives_piece_by_piece)
{
    get_head(fd, GET_STREAM, &answer);
    raw_get(fd, "/now");
    struct tap *tap = tap_at(0);
    for (size_t i = 1; i <= 3; i++) {
        write_to(tap, "{\"index\":1}\n");
        expect_chunk(fd, "{\"index\":1}\n");
        wait_drained(tap, i);
    }
    end_stream(tap);
    expect_last_chunk(fd);
    expect(fd, "now\n");
    ck_assert(tap->is_closed && tap->is_complete);
    ck_assert_uint_eq(tap->n_drained, 3);
}

static void run_many(struct tap *tap, const char *data, size_t len)
{
    for (int i = 0; i < 3; i++)
        stream_write(tap->stream, data, len);
    stream_write(tap->stream, data, 0);
    ck_assert_uint_eq(stream_unsent(tap->stream), 3 * len);
    stream_end(tap->stream);
    stream_end(tap->stream);
}

TEST(stream_sends_what_was_written_before_its_end)
{
    get_head(fd, GET_STREAM, &answer);
    let(tap_at(0), run_many, "line\n", 5);
    expect_chunk(fd, "line\nline\nline\n");
    expect_last_chunk(fd);
    wait_for(&tap_at(0)->is_closed);
    ck_assert(tap_at(0)->is_complete);
    ck_assert_uint_eq(tap_at(0)->n_drained, 0);
}

static void run_more(struct tap *tap, const char *data, size_t len)
{
    tap->n_more = 1000;
    stream_write(tap->stream, data, len);
}

TEST(stream_is_written_by_its_owner_when_it_is_drained)
{
    int error;

    get_head(fd, "GET /stream HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", &answer);
    ck_assert_pstr_eq(raw_header(&answer, "Connection"), "close");
    let(tap_at(0), run_more, piece, sizeof piece - 1);
    ck_assert_uint_eq(read_to_end(fd, &error), 1001 * (4 + sizeof piece - 1 + 2) + 5);
    ck_assert_int_eq(error, 0);
    ck_assert(tap_at(0)->is_complete);
}

/* A client of HTTP/1.0 knows no chunks: the body ends with the connection. */
TEST(stream_in_http_1_0_ends_with_its_connection)
{
    int error;

    get_head(fd, GET_STREAM_10, &answer);
    ck_assert_ptr_null(raw_header(&answer, "Transfer-Encoding"));
    ck_assert_ptr_null(raw_header(&answer, "Content-Length"));
    ck_assert_pstr_eq(raw_header(&answer, "Connection"), "close");
    for (size_t i = 1; i <= 3; i++) {
        write_to(tap_at(0), "line\n");
        expect_bytes(fd, "line\n");
        wait_drained(tap_at(0), i);
    }
    end_stream(tap_at(0));
    ck_assert_uint_eq(read_to_end(fd, &error), 0);
    ck_assert_int_eq(error, 0);
    wait_for(&tap_at(0)->is_closed);
    ck_assert(tap_at(0)->is_complete);
}

TEST(stream_for_head_has_no_body_and_ends)
{
    int error;

    get_head(fd, "HEAD /stream HTTP/1.1\r\nHost: test\r\n\r\n", &answer);
    ck_assert_ptr_null(raw_header(&answer, "Content-Length"));
    ck_assert_pstr_eq(raw_header(&answer, "Cache-Control"), "no-store");
    ck_assert_uint_eq(read_to_end(fd, &error), 0);
    wait_for(&tap_at(0)->is_closed);
    ck_assert(tap_at(0)->is_complete);
}

static void run_begin_all(struct tap *tap, const char *data, size_t len)
{
    run_begin(tap, data, len);
    stream_write(tap->stream, data, len);
    stream_end(tap->stream);
}

TEST(stream_may_start_after_the_request_was_parked)
{
    raw_get(fd, "/parked-stream");
    let(tap_at(0), run_begin_all, "line\n", 5);
    ck_assert(raw_read_no_body(fd, &answer));
    expect_chunk(fd, "line\n");
    expect_last_chunk(fd);
    get_and_expect_now(fd);
}

/* ---- suspended and resumed ---- */

#define TURNS 2000
#define SIDE  20

TEST(stream_is_suspended_and_resumed_thousands_of_times)
{
    int fds[SIDE];

    for (size_t i = 0; i < SIDE; i++) {
        fds[i] = connect_to(listener);
        get_head(fds[i], i % 2 ? GET_STREAM : GET_STREAM_10, &answer);
    }
    for (size_t turn = 0; turn < TURNS; turn++) {
        size_t i = turn % SIDE;
        write_to(tap_at(i), "line\n");
        i % 2 ? expect_chunk(fds[i], "line\n") : expect_bytes(fds[i], "line\n");
        if (turn % 10 == 0)
            get_and_expect_now(fd);
    }
    for (size_t i = 0; i < SIDE; i++) {
        wait_drained(tap_at(i), TURNS / SIDE);
        end_stream(tap_at(i));
        wait_for(&tap_at(i)->is_closed);
        ck_assert(tap_at(i)->is_complete);
        close(fds[i]);
    }
}

/* ---- the limit ---- */

static uint64_t streams_counted(void)
{
    struct metrics sum;

    metrics_read(&sum);
    return sum.http_streams;
}

TEST(stream_beyond_the_limit_is_rejected)
{
    int first = connect_to(listener), second = connect_to(listener);

    fixture.service.max_streams = 2;
    get_head(first, GET_STREAM, &answer);
    get_head(second, GET_STREAM, &answer);
    ck_assert_uint_eq(streams_counted(), 2);
    raw_send(fd, GET_STREAM);
    ck_assert(raw_read(fd, &answer));
    ck_assert_int_eq(answer.status, 503);
    ck_assert_ptr_nonnull(strstr(answer.body, "\"overloaded\""));
    ck_assert_pstr_eq(raw_header(&answer, "Retry-After"), "1");
    get_head(fd, "GET /free-stream HTTP/1.1\r\nHost: test\r\n\r\n", &answer);
    ck_assert_uint_eq(streams_counted(), 2);
    end_stream(tap_at(2));
    expect_last_chunk(fd);
    end_stream(tap_at(0));
    expect_last_chunk(first);
    wait_for(&tap_at(0)->is_closed);
    get_and_expect_now(first); /* the slot is free when the next request is handled */
    get_head(fd, GET_STREAM, &answer);
    end_stream(tap_at(1));
    end_stream(tap_at(3));
    expect_last_chunk(second);
    expect_last_chunk(fd);
    get_and_expect_now(second);
    get_and_expect_now(fd);
    ck_assert_uint_eq(streams_counted(), 0);
    close(first);
    close(second);
}

static void run_reply(struct tap *tap, const char *data, size_t len)
{
    (void)data;
    (void)len;
    say(TAKE(tap->request), "plain\n");
}

/* It has its slot before anything is spent on it. */
TEST(stream_slot_of_a_request_without_a_stream_is_released)
{
    fixture.service.max_streams = 1;
    int other = connect_to(listener);
    raw_get(fd, "/parked-stream");
    tap_at(0);
    ck_assert_uint_eq(streams_counted(), 1);
    raw_get(other, "/parked-stream");
    ck_assert(raw_read(other, &answer));
    ck_assert_int_eq(answer.status, 503);
    let(tap_at(0), run_reply, NULL, 0);
    expect(fd, "plain\n");
    ck_assert_uint_eq(streams_counted(), 0);
    get_head(other, GET_STREAM, &answer);
    end_stream(tap_at(1));
    expect_last_chunk(other);
    close(other);
}

/* ---- the metrics ---- */

/* How long a stream is open says nothing about how fast the server replies. */
TEST(stream_is_counted_by_its_status_and_not_in_the_durations)
{
    struct metrics sum;
    uint64_t n_requests = 0, n_durations = 0;

    get_head(fd, GET_STREAM, &answer);
    end_stream(tap_at(0));
    expect_last_chunk(fd);
    get_and_expect_now(fd);
    metrics_read(&sum);
    for (size_t i = 0; i < METRICS_ROUTES; i++) {
        n_requests += sum.http_requests[i][metrics_code_index(200)];
        for (size_t j = 0; j < METRICS_DURATIONS; j++)
            n_durations += sum.http_durations[i].buckets[j];
    }
    ck_assert_uint_eq(n_requests, 2);
    ck_assert_uint_eq(n_durations, 1);
}

/* ---- the drain ---- */

TEST(drain_waits_for_an_open_stream)
{
    get_head(fd, GET_STREAM, &answer);
    listener_drain(listener);
    ck_assert(!listener_join(listener, 1));
    write_to(tap_at(0), "line\n");
    expect_chunk(fd, "line\n");
    wait_drained(tap_at(0), 1);
    ck_assert(!listener_join(listener, 1));
    end_stream(tap_at(0));
    expect_last_chunk(fd);
    ck_assert(listener_join(listener, 600000));
    ck_assert(tap_at(0)->is_complete);
}

TEST(stream_that_starts_while_draining_ends_its_connection)
{
    raw_get(fd, "/parked-stream");
    tap_at(0);
    listener_drain(listener);
    begin_parked(tap_at(0));
    ck_assert(raw_read_no_body(fd, &answer));
    ck_assert_pstr_eq(raw_header(&answer, "Connection"), "close");
    end_stream(tap_at(0));
    expect_last_chunk(fd);
    ck_assert(raw_is_closed(fd));
}
