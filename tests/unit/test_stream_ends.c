/* SPDX-License-Identifier: MIT */
/* test_stream_ends.c - tests streams that end before they are complete, and what keeps the others
 * open: clients that leave or close one half; heartbeats; streams that break. */
#include "base/clock.h"
#include "base/metrics.h"
#include "stream_clients.h"

/* Starts with heartbeats after `heartbeat_ms`, and probes of half-closed clients after
 * `interim_ms`. */
static void start_with_pauses(int64_t heartbeat_ms, int64_t interim_ms)
{
    struct listener_options options = patient_options();

    options.heartbeat_ms = heartbeat_ms;
    options.interim_ms = interim_ms;
    start_and_connect(&options);
}

static void leave(void)
{
    close(fd);
    fd = -1;
}

static void reset_connection(void)
{
    const struct linger hard = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    leave();
}

/* ---- a client that leaves ---- */

/* What it has read is no obstacle. It is noticed although there is nothing to send. */
LOOP_TEST(stream_of_a_client_that_leaves_is_closed, requests)
{
    start_patiently();
    get_head(fd, requests[_i], &answer);
    write_to(tap_at(0), "line\n");
    wait_drained(tap_at(0), 1);
    leave();
    wait_broken(0);
}

LOOP_TEST(stream_of_a_client_that_resets_is_closed, requests)
{
    start_patiently();
    get_head(fd, requests[_i], &answer);
    reset_connection();
    wait_broken(0);
}

TEST(stream_of_a_client_that_leaves_while_it_is_written_is_closed)
{
    start_patiently();
    get_head(fd, GET_STREAM, &answer);
    let(tap_at(0), run_write, much, sizeof much);
    reset_connection();
    wait_broken(0);
    ck_assert_uint_eq(tap_at(0)->n_drained, 0);
}

/* Its head is never sent; its owner learns of it as usual. */
TEST(stream_whose_client_left_before_its_start_is_closed)
{
    struct metrics sum;
    uint64_t n = 0;

    start_patiently();
    raw_get(fd, "/parked-stream");
    tap_at(0);
    reset_connection();
    wait_for(&tap_at(0)->has_left);
    begin_parked(tap_at(0));
    wait_broken(0);
    metrics_read(&sum);
    for (size_t i = 0; i < METRICS_ROUTES; i++)
        n += sum.http_requests[i][metrics_code_index(METRICS_CLIENT_CLOSED)];
    ck_assert_uint_eq(n, 1);
}

/* ---- a client that closes one half ---- */

/* It gets a heartbeat, which it skips. A client that had left would reset the connection. */
LOOP_TEST(stream_of_a_half_closed_client_continues, requests)
{
    int error;

    start_patiently();
    get_head(fd, requests[_i], &answer);
    shutdown(fd, SHUT_WR);
    _i ? expect_bytes(fd, "waiting\n") : expect_chunk(fd, "waiting\n");
    for (size_t i = 1; i <= 100; i++) {
        write_to(tap_at(0), "line\n");
        _i ? expect_bytes(fd, "line\n") : expect_chunk(fd, "line\n");
        wait_drained(tap_at(0), i);
    }
    end_stream(tap_at(0));
    ck_assert_uint_eq(read_to_end(fd, &error), _i ? 0 : strlen("0\r\n\r\n"));
    wait_for(&tap_at(0)->is_closed);
    ck_assert(tap_at(0)->is_complete);
}

/* A relay notices only when it passes on a second heartbeat that its client has left. */
TEST(stream_of_a_half_closed_client_is_probed_again)
{
    start_with_pauses(600000, 1);
    get_head(fd, GET_STREAM, &answer);
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < 3; i++)
        expect_chunk(fd, "waiting\n");
    leave(); /* with what has arrived unread, which resets the connection */
    wait_broken(0);
}

/* ---- heartbeats ---- */

/* They are not the owner's. */
TEST(stream_without_a_byte_sends_heartbeats)
{
    start_with_pauses(1, 600000);
    int other = connect_to(listener);
    get_head(fd, GET_STREAM, &answer);
    for (int i = 0; i < 5; i++)
        expect_chunk(fd, "waiting\n");
    ck_assert_uint_eq(tap_at(0)->n_drained, 0);
    write_to(tap_at(0), "line\n");
    wait_drained(tap_at(0), 1);
    get_head(other, GET_STREAM, &answer);
    for (int i = 0; i < 5; i++)
        expect_chunk(other, "waiting\n");
    ck_assert_uint_eq(tap_at(0)->n_drained, 1);
    end_stream(tap_at(0));
    end_stream(tap_at(1));
    close(other);
    wait_for(&tap_at(0)->is_closed);
    ck_assert(tap_at(0)->is_complete);
}

