/* SPDX-License-Identifier: MIT */
/* test_listener.c - tests workers, parked requests and shutdown over real sockets.
 * test_listener_wire.c tests single requests on the wire, test_listener_leaving.c clients that
 * leave. */
#include "listener_fixture.h"
#include "tests/support/suite.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* ---- many connections ---- */

/* libmicrohttpd's own loops answer no connection if exactly 128 or 256 are ready. */
static const int crowds[] = {127, 128, 129, 200, 256};

static int hold_worker(const struct listener *listener)
{
    int fd = connect_to(listener);

    raw_get(fd, "/held");
    while (sem_wait(&fixture.held) != 0)
        ;
    return fd;
}

static void send_to_all(const int *fds, int n)
{
    for (int i = 0; i < n; i++)
        raw_get(fds[i], "/now");
}

static void expect_from_all(const int *fds, int n)
{
    for (int i = 0; i < n; i++)
        expect(fds[i], "now\n");
}

LOOP_TEST(listener_answers_all_of_many_open_connections, crowds)
{
    struct listener *listener = start(1);
    int fds[256], n = crowds[_i];

    for (int i = 0; i < n; i++)
        fds[i] = connect_to(listener);
    send_to_all(fds, n);
    expect_from_all(fds, n); /* so that all are accepted and waiting */
    int holder = hold_worker(listener);
    send_to_all(fds, n); /* now exactly n connections are ready in the worker's next iteration */
    sem_post(&fixture.let_go);
    expect_from_all(fds, n);
    expect(holder, "held\n");
    stop(listener);
}

LOOP_TEST(listener_answers_all_of_many_new_connections, crowds)
{
    struct listener *listener = start(1);
    int fds[256], n = crowds[_i];

    int holder = hold_worker(listener);
    for (int i = 0; i < n; i++)
        fds[i] = connect_to(listener);
    send_to_all(fds, n);
    sem_post(&fixture.let_go);
    expect_from_all(fds, n);
    expect(holder, "held\n");
    stop(listener);
}

LOOP_TEST(listener_answers_many_parked_requests_together, crowds)
{
    struct listener *listener = start(1);
    int fds[256], n = crowds[_i];

    for (int i = 0; i < n; i++) {
        fds[i] = connect_to(listener);
        raw_get(fds[i], "/parked");
    }
    wait_parked((size_t)n);
    let_all_go();
    for (int i = 0; i < n; i++)
        expect(fds[i], "later\n");
    send_to_all(fds, n);
    expect_from_all(fds, n);
    stop(listener);
}

TEST(listener_shares_connections_between_workers)
{
    struct listener *listener = start(4);
    int fds[256];

    for (int i = 0; i < 256; i++) {
        fds[i] = connect_to(listener);
        raw_get(fds[i], "/parked");
    }
    wait_parked(256);
    let_all_go();
    for (int i = 0; i < 256; i++)
        expect(fds[i], "later\n");
    for (int round = 0; round < 3; round++) {
        send_to_all(fds, 256);
        expect_from_all(fds, 256);
    }
    stop(listener);
}

TEST(listener_closes_connections_over_the_limit)
{
    struct listener *listener = start_on("127.0.0.1:0", 4, 2);
    int first = connect_to(listener), second = connect_to(listener);

    get_and_expect_now(first);
    get_and_expect_now(second);
    int third = connect_to(listener);
    ck_assert(raw_is_closed(third));
    get_and_expect_now(first);
    stop(listener);
}

/* ---- one connection, several requests ---- */

TEST(connection_stays_open_for_the_next_request)
{
    struct listener *listener = start(1);
    int fd = connect_to(listener);

    for (int i = 0; i < 3; i++) {
        get_and_expect_now(fd);
    }
    stop(listener);
}

TEST(connection_stays_open_after_a_parked_request)
{
    struct listener *listener = start(1);
    int fd = connect_to(listener);

    for (int i = 0; i < 3; i++) {
        raw_get(fd, "/parked");
        wait_parked(1);
        let_all_go();
        expect(fd, "later\n");
        get_and_expect_now(fd);
    }
    stop(listener);
}

