/* SPDX-License-Identifier: MIT */
/* test_connection_timeout.c - tests that each phase of a connection has its timeout, counted
 * from the start of the phase. */
#include "http/net/connection_timeout.h"

#include "tests/support/suite.h"
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct connection_timeouts all;
static struct connection_timeout one, other;

static void setup(void)
{
    all = (struct connection_timeouts){
        .after_ms = {[PHASE_HEADER] = 8, [PHASE_SENDING] = 30, [PHASE_IDLE] = 60}};
    one = other = (struct connection_timeout){0};
}

FIXTURE(setup, NULL);

TEST(timeout_unset_is_never_due)
{
    ck_assert_int_eq(connection_timeouts_next_ms(&all), INT64_MAX);
    ck_assert_ptr_null(connection_timeouts_pop_expired(&all, INT64_MAX));
}

TEST(timeout_expires_exactly_once_at_its_time)
{
    connection_enter_phase(&all, &one, PHASE_HEADER, 100);
    ck_assert_int_eq(connection_timeouts_next_ms(&all), 108);
    ck_assert_ptr_null(connection_timeouts_pop_expired(&all, 107));
    ck_assert_ptr_eq(connection_timeouts_pop_expired(&all, 108), &one);
    ck_assert_ptr_null(connection_timeouts_pop_expired(&all, 108));
    ck_assert_int_eq(connection_timeouts_next_ms(&all), INT64_MAX);
}

TEST(timeout_set_again_counts_from_then)
{
    connection_enter_phase(&all, &one, PHASE_HEADER, 0);
    connection_enter_phase(&all, &one, PHASE_SENDING, 5);
    ck_assert_ptr_null(connection_timeouts_pop_expired(&all, 34));
    ck_assert_ptr_eq(connection_timeouts_pop_expired(&all, 35), &one);
}

TEST(timeout_removed_never_expires)
{
    connection_enter_phase(&all, &one, PHASE_IDLE, 0);
    connection_enter_phase(&all, &one, PHASE_NONE, 0);
    connection_enter_phase(&all, &one, PHASE_NONE, 0);
    ck_assert_ptr_null(connection_timeouts_pop_expired(&all, 1000));
}

TEST(timeout_earliest_of_all_kinds_is_next)
{
    struct connection_timeout third = {0};

    connection_enter_phase(&all, &third, PHASE_IDLE, 0);   /* 60 */
    connection_enter_phase(&all, &one, PHASE_HEADER, 0);   /* 8 */
    connection_enter_phase(&all, &other, PHASE_HEADER, 1); /* 9 */
    ck_assert_int_eq(connection_timeouts_next_ms(&all), 8);
    ck_assert_ptr_eq(connection_timeouts_pop_expired(&all, 9), &one);
    ck_assert_ptr_eq(connection_timeouts_pop_expired(&all, 9), &other);
    ck_assert_ptr_null(connection_timeouts_pop_expired(&all, 59));
    ck_assert_ptr_eq(connection_timeouts_pop_expired(&all, 60), &third);
}

/* ---- what an expired timeout does ---- */

static int sockets[2];

static bool is_shut_down(void)
{
    char byte;

    return recv(sockets[1], &byte, 1, MSG_DONTWAIT) == 0;
}

TEST(timeout_expired_shuts_the_socket_down)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    one.fd = sockets[0];
    connection_enter_phase(&all, &one, PHASE_SENDING, 0);
    ck_assert(!is_shut_down());
    connection_on_timeout(&all, connection_timeouts_pop_expired(&all, 30), 30);
    ck_assert(is_shut_down());
    ck_assert_int_eq(connection_timeouts_next_ms(&all), INT64_MAX);
}

