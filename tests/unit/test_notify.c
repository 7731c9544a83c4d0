/* SPDX-License-Identifier: MIT */
/* test_notify.c - tests when a watchdog ping is sent and when it is withheld. The socket is
 * real; the test sets the time. */
#include "os/notify.h"

#include "tests/support/suite.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int manager;

/* An abstract address, chosen by the kernel. */
static void set_up(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t len = sizeof address;
    char name[2 + sizeof address.sun_path];

    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(manager, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
    ck_assert_int_eq(getsockname(manager, (struct sockaddr *)&address, &len), 0);
    size_t n = len - offsetof(struct sockaddr_un, sun_path) - 1;
    snprintf(name, sizeof name, "@%.*s", (int)n, address.sun_path + 1);
    setenv("NOTIFY_SOCKET", name, 1);
    setenv("WATCHDOG_USEC", "1600000", 1);
    unsetenv("WATCHDOG_PID");
}

static void tear_down(void)
{
    close(manager);
}

FIXTURE(set_up, tear_down);

/* Returns the next message to the manager; "" if there is no message. */
static const char *next_message(void)
{
    static char message[512];
    ssize_t n = recv(manager, message, sizeof message - 1, 0);

    message[n > 0 ? n : 0] = '\0';
    return message;
}

TEST(notify_pings_at_half_the_limit)
{
    struct watchdog watchdog = notify_watchdog();

    ck_assert_int_eq(watchdog.limit_ms, 1600);
    ck_assert_int_eq(notify_turn_ms(&watchdog), 200);
    ck_assert_int_eq(notify_ping(&watchdog, 10000, 0), 800);
    ck_assert_str_eq(next_message(), "WATCHDOG=1");
    ck_assert_int_eq(notify_ping(&watchdog, 10300, 0), 500);
    ck_assert_str_eq(next_message(), "");
    ck_assert_int_eq(notify_ping(&watchdog, 10800, 799), 800);
    ck_assert_str_eq(next_message(), "WATCHDOG=1");
}

TEST(notify_withholds_pings_while_a_loop_hangs)
{
    struct watchdog watchdog = notify_watchdog();

    notify_ping(&watchdog, 10000, 0);
    next_message();
    ck_assert_int_eq(notify_ping(&watchdog, 10800, 800), 100);
    ck_assert_int_eq(notify_ping(&watchdog, 10900, 900), 100);
    ck_assert_str_eq(next_message(), "");
    ck_assert_int_eq(notify_ping(&watchdog, 11000, 5), 800);
    ck_assert_str_eq(next_message(), "WATCHDOG=1");
}

TEST(notify_without_a_limit_sends_no_ping)
{
    unsetenv("WATCHDOG_USEC");
    struct watchdog watchdog = notify_watchdog();

    ck_assert_int_eq(notify_turn_ms(&watchdog), 0);
    ck_assert_int_ge(notify_ping(&watchdog, 10000, 99999), 1000);
    ck_assert_str_eq(next_message(), "");
}

TEST(notify_ignores_the_limit_of_another_process)
{
    setenv("WATCHDOG_PID", "1", 1);
    ck_assert_int_eq(notify_watchdog().limit_ms, 0);
}

TEST(notify_ignores_an_invalid_limit)
{
    setenv("WATCHDOG_USEC", "soon", 1);
    ck_assert_int_eq(notify_watchdog().limit_ms, 0);
}

TEST(notify_shortest_limit_gives_a_valid_interval)
{
    setenv("WATCHDOG_USEC", "1", 1);
    struct watchdog watchdog = notify_watchdog();

    ck_assert_int_eq(watchdog.limit_ms, 1);
    ck_assert_int_eq(notify_turn_ms(&watchdog), 1);
    ck_assert_int_ge(notify_ping(&watchdog, 10000, 0), 1);
}

TEST(notify_reports_the_state_to_the_manager)
{
    notify_ready("serving");
    ck_assert_str_eq(next_message(), "READY=1\nSTATUS=serving");
    notify_reloading();
    ck_assert_ptr_nonnull(strstr(next_message(), "RELOADING=1\nMONOTONIC_USEC="));
    notify_stopping("draining", 40000);
    ck_assert_str_eq(next_message(), "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=40000000");
    notify_forget();
    ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
    notify_ready("serving");
    ck_assert_str_eq(next_message(), "");
}

/* ---- sockets ---- */

TEST(notify_counts_sockets_of_this_process_only)
{
    int sockets[2];
    size_t n = 99;

    ck_assert_int_eq(notify_sockets(sockets, 2, &n), ERR_OK);
    ck_assert_uint_eq(n, 0);
    setenv("LISTEN_PID", "1", 1);
    setenv("LISTEN_FDS", "1", 1);
    ck_assert_int_eq(notify_sockets(sockets, 2, &n), ERR_OK);
    ck_assert_uint_eq(n, 0);
}

TEST(notify_too_many_sockets_are_rejected)
{
    char pid[24];
    int sockets[2];
    size_t n = 99;

    ck_assert_int_ge(dup2(manager, 3), 0);
    ck_assert_int_ge(dup2(manager, 4), 0);
    ck_assert_int_ge(dup2(manager, 5), 0);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "3", 1);
    ck_assert_int_eq(notify_sockets(sockets, 2, &n), ERR_SYNTAX);
    ck_assert_uint_eq(n, 99);
    setenv("LISTEN_PID", pid, 1); /* the last call removed them from the environment */
    setenv("LISTEN_FDS", "2", 1);
    ck_assert_int_eq(notify_sockets(sockets, 2, &n), ERR_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(sockets[0], 3);
    ck_assert_int_eq(sockets[1], 4);
}
