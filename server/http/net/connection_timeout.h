/* SPDX-License-Identifier: MIT */
/* connection_timeout.h - how long a connection may take for what it is at, however busy it looks.
 *
 * libmicrohttpd's only time-out is one of idleness, which a client outlives with a byte now and
 * then. So a worker keeps its own: a complete header within a time from the connection's first
 * moment, the whole answer taken within a time from its being ready, and a next request within a
 * time from the last. A connection that waits for a lookup has none; its request has one of its
 * own. All connections at the same thing have the same time, so one list for each is in order of
 * its ends, and moving costs a few pointers. Pure; one thread. */
#ifndef HTTP_NET_CONNECTION_TIMEOUT_H
#define HTTP_NET_CONNECTION_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>

enum deadline_kind {
    DEADLINE_HEADER, /* of a connection that is new, or whose next request has begun to come */
    DEADLINE_ANSWER, /* to take the answer */
    DEADLINE_IDLE,   /* between two requests: until the next look, see connection.h */
    DEADLINE_KINDS,
    DEADLINE_NONE
};

/* Embedded in what has deadlines. Zeroed it has none. */
struct deadline {
    struct deadline *prev, *next;
    int64_t at_ms;
    enum deadline_kind kind; /* meaningful while it is in a list */
    bool armed;
};

struct deadlines {
    int64_t after_ms[DEADLINE_KINDS];
    struct deadline *lists[DEADLINE_KINDS];
};

/* What it has from now on; DEADLINE_NONE takes it out. */
void deadline_set(struct deadlines *all, struct deadline *one, enum deadline_kind kind,
                  int64_t now_ms);

/* The next whose time is over, taken out; NULL when there is none. */
struct deadline *connection_timeouts_pop_expired(struct deadlines *all, int64_t now_ms);

/* When that is next; INT64_MAX = never. */
int64_t connection_timeouts_next_ms(const struct deadlines *all);

#endif