/* A second stream shows that the time for a heartbeat has passed. */
TEST(stream_sends_no_heartbeat_inside_a_line)
{
    start_with_pauses(1, 600000);
    int other = connect_to(listener);
    char byte;
    raw_get(fd, "/parked-stream");
    let(tap_at(0), run_begin, NULL, 0);
    write_to(tap_at(0), "begun, ");
    ck_assert(raw_read_no_body(fd, &answer));
    do /* heartbeats, which have no such letter, may come before */
        ck_assert_int_eq(recv(fd, &byte, 1, 0), 1);
    while (byte != 'b');
    wait_drained(tap_at(0), 1);
    get_head(other, GET_STREAM, &answer);
    for (int i = 0; i < 5; i++)
        expect_chunk(other, "waiting\n");
    write_to(tap_at(0), "ended\n");
    expect_bytes(fd, "egun, \r\n6\r\nended\n\r\n");
    expect_chunk(fd, "waiting\n");
    end_stream(tap_at(0));
    end_stream(tap_at(1));
    close(other);
}

/* ---- a stream that breaks ---- */

TEST(stream_that_is_aborted_has_no_last_chunk)
{
    int error;

    start_patiently();
    get_head(fd, GET_STREAM, &answer);
    write_to(tap_at(0), "line\n");
    expect_chunk(fd, "line\n");
    abort_stream(tap_at(0));
    ck_assert_uint_eq(read_to_end(fd, &error), 0);
    wait_broken(0);
}

TEST(stream_that_is_aborted_in_http_1_0_resets_its_connection)
{
    int error;

    start_patiently();
    get_head(fd, GET_STREAM_10, &answer);
    write_to(tap_at(0), "line\n");
    expect_bytes(fd, "line\n");
    abort_stream(tap_at(0));
    read_to_end(fd, &error);
    ck_assert_int_eq(error, ECONNRESET);
    wait_broken(0);
}

static void run_too_much(struct tap *tap, const char *data, size_t len)
{
    for (int i = 0; i < 3; i++)
        stream_write(tap->stream, data, len);
    ck_assert_uint_le(stream_unsent(tap->stream), 2 * len);
    stream_end(tap->stream);
}

static void run_deadline(struct tap *tap, const char *data, size_t len)
{
    (void)data;
    (void)len;
    stream_set_deadline(tap->stream, request_clock(stream_request(tap->stream))->now_ms + 1,
                        stream_abort);
}

TEST(stream_at_its_deadline_may_be_aborted)
{
    start_patiently();
    get_head(fd, GET_STREAM, &answer);
    let(tap_at(0), run_deadline, NULL, 0);
    wait_broken(0);
}

static void run_deadline_and_end(struct tap *tap, const char *data, size_t len)
{
    run_deadline(tap, data, len);
    stream_write(tap->stream, data, len);
    stream_end(tap->stream);
}

/* Its client does not read before the deadline of a later stream was due. */
TEST(stream_that_has_ended_has_no_deadline)
{
    int error;

    start_patiently();
    int other = connect_to(listener);
    get_head(fd, GET_STREAM, &answer);
    let(tap_at(0), run_deadline_and_end, much, sizeof much);
    get_head(other, GET_STREAM, &answer);
    let(tap_at(1), run_deadline, NULL, 0);
    wait_broken(1);
    ck_assert(!tap_at(0)->is_closed);
    shutdown(fd, SHUT_WR);
    ck_assert_uint_gt(read_to_end(fd, &error), sizeof much);
    ck_assert_int_eq(error, 0);
    wait_for(&tap_at(0)->is_closed);
    ck_assert(tap_at(0)->is_complete);
    close(other);
}

/* In HTTP/1.0 only the reset shows the client that the body is not whole. */
LOOP_TEST(stream_breaks_if_too_much_is_written_to_it, requests)
{
    int error;

    start_patiently();
    get_head(fd, requests[_i], &answer);
    let(tap_at(0), run_too_much, much, sizeof much);
    wait_broken(0);
    read_to_end(fd, &error);
    ck_assert_int_eq(error, _i ? ECONNRESET : 0);
}
