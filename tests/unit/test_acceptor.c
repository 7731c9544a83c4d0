/* SPDX-License-Identifier: MIT */
/* test_acceptor.c - tests that connections are accepted, and accepted later if there are no
 * descriptors. */
#include "http/net/acceptor.h"

#include "base/log.h"

#include "tests/support/suite.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define NOW_MS   1000
#define PAUSE_MS 100

/* ---- the log, counted instead of written ---- */

static int n_logged;

void log_fields(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
    (void)level;
    (void)fields;
    (void)n;
    ck_assert_str_eq(event, "accept_paused");
    n_logged++;
}

/* ---- the socket and the poll set ---- */

static struct acceptor acceptor;
static struct sockaddr_in address;
static int epoll_fd, listening;

static int listen_somewhere(void)
{
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 16), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return fd;
}

/* Returns when the connection waits in the queue of `queue`. connect() may return earlier. */
static int connect_to_queue(int queue)
{
    struct pollfd waiting = {.fd = queue, .events = POLLIN};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(poll(&waiting, 1, -1), 1);
    ck_assert_int_eq(waiting.revents, POLLIN);
    return fd;
}

static int connect_there(void)
{
    return connect_to_queue(listening);
}

static bool has_pending_connection(void)
{
    struct epoll_event event;
    int n = epoll_wait(epoll_fd, &event, 1, 0);

    ck_assert(n == 0 || event.data.ptr == &acceptor);
    return n == 1;
}

static bool take(int64_t now_ms, struct accepted *ret_caller)
{
    return acceptor_accept(&acceptor, 0, now_ms, ret_caller);
}

static void set_up(void)
{
    epoll_fd = epoll_create1(0);
    listening = listen_somewhere();
    acceptor_init(&acceptor, epoll_fd);
    ck_assert(acceptor_add(&acceptor, listening));
}

static void tear_down(void)
{
    acceptor_close(&acceptor);
    acceptor_close(&acceptor);
    close(epoll_fd);
}

FIXTURE(set_up, tear_down);

/* Limits descriptors to the open ones, or restores the old limit. */
static void limit_files(bool are_short)
{
    static rlim_t before;
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (are_short)
        before = limit.rlim_cur;
    limit.rlim_cur = are_short ? 3 : before;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* ---- the tests ---- */

TEST(acceptor_accepts_all_waiting_with_their_addresses)
{
    struct accepted caller = {0};
    struct sockaddr_in own = {0};
    socklen_t len = sizeof own;

    ck_assert(!has_pending_connection() && !take(NOW_MS, &caller));
    int fd = connect_there();
    ck_assert(has_pending_connection() && take(NOW_MS, &caller));
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&own, &len), 0);
    ck_assert_uint_eq(caller.from_len, sizeof own);
    ck_assert(memcmp(&caller.from, &own, sizeof own) == 0);
    ck_assert(fcntl(caller.fd, F_GETFL) & O_NONBLOCK);
    ck_assert(fcntl(caller.fd, F_GETFD) & FD_CLOEXEC);
    ck_assert(!has_pending_connection() && !take(NOW_MS, &caller));
    ck_assert(acceptor_next_ms(&acceptor) == INT64_MAX);
    ck_assert_int_eq(n_logged, 0);
}

TEST(acceptor_without_descriptors_pauses_and_resumes)
{
    struct accepted caller;

    connect_there();
    limit_files(true);
    ck_assert(has_pending_connection() && !take(NOW_MS, &caller));
    ck_assert_int_eq(acceptor_next_ms(&acceptor), NOW_MS + PAUSE_MS);
    ck_assert_msg(!has_pending_connection(), "the loop may sleep");
    limit_files(false);
    acceptor_turn(&acceptor, NOW_MS + PAUSE_MS - 1);
    ck_assert(!has_pending_connection() && !take(NOW_MS + PAUSE_MS - 1, &caller));
    acceptor_turn(&acceptor, NOW_MS + PAUSE_MS);
    ck_assert(acceptor_next_ms(&acceptor) == INT64_MAX);
    ck_assert(has_pending_connection() && take(NOW_MS + PAUSE_MS, &caller));
}

TEST(acceptor_shortage_is_logged_once)
{
    struct accepted caller;
    int64_t now_ms = NOW_MS;

    connect_there();
    limit_files(true);
    for (int i = 0; i < 1000; i++) {
        ck_assert(!take(now_ms, &caller));
        now_ms += PAUSE_MS;
        acceptor_turn(&acceptor, now_ms);
    }
    ck_assert_int_eq(n_logged, 1);
    ck_assert(!take(now_ms + 60000, &caller));
    ck_assert_int_eq(n_logged, 2);
    limit_files(false); /* a leak checker needs some */
}

TEST(acceptor_lasting_error_causes_no_busy_loop)
{
    struct accepted caller;

    ck_assert_int_eq(shutdown(listening, SHUT_RDWR), 0);
    ck_assert(!take(NOW_MS, &caller));
    ck_assert_int_eq(acceptor_next_ms(&acceptor), NOW_MS + PAUSE_MS);
    ck_assert(has_pending_connection() && !take(NOW_MS, &caller)); /* reports the error once */
    ck_assert_msg(!has_pending_connection(), "the loop may sleep");
    ck_assert_int_eq(n_logged, 1);
}

TEST(acceptor_closed_unwatches_a_shared_socket)
{
    int other = dup(listening);

    acceptor_close(&acceptor);
    connect_to_queue(other);
    ck_assert(!has_pending_connection());
    close(other);
}

TEST(acceptor_rejects_and_closes_unwatchable_descriptor)
{
    int file = open("/dev/null", O_RDONLY); /* epoll accepts no files */
    ck_assert(!acceptor_add(&acceptor, file));
    acceptor_close(&acceptor);
    ck_assert_int_eq(fcntl(file, F_GETFD), -1);
}