/* The end must not wait until the worker has served everything that is ready. */
TEST(connection_ends_before_other_ready_requests_are_served)
{
    struct listener *listener = start(1);
    int last = connect_to(listener), next = connect_to(listener);

    get_and_expect_now(last);
    get_and_expect_now(next); /* so that both are accepted */
    int holder = hold_worker(listener);
    raw_send(last, "GET /now HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    raw_get(next, "/held"); /* keeps the worker busy, after the other one in the same iteration */
    sem_post(&fixture.let_go);
    expect(holder, "held\n");
    expect(last, "now\n");
    ck_assert(raw_is_closed(last));
    sem_post(&fixture.let_go);
    expect(next, "held\n");
    stop(listener);
}

TEST(connection_answers_pipelined_requests_in_order)
{
    struct listener *listener = start(1);
    int fd = connect_to(listener);

    for (int i = 0; i < 50; i++) {
        raw_get(fd, "/now");
        raw_get(fd, "/tail/x");
    }
    for (int i = 0; i < 50; i++) {
        expect(fd, "now\n");
        expect(fd, "/tail/x|x");
    }
    stop(listener);
}

TEST(connection_parked_request_delays_those_after_it)
{
    struct listener *listener = start(1);
    int fd = connect_to(listener);

    raw_send(fd, "GET /now HTTP/1.1\r\nHost: test\r\n\r\n"
                 "GET /parked HTTP/1.1\r\nHost: test\r\n\r\n"
                 "GET /parked HTTP/1.1\r\nHost: test\r\n\r\n"
                 "GET /now HTTP/1.1\r\nHost: test\r\n\r\n");
    expect(fd, "now\n");
    wait_parked(1);
    let_all_go();
    expect(fd, "later\n");
    wait_parked(1);
    raw_get(fd, "/tail/x"); /* arrives while the request before it is parked */
    let_all_go();
    expect(fd, "later\n");
    expect(fd, "now\n");
    expect(fd, "/tail/x|x");
    ck_assert_uint_eq(fixture.n_abandoned, 0);
    stop(listener);
}

/* ---- clients that leave ---- */

/* The message is opened in the same loop iteration in which the sockets report that they are
 * closed. */
TEST(parked_request_may_be_answered_while_its_client_leaves)
{
    struct listener *listener = start(1);
    int fds[64];

    for (int i = 0; i < 64; i++) {
        fds[i] = connect_to(listener);
        raw_get(fds[i], "/parked");
    }
    wait_parked(64);
    int holder = hold_worker(listener);
    for (int i = 0; i < 64; i++)
        close(fds[i]);
    let_all_go();
    sem_post(&fixture.let_go);
    expect(holder, "held\n");
    stop(listener);
    ck_assert_uint_le(fixture.n_abandoned, 64);
}

TEST(parked_request_is_answered_at_its_deadline)
{
    struct listener *listener = start(1);
    int fd = connect_to(listener);

    raw_get(fd, "/late");
    expect(fd, "too late\n");
    get_and_expect_now(fd);
    raw_get(fd, "/late");
    expect(fd, "too late\n");
    let_all_go();
    get_and_expect_now(fd);
    stop(listener);
    close(fd);
}

TEST(parked_request_answered_before_its_deadline_forgets_it)
{
    struct listener *listener = start(1);
    int fd = connect_to(listener);

    raw_get(fd, "/early");
    wait_parked(1);
    let_all_go();
    expect(fd, "later\n");
    raw_get(fd, "/early");
    wait_parked(1);
    close(fd);
    pthread_mutex_lock(&fixture.lock);
    while (fixture.n_abandoned < 1)
        pthread_cond_wait(&fixture.changed, &fixture.lock);
    pthread_mutex_unlock(&fixture.lock);
    stop(listener);
}

/* Its owner refers to the worker until its message has arrived. */
TEST(drain_waits_for_messages_about_requests_that_were_late)
{
    struct listener *listener = start(1);
    int fd = connect_to(listener);

    raw_get(fd, "/late");
    expect(fd, "too late\n");
    listener_drain(listener);
    ck_assert(!listener_join(listener, 50));
    let_all_go();
    listener_stop(listener);
    close(fd);
}

/* ---- shutdown ---- */

TEST(drain_answers_parked_requests_and_closes)
{
    struct listener *listener = start(2);
    struct raw_answer answer;
    int fds[8], idle = connect_to(listener);

    get_and_expect_now(idle);
    for (int i = 0; i < 8; i++) {
        fds[i] = connect_to(listener);
        raw_get(fds[i], "/parked");
    }
    wait_parked(8);
    stop(listener);
    for (int i = 0; i < 8; i++) {
        ck_assert(raw_read(fds[i], &answer));
        ck_assert_str_eq(answer.body, "later\n");
        ck_assert_str_eq(raw_header(&answer, "Connection"), "close");
        ck_assert(raw_is_closed(fds[i]));
    }
    ck_assert(raw_is_closed(idle));
}

/* Returns when all that was sent is in the listener's socket. On a busy machine, also the loopback
 * device takes its time. */
static void await_arrival(int fd)
{
    int n_unsent = 1;

    while (n_unsent) {
        ck_assert_int_eq(ioctl(fd, SIOCOUTQ, &n_unsent), 0);
        poll(NULL, 0, n_unsent ? 1 : 0);
    }
}

TEST(drain_answers_connections_made_before_it)
{
    struct listener *listener = start(1);
    struct raw_answer answer;
    int fds[40], holder = hold_worker(listener);

    for (int i = 0; i < 40; i++) {
        fds[i] = connect_to(listener); /* still in the kernel's queue */
        raw_get(fds[i], "/now");
        await_arrival(fds[i]);
    }
    listener_drain(listener);
    sem_post(&fixture.let_go);
    listener_stop(listener);
    expect(holder, "held\n");
    for (int i = 0; i < 40; i++)
        ck_assert(raw_read(fds[i], &answer));
}

/* No other test takes a port at that address. */
TEST(listener_stopped_accepts_no_connection)
{
    struct listener *listener = start_on("127.0.0.3:0", 2, MANY);
    char url[64];

    snprintf(url, sizeof url, "%s", listener_url(listener, 0));
    listener_drain(listener);
    listener_drain(listener); /* a second call is a no-op */
    listener_stop(listener);
    ck_assert_int_eq(raw_connect(url), -1);
}

TEST(drain_is_not_delayed_by_half_a_request)
{
    struct listener *listener = start(1);
    int half = connect_to(listener), whole = connect_to(listener);

    raw_send(half, "GET /now HTTP/1.1\r\nHost: te");
    get_and_expect_now(whole); /* the worker has read `half` before or reads it now */
    get_and_expect_now(whole);
    stop(listener); /* drain_ms is longer than Check's timeout */
    ck_assert(raw_is_closed(half));
}

TEST(drain_is_not_delayed_by_a_client_that_does_not_read)
{
    struct listener_options options = patient_options();
    struct raw_answer answer;

    options.drain_ms = 0;
    struct listener *listener = start_with(&options);
    int fd = connect_to(listener);
    raw_get(fd, "/big");
    ck_assert(raw_read_no_body(fd, &answer));
    stop(listener);
    ck_assert_int_eq(answer.announced, (long)sizeof big);
}

static void await_closed_sockets(const struct listener *listener)
{
    for (int fd; (fd = raw_connect(listener_url(listener, 0))) >= 0;) {
        close(fd);
        poll(NULL, 0, 1);
    }
}

/* On a new connection, and on one that has had a response. The kernel must see that the bytes came
 * later than that. */
static const bool is_kept[] = {false, true};

LOOP_TEST(drain_awaits_the_rest_of_a_head, is_kept)
{
    struct listener_options options = patient_options();
    struct raw_answer answer;

    options.head_grace_ms = 600000;
    struct listener *listener = start_with(&options);
    int fd = connect_to(listener);
    if (is_kept[_i]) {
        get_and_expect_now(fd);
        poll(NULL, 0, 250);
    }
    raw_send(fd, "GET /n");
    await_arrival(fd);
    listener_drain(listener);
    await_closed_sockets(listener);
    raw_send(fd, "ow HTTP/1.1\r\nHost: test\r\n\r\n");
    ck_assert(raw_read(fd, &answer));
    ck_assert_str_eq(answer.body, "now\n");
    ck_assert_str_eq(raw_header(&answer, "Connection"), "close");
    listener_stop(listener);
}

TEST(drain_announced_ends_each_connection_and_accepts_more)
{
    struct listener *listener = start(1);
    struct raw_answer answer;
    bool is_last = false;

    listener_announce_drain(listener);
    while (!is_last) { /* until the worker has the message */
        int fd = connect_to(listener);
        raw_get(fd, "/now");
        ck_assert(raw_read(fd, &answer));
        is_last = raw_header(&answer, "Connection") != NULL;
        close(fd);
    }
    int fd = connect_to(listener);
    get_and_expect_now(fd);
    ck_assert(raw_is_closed(fd));
    stop(listener);
}