TEST(timeout_of_an_idle_connection_is_checked_until_its_end)
{
    connection_timeouts_init(&all, 8, 30, 10);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    one.fd = sockets[0];
    connection_enter_phase(&all, &one, PHASE_IDLE, 100);
    ck_assert_int_eq(connection_timeouts_next_ms(&all), 103);
    for (int64_t now_ms = 103; now_ms < 110; now_ms += 3)
        connection_on_timeout(&all, connection_timeouts_pop_expired(&all, now_ms), now_ms);
    ck_assert(!is_shut_down());
    connection_on_timeout(&all, connection_timeouts_pop_expired(&all, 112), 112);
    ck_assert(is_shut_down());
}

TEST(timeout_of_a_header_starts_with_the_line_of_an_idle_connection)
{
    connection_on_request_line(&all, &one, 0); /* of no phase: no timeout */
    ck_assert_int_eq(connection_timeouts_next_ms(&all), INT64_MAX);
    connection_enter_phase(&all, &one, PHASE_HEADER, 0);
    connection_on_request_line(&all, &one, 5); /* does not extend the header timeout */
    ck_assert_int_eq(connection_timeouts_next_ms(&all), 8);
    connection_enter_phase(&all, &one, PHASE_IDLE, 5);
    connection_on_request_line(&all, &one, 50);
    ck_assert_int_eq(connection_timeouts_next_ms(&all), 58);
}

/* ---- streams ---- */

/* Connects sockets[1] to sockets[0]. */
static void connect_sockets(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM, 0);

    sockets[1] = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listening, (const struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(listening, 1), 0);
    ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&address, &len), 0);
    ck_assert_int_eq(connect(sockets[1], (const struct sockaddr *)&address, len), 0);
    sockets[0] = accept(listening, NULL, NULL);
    ck_assert_int_ge(sockets[0], 0);
    close(listening);
}

/* The client takes one byte. */
static void pass_byte(void)
{
    char byte = 'x';
    int unacked;

    ck_assert_int_eq(send(sockets[0], &byte, 1, 0), 1);
    ck_assert_int_eq(recv(sockets[1], &byte, 1, 0), 1);
    do
        ck_assert_int_eq(ioctl(sockets[0], SIOCOUTQ, &unacked), 0);
    while (unacked > 0);
}

static void expire_at(int64_t now_ms)
{
    struct connection_timeout *expired = connection_timeouts_pop_expired(&all, now_ms);

    ck_assert_ptr_eq(expired, &one);
    connection_on_timeout(&all, expired, now_ms);
}

TEST(timeout_of_a_stream_begins_again_while_its_client_takes_bytes)
{
    connect_sockets();
    one.fd = sockets[0];
    one.is_stream = true;
    connection_enter_phase(&all, &one, PHASE_SENDING, 0);
    for (int64_t now_ms = 30; now_ms <= 150; now_ms += 30) {
        pass_byte();
        expire_at(now_ms);
        ck_assert_int_eq(connection_timeouts_next_ms(&all), now_ms + 30);
    }
    ck_assert(!is_shut_down());
    expire_at(180);
    ck_assert(is_shut_down());
    ck_assert_int_eq(connection_timeouts_next_ms(&all), INT64_MAX);
}

/* The peer of a connection whose end would look like that of a whole response gets an error. */
TEST(timeout_that_resets_is_an_error_for_the_peer)
{
    char byte;

    connect_sockets();
    one.fd = sockets[0];
    one.resets = true;
    connection_enter_phase(&all, &one, PHASE_SENDING, 0);
    connection_timeouts_end_sending(&all);
    ck_assert_int_eq(recv(sockets[1], &byte, 1, 0), -1);
    ck_assert_int_eq(errno, ECONNRESET);
    expire_at(30); /* no-op by now */
}

TEST(timeout_end_of_sending_leaves_other_phases)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    one.fd = sockets[0];
    connection_enter_phase(&all, &one, PHASE_HEADER, 0);
    connection_timeouts_end_sending(&all);
    ck_assert(!is_shut_down());
    connection_enter_phase(&all, &one, PHASE_SENDING, 0);
    connection_timeouts_end_sending(&all);
    ck_assert(is_shut_down());
}
