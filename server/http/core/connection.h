/* SPDX-License-Identifier: MIT */
/* connection.h - what lives as long as a connection: the target that was asked for last, and how
 * long what it is at may take.
 *
 * Its deadlines are those of connection_timeout.h. Between two requests nobody tells that the first
 * bytes of the next have come, libmicrohttpd only speaks up when the request line is whole; so a
 * connection is looked at now and then, and from the look that finds bytes the deadline of headers
 * counts. Embedded in the request. The worker's thread only. */
#ifndef HTTP_CORE_CONNECTION_H
#define HTTP_CORE_CONNECTION_H

#include "http/net/connection_timeout.h"

#include <stddef.h>
#include <stdint.h>

#define CONNECTION_PATH   128 /* longer than any path that is served */
#define CONNECTION_TARGET 160 /* a longer target is not remembered as a hit */

struct connection {
    /* Raw, of the request that came last: */
    char path[CONNECTION_PATH]; /* without scheme, host and query; "" when it was longer */
    char target[CONNECTION_TARGET];
    size_t target_len;      /* 0 when it was longer */
    const char *target_end; /* libmicrohttpd's, to compare with; NULL when a CR stood in it */
    int fd;                 /* libmicrohttpd's */
    int64_t idle_since_ms;
    struct deadline deadline;
};

/* The times that a worker's connections have. Between two requests a look comes first, so that a
 * next header is over at most a quarter late. */
void connection_times(struct deadlines *all, int64_t header_ms, int64_t answer_ms, int64_t idle_ms);

/* A zeroed one has just been accepted: its first header is due. */
void connection_init(struct connection *connection, int fd, struct deadlines *all, int64_t now_ms);
void connection_done(struct connection *connection, struct deadlines *all);

/* A request line has come. The absolute form, "http://host/path?query", is as good as
 * "/path?query" (RFC 9112, 3.2.2). */
void connection_line(struct connection *connection, const char *target, struct deadlines *all,
                     int64_t now_ms);

/* The three things that it can be at afterwards. */
void connection_enter_waiting(struct connection *connection, struct deadlines *all);
void connection_enter_sending(struct connection *connection, struct deadlines *all, int64_t now_ms);
void connection_enter_idle(struct connection *connection, struct deadlines *all, int64_t now_ms);

/* What connection_timeouts_pop_expired() gave: the socket is shut, and libmicrohttpd will close it;
 * or it was only time for a look. */
void connection_on_timeout(struct deadline *over, struct deadlines *all, int64_t idle_timeout_ms,
                           int64_t now_ms);

#endif
