/* SPDX-License-Identifier: MIT */
/* test_notify.c - when the watchdog is told that we live, and when that is kept back. The socket is
 * a real one; time is given. */
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

/* An abstract address, picked by the kernel. */
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

/* What the manager was told next; "" when nothing. */
static const char *told(void)
{
    static char message[512];
    ssize_t n = recv(manager, message, sizeof message - 1, 0);

    message[n > 0 ? n : 0] = '\0';
    return message;
}

TEST(it_beats_at_half_of_the_limit_and_no_more_often)
{
    struct watchdog watchdog = notify_watchdog();

    ck_assert_int_eq(watchdog.limit_ms, 1600);
    ck_assert_int_eq(notify_turn_ms(&watchdog), 200);
    ck_assert_int_eq(notify_beat(&watchdog, 10000, 0), 800);
    ck_assert_str_eq(told(), "WATCHDOG=1");
    ck_assert_int_eq(notify_beat(&watchdog, 10300, 0), 500);
    ck_assert_str_eq(told(), "");
    ck_assert_int_eq(notify_beat(&watchdog, 10800, 799), 800);
    ck_assert_str_eq(told(), "WATCHDOG=1");
}

TEST(it_is_kept_back_while_a_loop_hangs_and_looked_at_again_soon)
{
    struct watchdog watchdog = notify_watchdog();

    notify_beat(&watchdog, 10000, 0);
    told();
    ck_assert_int_eq(notify_beat(&watchdog, 10800, 800), 100);
    ck_assert_int_eq(notify_beat(&watchdog, 10900, 900), 100);
    ck_assert_str_eq(told(), "");
    ck_assert_int_eq(notify_beat(&watchdog, 11000, 5), 800);
    ck_assert_str_eq(told(), "WATCHDOG=1");
}

TEST(without_a_limit_there_is_nothing_to_do)
{
    unsetenv("WATCHDOG_USEC");
    struct watchdog watchdog = notify_watchdog();

    ck_assert_int_eq(notify_turn_ms(&watchdog), 0);
    ck_assert_int_ge(notify_beat(&watchdog, 10000, 99999), 1000);
    ck_assert_str_eq(told(), "");
}

TEST(a_limit_for_another_process_is_none)
{
    setenv("WATCHDOG_PID", "1", 1);
    ck_assert_int_eq(notify_watchdog().limit_ms, 0);
}

TEST(a_limit_that_is_none_is_not_taken)
{
    setenv("WATCHDOG_USEC", "soon", 1);
    ck_assert_int_eq(notify_watchdog().limit_ms, 0);
}

TEST(the_shortest_limit_still_makes_sense)
{
    setenv("WATCHDOG_USEC", "1", 1);
    struct watchdog watchdog = notify_watchdog();

    ck_assert_int_eq(watchdog.limit_ms, 1);
    ck_assert_int_eq(notify_turn_ms(&watchdog), 1);
    ck_assert_int_ge(notify_beat(&watchdog, 10000, 0), 1);
}

TEST(the_manager_hears_where_we_are)
{
    notify_ready("serving");
    ck_assert_str_eq(told(), "READY=1\nSTATUS=serving");
    notify_reloading();
    ck_assert_ptr_nonnull(strstr(told(), "RELOADING=1\nMONOTONIC_USEC="));
    notify_stopping("draining", 40000);
    ck_assert_str_eq(told(), "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=40000000");
    notify_forget();
    ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
    notify_ready("serving");
    ck_assert_str_eq(told(), "");
}

/* ---- sockets ---- */

TEST(sockets_are_counted_only_when_they_are_ours)
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

TEST(more_sockets_than_there_is_room_for_are_refused)
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
    setenv("LISTEN_PID", pid, 1); /* the last call took them out of the environment */
    setenv("LISTEN_FDS", "2", 1);
    ck_assert_int_eq(notify_sockets(sockets, 2, &n), ERR_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(sockets[0], 3);
    ck_assert_int_eq(sockets[1], 4);
}
