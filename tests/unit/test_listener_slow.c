/* SPDX-License-Identifier: MIT */
/* test_listener_slow.c - tests that a slow client is closed at its deadline, also if it keeps
 * sending, and that a client waiting for a lookup is not.
 *
 * Timeouts are fractions of a second, and the tests wait for the close itself. */
#include "base/clock.h"
#include "listener_fixture.h"
#include "tests/support/suite.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>

#define GET_NOW  "GET /now HTTP/1.1\r\nHost: test\r\n\r\n"
#define SHORT_MS 1000   /* a request in flight has to arrive within it */
#define LONG_MS  600000 /* longer than Check lets any test run */

static struct listener *listener;
static int fd = -1;

static void start_with_timeouts(int64_t header_ms, int64_t answer_ms, int64_t idle_ms)
{
    struct listener_options options = patient_options();

    options.header_timeout_ms = header_ms;
    options.response_timeout_ms = answer_ms;
    options.idle_timeout_ms = idle_ms;
    options.drain_ms = 0;
    listener = start_with(&options);
}

/* Runs on the connection `fd`. */
static void start_and_connect(int64_t header_ms, int64_t answer_ms, int64_t idle_ms)
{
    start_with_timeouts(header_ms, answer_ms, idle_ms);
    fd = connect_to(listener);
}

static void send_now(const char *text)
{
    send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Connects, sends `text`, which begins with a request of /now, and reads the response. Connects
 * again if this process, or the worker, was too slow for the header timeout. */
static void connect_and_expect_now(const char *text)
{
    struct raw_answer answer;

    for (bool is_answered = false; !is_answered;) {
        close(fd);
        fd = connect_to(listener);
        send_now(text);
        is_answered = raw_read(fd, &answer);
    }
    ck_assert_str_eq(answer.body, "now\n");
}

/* Returns false if the server closes the connection before the request is parked. */
static bool becomes_parked(void)
{
    struct pollfd closed = {.fd = fd, .events = POLLIN};
    size_t n = 0;

    while (n == 0) {
        if (poll(&closed, 1, 5) == 1)
            return false;
        pthread_mutex_lock(&fixture.lock);
        n = fixture.n_parked;
        pthread_mutex_unlock(&fixture.lock);
    }
    return true;
}

/* As connect_and_expect_now(), for a request that waits. */
static void connect_and_park(void)
{
    do {
        close(fd);
        fd = connect_to(listener);
        send_now("GET /parked HTTP/1.1\r\nHost: test\r\n\r\n");
    } while (!becomes_parked());
}

static void teardown(void)
{
    stop(listener);
    close(fd);
}

FIXTURE(NULL, teardown);

/* Sends a byte at a time until the server closes. */
static void trickle(void)
{
    while (send(fd, "x", 1, MSG_NOSIGNAL) == 1)
        poll(NULL, 0, 5); /* polls; the close ends the loop */
}

/* An endless header: one byte whenever the socket permits, until the server closes. */
TEST(timeout_C5_trickled_header_is_closed_at_its_deadline)
{
    start_with_timeouts(SHORT_MS, LONG_MS, LONG_MS);
    struct clock before = clock_real();

    fd = connect_to(listener);
    send_now("GET /now HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    trickle();
    struct clock after = clock_real();
    ck_assert_int_ge(after.now_ms - before.now_ms, SHORT_MS / 2);
}

/* The time of the head is over when the body begins, which has as much time. */
TEST(timeout_trickled_body_is_closed_at_its_deadline)
{
    start_with_timeouts(SHORT_MS, LONG_MS, LONG_MS);
    struct clock before = clock_real();

    fd = connect_to(listener);
    raw_send(fd, "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 65536\r\n\r\n");
    trickle();
    struct clock after = clock_real();
    ck_assert_int_ge(after.now_ms - before.now_ms, SHORT_MS / 2);
}

/* As many as may arrive; then there is room again. */
TEST(timeout_of_bodies_that_never_end_frees_their_memory)
{
    int slow[256];

    start_with_timeouts(SHORT_MS, LONG_MS, LONG_MS);
    for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
        slow[i] = connect_to(listener);
        send(slow[i],
             "POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nx", 66,
             MSG_NOSIGNAL);
    }
    for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
        ck_assert(raw_is_closed(slow[i]));
        close(slow[i]);
    }
    fd = connect_to(listener);
    raw_send(fd, "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\na");
    expect(fd, "1:97");
}

/* Between two requests, only the kernel knows that bytes have arrived. */
static const char *const beginnings[] = {"", "GET /n", "GET /now HTTP/1.1\r\nHost: "};

