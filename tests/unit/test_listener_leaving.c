/* SPDX-License-Identifier: MIT */
/* test_listener_leaving.c - tests clients that close their connection, or half of it, while their
 * request is parked. */
#include "base/metrics.h"
#include "listener_fixture.h"
#include "tests/support/suite.h"

#include <sys/socket.h>

static void wait_until_abandoned(size_t n)
{
    pthread_mutex_lock(&fixture.lock);
    while (fixture.n_abandoned < n)
        pthread_cond_wait(&fixture.changed, &fixture.lock);
    pthread_mutex_unlock(&fixture.lock);
}

TEST(parked_request_reports_once_that_its_client_left)
{
    struct listener *listener = start(1);
    int leaver = connect_to(listener), stayer = connect_to(listener);

    raw_get(leaver, "/parked");
    raw_get(stayer, "/parked");
    wait_parked(2);
    close(leaver);
    wait_until_abandoned(1);
    raw_get(stayer, "/now"); /* pipelined: still there */
    let_all_go();
    expect(stayer, "later\n");
    expect(stayer, "now\n");
    stop(listener);
    ck_assert_uint_eq(fixture.n_abandoned, 1);
}

/* The client skips the interim response, as RFC 9110, 15.2, demands. */
TEST(parked_request_of_a_half_closed_client_is_answered)
{
    struct listener *listener = start(1);
    struct raw_answer answer;
    int fd = connect_to(listener);

    raw_get(fd, "/parked");
    wait_parked(1);
    shutdown(fd, SHUT_WR);
    ck_assert(raw_read_no_body(fd, &answer));
    ck_assert_int_eq(answer.status, 100);
    let_all_go();
    expect(fd, "later\n");
    ck_assert(raw_is_closed(fd));
    stop(listener);
    ck_assert_uint_eq(fixture.n_abandoned, 0);
}

/* A relay notices only when it passes on a second one that its client has left. */
TEST(parked_request_of_a_half_closed_client_is_probed_again)
{
    struct listener_options options = patient_options();
    struct raw_answer answer;

    options.interim_ms = 1;
    struct listener *listener = start_with(&options);
    int fd = connect_to(listener);
    raw_get(fd, "/parked");
    wait_parked(1);
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < 3; i++) {
        ck_assert(raw_read_no_body(fd, &answer));
        ck_assert_int_eq(answer.status, 100);
    }
    close(fd); /* with what has arrived unread, which resets the connection */
    wait_until_abandoned(1);
    stop(listener);
}

TEST(request_pipelined_before_a_half_close_is_answered)
{
    struct listener *listener = start(1);
    struct raw_answer answer;
    int fd = connect_to(listener);

    raw_get(fd, "/parked");
    raw_get(fd, "/now");
    wait_parked(1);
    shutdown(fd, SHUT_WR);
    ck_assert(raw_read_no_body(fd, &answer));
    let_all_go();
    expect(fd, "later\n");
    expect(fd, "now\n");
    stop(listener);
}

/* HTTP/1.0 has no interim responses, so this looks like a close. */
TEST(parked_request_in_http_1_0_treats_half_close_as_leaving)
{
    struct listener *listener = start(1);
    int fd = connect_to(listener);

    raw_send(fd, "GET /parked HTTP/1.0\r\n\r\n");
    wait_parked(1);
    shutdown(fd, SHUT_WR);
    wait_until_abandoned(1);
    close(fd);
    stop(listener);
    ck_assert_uint_eq(fixture.n_abandoned, 1);
}

static uint64_t requests_counted(int status)
{
    struct metrics sum;
    uint64_t n = 0;

    metrics_read(&sum);
    for (size_t i = 0; i < METRICS_ROUTES; i++)
        n += sum.http_requests[i][metrics_code_index(status)];
    return n;
}

TEST(request_of_a_client_that_left_is_counted_as_such)
{
    struct listener *listener = start(1);
    int fd = connect_to(listener);

    raw_get(fd, "/parked");
    wait_parked(1);
    close(fd);
    wait_until_abandoned(1);
    stop(listener);
    ck_assert_uint_eq(requests_counted(METRICS_CLIENT_CLOSED), 1);
    ck_assert_uint_eq(requests_counted(200), 0);
}

TEST(parked_request_treats_reset_as_leaving)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct listener *listener = start(1);
    int fd = connect_to(listener);

    raw_get(fd, "/parked");
    wait_parked(1);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
    wait_until_abandoned(1);
    stop(listener);
    ck_assert_uint_eq(fixture.n_abandoned, 1);
}

TEST(listener_frees_the_slot_of_a_client_that_left)
{
    /* One client that leaves, one that sends a request, and one whose close is not finished in
     * the server. */
    struct listener *listener = start_on("127.0.0.1:0", 1, 3);

    for (size_t i = 1; i <= 10; i++) {
        int fd = connect_to(listener);
        raw_get(fd, "/parked");
        wait_parked(1);
        close(fd);
        wait_until_abandoned(i);
        let_all_go();
        /* The same thread answers, so the leaving client was handled before. */
        fd = connect_to(listener);
        raw_send(fd, "GET /now HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        expect(fd, "now\n");
        ck_assert(raw_is_closed(fd));
        close(fd);
    }
    stop(listener);
}
