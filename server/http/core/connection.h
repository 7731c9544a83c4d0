/* SPDX-License-Identifier: MIT */
/* connection.h - per-connection state: the last request target and the current timeout.
 *
 * The timeouts are those of connection_timeout.h. libmicrohttpd reports a new request only when its
 * request line is complete, so an idle connection is checked periodically. The check that finds new
 * bytes starts the header timeout. Embedded in struct place, beside the request. Worker thread
 * only. */
#ifndef HTTP_CORE_CONNECTION_H
#define HTTP_CORE_CONNECTION_H

#include "http/net/connection_timeout.h"

#include <stddef.h>
#include <stdint.h>

#define CONNECTION_PATH   128 /* longer than any served path */
#define CONNECTION_TARGET 160 /* bytes; longer targets are not cached */

struct connection {
    /* Raw, of the last request: */
    char path[CONNECTION_PATH]; /* without scheme, host and query; "" if longer */
    char target[CONNECTION_TARGET];
    size_t target_len;      /* 0 if longer */
    const char *target_end; /* in libmicrohttpd's memory; NULL if it contains a CR */
    int fd;                 /* owned by libmicrohttpd */
    int64_t idle_since_ms;
    struct deadline deadline;
};

/* Sets the timeouts of a worker's connections, in milliseconds. Idle connections are checked every
 * quarter of `header_ms`, so the header timeout of a next request ends at most a quarter late. */
void connection_times(struct deadlines *all, int64_t header_ms, int64_t answer_ms, int64_t idle_ms);

/* Initializes a zeroed struct for an accepted connection and starts its header timeout. */
void connection_init(struct connection *connection, int fd, struct deadlines *all, int64_t now_ms);
void connection_done(struct connection *connection, struct deadlines *all);

/* Stores the target of a request line; starts the header timeout if the connection was idle. The
 * absolute form, "http://host/path?query", is equivalent to "/path?query" (RFC 9112, 3.2.2). */
void connection_line(struct connection *connection, const char *target, struct deadlines *all,
                     int64_t now_ms);

/* State transitions: waiting has no timeout; sending has the response timeout; idle is checked. */
void connection_enter_waiting(struct connection *connection, struct deadlines *all);
void connection_enter_sending(struct connection *connection, struct deadlines *all, int64_t now_ms);
void connection_enter_idle(struct connection *connection, struct deadlines *all, int64_t now_ms);

/* Handles a deadline from connection_timeouts_pop_expired(): shuts down the socket, so that
 * libmicrohttpd closes it, or plans the next check of an idle connection. */
void connection_on_timeout(struct deadline *over, struct deadlines *all, int64_t idle_timeout_ms,
                           int64_t now_ms);

#endif