LOOP_TEST(timeout_C5_trickled_later_header_is_closed, beginnings)
{
    start_with_timeouts(SHORT_MS, LONG_MS, LONG_MS);
    connect_and_expect_now(GET_NOW);
    struct clock before = clock_real();
    raw_send(fd, beginnings[_i]);
    trickle();
    struct clock after = clock_real();
    ck_assert_int_ge(after.now_ms - before.now_ms, SHORT_MS / 2);
}

/* The half header arrived with the request before it, so nothing but its request line
 * distinguishes it. */
TEST(timeout_C5_half_header_after_request_is_closed)
{
    start_with_timeouts(SHORT_MS, LONG_MS, LONG_MS);
    connect_and_expect_now(GET_NOW "GET /now HTTP/1.1\r\nHost: ");
    ck_assert(raw_is_closed(fd));
}

/* An emulator such as qemu-user does not say when the last data arrived. Then every connection
 * looks as if a request had begun. */
static bool system_reports_arrivals(void)
{
    struct tcp_info info;
    socklen_t len = sizeof info;

    ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    return len > offsetof(struct tcp_info, tcpi_last_data_recv);
}

/* The worker checks an idle connection many times meanwhile and keeps it. */
TEST(timeout_idle_is_longer_than_that_of_a_header)
{
    start_with_timeouts(SHORT_MS, LONG_MS, LONG_MS);
    connect_and_expect_now(GET_NOW);
    if (!system_reports_arrivals())
        return;
    for (int i = 0; i < 3; i++) {
        int silent = connect_to(listener);
        ck_assert(raw_is_closed(silent)); /* the header timeout has passed */
        close(silent);
    }
    get_and_expect_now(fd);
}

/* Begins a second request on `fd`, and then keeps the worker busy from another connection. Returns
 * false if the worker has closed `fd` before. */
static bool begin_and_hold_worker(int holder)
{
    connect_and_expect_now(GET_NOW "GET /now HTTP/1.1\r\nHost: ");
    raw_get(holder, "/held");
    while (sem_wait(&fixture.held) != 0)
        ;
    struct pollfd closed = {.fd = fd, .events = POLLIN};
    return poll(&closed, 1, 0) == 0;
}

TEST(timeout_of_a_starved_worker_spares_what_has_arrived)
{
    start_with_timeouts(SHORT_MS, LONG_MS, LONG_MS);
    connect_and_expect_now(GET_NOW);
    int holder = fd;

    fd = -1;
    while (!begin_and_hold_worker(holder)) {
        sem_post(&fixture.let_go);
        expect(holder, "held\n");
    }
    int64_t late_ms = clock_real().now_ms + SHORT_MS;
    raw_send(fd, "test\r\n\r\n");
    while (clock_real().now_ms <= late_ms)
        poll(NULL, 0, 5); /* polls; the timeout passes while the worker is busy */
    sem_post(&fixture.let_go);
    expect(fd, "now\n");
    close(holder);
}

TEST(timeout_C7_silent_client_is_closed_and_frees_its_slot)
{
    int silent[8];

    start_with_timeouts(SHORT_MS, LONG_MS, LONG_MS);
    for (size_t i = 0; i < ARRAY_LEN(silent); i++)
        silent[i] = connect_to(listener);
    for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
        ck_assert(raw_is_closed(silent[i]));
        close(silent[i]);
    }
    connect_and_expect_now(GET_NOW);
}

TEST(timeout_C4_unread_response_is_closed)
{
    start_and_connect(LONG_MS, SHORT_MS, LONG_MS);
    char bytes[4096];
    ssize_t n;
    size_t got = 0;

    raw_get(fd, "/big");
    while (recv(fd, bytes, 1, 0) == 1 && got < 20) {
        got++;
        poll(NULL, 0, SHORT_MS / 10); /* polls; a byte at a time, past the deadline */
    }
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0)
        got += (size_t)n;
    ck_assert_uint_lt(got, sizeof big); /* what the kernel had buffered, and no more */
}

TEST(timeout_idle_connection_is_closed)
{
    start_and_connect(LONG_MS, LONG_MS, SHORT_MS);
    get_and_expect_now(fd);
    ck_assert(raw_is_closed(fd));
}

TEST(timeout_does_not_apply_to_a_waiting_request)
{
    start_with_timeouts(SHORT_MS, SHORT_MS, SHORT_MS);
    connect_and_park();
    int idles = connect_to(listener);

    ck_assert(raw_is_closed(idles)); /* the timeout of a later connection has passed by now */
    let_all_go();
    expect(fd, "later\n");
    close(idles);
}
