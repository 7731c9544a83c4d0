/* SPDX-License-Identifier: MIT */
/* test_stream_stalls.c - tests streams whose clients do not read, or read slowly: how far a stream
 * is ahead of them, how long they may take, also in a drain, and an upload that takes its time. */
#include "base/clock.h"
#include "stream_clients.h"

#include <poll.h>

/* Nothing more is written for it, and the worker serves other clients. */
TEST(stream_whose_client_stalls_is_not_drained)
{
    int error;

    start_patiently();
    int other = connect_to(listener);
    get_head(fd, "GET /stream HTTP/1.0\r\n\r\n", &answer);
    let(tap_at(0), run_write, much, sizeof much);
    for (int i = 0; i < 20; i++)
        get_and_expect_now(other);
    ck_assert_uint_eq(tap_at(0)->n_drained, 0);
    end_stream(tap_at(0));
    ck_assert_uint_eq(read_to_end(fd, &error), sizeof much);
    ck_assert_int_eq(error, 0);
    wait_for(&tap_at(0)->is_closed);
    ck_assert(tap_at(0)->is_complete);
    close(other);
}

#define SHORT_MS 1000

/* The send buffer of the system would take this, and a stream without anything to send has no
 * timeout. */
TEST(stream_is_ahead_of_its_client_by_little)
{
    struct listener_options options = patient_options();

    options.response_timeout_ms = SHORT_MS;
    start_and_connect(&options);
    get_head(fd, GET_STREAM, &answer);
    let(tap_at(0), run_write, much, (size_t)1 << 20);
    wait_broken(0);
    ck_assert_uint_eq(tap_at(0)->n_drained, 0);
}

/* In HTTP/1.0 only the reset shows the client that the body is not whole. */
LOOP_TEST(stream_whose_client_stalls_too_long_is_cut, requests)
{
    struct listener_options options = patient_options();
    int error;

    options.response_timeout_ms = SHORT_MS;
    start_and_connect(&options);
    get_head(fd, requests[_i], &answer);
    let(tap_at(0), run_write, much, sizeof much);
    wait_broken(0);
    ck_assert_uint_lt(read_to_end(fd, &error), sizeof much);
    ck_assert_int_eq(error, _i ? ECONNRESET : 0);
}

/* The timeout runs only while there is something to send, and begins again with each piece. */
TEST(stream_lasts_longer_than_the_response_timeout)
{
    struct listener_options options = patient_options();

    options.response_timeout_ms = SHORT_MS;
    options.heartbeat_ms = SHORT_MS / 4;
    start_and_connect(&options);
    get_head(fd, GET_STREAM, &answer);
    const struct clock begin = clock_real();
    struct clock now = begin;
    for (; now.now_ms < begin.now_ms + 2 * SHORT_MS; clock_turn(&now))
        expect_chunk(fd, "waiting\n");
    end_stream(tap_at(0));
    wait_for(&tap_at(0)->is_closed);
    ck_assert(tap_at(0)->is_complete);
}

/* ---- the drain ---- */

static void run_write_and_hold(struct tap *tap, const char *data, size_t len)
{
    tap->must_hold = true;
    stream_write(tap->stream, data, len);
}

/* The worker still runs then, and waits for a message of the owner. */
LOOP_TEST(stream_whose_client_stalls_is_cut_at_the_end_of_the_drain, requests)
{
    struct listener_options options = patient_options();

    options.drain_ms = 1;
    start_and_connect(&options);
    get_head(fd, requests[_i], &answer);
    let(tap_at(0), run_write_and_hold, much, sizeof much);
    listener_drain(listener);
    wait_broken(0);
    let(tap_at(0), run_release, NULL, 0);
    ck_assert(listener_join(listener, 600000));
}

static void run_write_and_end(struct tap *tap, const char *data, size_t len)
{
    stream_write(tap->stream, data, len);
    stream_end(tap->stream);
}

/* Reads until so much time has passed: slowly, so that there is more to read. */
static size_t read_slowly(int64_t for_ms)
{
    static char some[4096];
    struct clock now = clock_real();
    const int64_t until_ms = now.now_ms + for_ms;
    size_t all = 0;

    for (; now.now_ms < until_ms; clock_turn(&now)) {
        ssize_t n = recv(fd, some, sizeof some, 0);
        ck_assert_int_gt(n, 0);
        all += (size_t)n;
        poll(NULL, 0, 1);
    }
    return all;
}

TEST(stream_whose_client_reads_slowly_is_not_cut_by_the_drain)
{
    struct listener_options options = patient_options();
    int error;

    options.drain_ms = SHORT_MS;
    start_and_connect(&options);
    get_head(fd, GET_STREAM_10, &answer);
    let(tap_at(0), run_write_and_end, much, sizeof much);
    listener_drain(listener);
    size_t n = read_slowly(3 * SHORT_MS);
    ck_assert_uint_eq(n + read_to_end(fd, &error), sizeof much);
    ck_assert_int_eq(error, 0);
    ck_assert(listener_join(listener, 600000));
    ck_assert(tap_at(0)->is_complete);
}

static void run_endlessly(struct tap *tap, const char *data, size_t len)
{
    tap->n_more = SIZE_MAX;
    stream_write(tap->stream, data, len);
}

/* This one would be read for any time. */
TEST(stream_whose_client_reads_is_cut_when_the_time_for_streams_is_over)
{
    struct listener_options options = patient_options();
    int error;

    options.drain_ms = fixture.service.limits.stream_drain_ms = 1;
    start_and_connect(&options);
    get_head(fd, GET_STREAM, &answer);
    let(tap_at(0), run_endlessly, much, sizeof much);
    listener_drain(listener);
    read_to_end(fd, &error);
    wait_broken(0);
    ck_assert(listener_join(listener, 600000));
}

/* ---- an upload ---- */

/* The heartbeats of a stream are the clock: one piece of the upload for each. */
TEST(upload_that_continues_outlasts_the_header_timeout)
{
    struct listener_options options = patient_options();
    static char letters[UPLOAD_PIECE];

    options.header_timeout_ms = SHORT_MS;
    options.heartbeat_ms = SHORT_MS / 8;
    start_and_connect(&options);
    int other = connect_to(listener);
    get_head(other, GET_STREAM, &answer);
    snprintf(letters, sizeof letters,
             "POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: %zu\r\n\r\n", UPLOAD_MAX);
    raw_send(fd, letters);
    memset(letters, 'a', sizeof letters);
    for (size_t sent = 0; sent < UPLOAD_MAX; sent += sizeof letters) {
        expect_chunk(other, "waiting\n");
        ck_assert_int_eq(send(fd, letters, sizeof letters, MSG_NOSIGNAL), sizeof letters);
    }
    ck_assert(raw_read(fd, &answer));
    ck_assert_str_eq(answer.body, "1048576:101711872");
    end_stream(tap_at(0));
    close(other);
}
