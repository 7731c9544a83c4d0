/* SPDX-License-Identifier: MIT */
/* notify.h - what the service manager and the daemon tell each other; the one door to libsystemd.
 *
 * sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3). All of it is a matter of environment
 * variables and one datagram socket, so it works under every supervisor that speaks the protocol,
 * and without one each of these functions does nothing. Main thread only. */
#ifndef OS_NOTIFY_H
#define OS_NOTIFY_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- where we are ---- */

void notify_ready(const char *status); /* `status` is for people, one line */
void notify_reloading(void);           /* until the next notify_ready() */

/* The end has begun and will take up to that long; the manager should not lose its patience. */
void notify_stopping(const char *status, int64_t extend_ms);

/* The last word was said: nobody who is started from here on hears of the manager's socket. */
void notify_forget(void);

/* ---- the watchdog ---- */

/* Zeroed is none. */
struct watchdog {
    int64_t limit_ms; /* after so long without a beat the manager ends us */
    int64_t due_ms;   /* when the next is due, by the monotonic clock */
    bool is_silent;   /* the last one was kept back */
};

/* What the manager wants; .limit_ms is 0 when it does not watch. */
struct watchdog notify_watchdog(void);

/* Loops that are to be found alive must turn at least this often. */
int64_t notify_turn_ms(const struct watchdog *watchdog);

/* Tells the manager that we live, at half of its limit - unless the loop that turned least lately
 * did so longer ago than that: then it is kept back, and looked at again soon. Returns in how many
 * milliseconds it wants to be called again, at least 1. */
int64_t notify_beat(struct watchdog *watchdog, int64_t now_ms, int64_t age_ms);

/* ---- sockets ---- */

/* The descriptors that the manager opened for us, often none: into `sockets`, which has room for
 * `max`. They stand in for our own addresses, which the log is told; and are close-on-exec from
 * here on. ERR_SYNTAX when the manager's word makes no sense, or there are more. */
enum err notify_sockets(int *sockets, size_t max, size_t *ret_n);

#endif
