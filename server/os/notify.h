/* SPDX-License-Identifier: MIT */
/* notify.h - service-manager integration: readiness, watchdog, socket activation; the only user of
 * libsystemd.
 *
 * Based on sd_notify(3), sd_watchdog_enabled(3) and sd_listen_fds(3): environment variables and one
 * datagram socket. It works under every supervisor that implements the protocol; without one, these
 * functions do nothing. Main thread only. */
#ifndef OS_NOTIFY_H
#define OS_NOTIFY_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- state ---- */

void notify_ready(const char *status); /* `status` is one line for operators */
void notify_reloading(void);           /* ends with the next notify_ready() */

/* Reports that shutdown started, and extends the stop timeout to `extend_ms`. */
void notify_stopping(const char *status, int64_t extend_ms);

/* Ends the notifications: processes started from here on do not inherit the manager's socket. */
void notify_forget(void);

/* ---- the watchdog ---- */

/* Zeroed: no watchdog. */
struct watchdog {
    int64_t limit_ms; /* timeout after which the manager kills the daemon */
    int64_t due_ms;   /* when the next ping is due, monotonic */
    bool is_silent;   /* the last ping was withheld */
};

/* Returns the settings of the manager; .limit_ms is 0 if it does not watch. */
struct watchdog notify_watchdog(void);

/* Returns the longest time that a live loop may take for one iteration; 0 without a watchdog. */
int64_t notify_turn_ms(const struct watchdog *watchdog);

/* Pings the manager at half of its limit. If the oldest heartbeat (`age_ms`) is older than that,
 * withholds the ping and checks again soon. Returns in how many milliseconds it must be called
 * again, at least 1. */
int64_t notify_ping(struct watchdog *watchdog, int64_t now_ms, int64_t age_ms);

/* ---- sockets ---- */

/* Writes the descriptors that the manager opened, often none, to `sockets`, which holds `max`. They
 * replace the configured addresses, which is logged, and are close-on-exec from here on. Returns
 * ERR_SYNTAX if the manager's data is invalid or there are more than `max`. */
enum err notify_sockets(int *sockets, size_t max, size_t *ret_n);

#endif
