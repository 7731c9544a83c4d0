/* SPDX-License-Identifier: MIT */
/* connection_timeout.h - absolute timeouts per connection phase; activity does not extend them.
 *
 * libmicrohttpd only has an idle timeout, which a client avoids by sending single bytes. So each
 * worker has its own timeouts: for a complete header, from the start of the connection; for reading
 * the response, from when it is ready; and for a next request, from the last. A connection that
 * waits for a lookup has none; its request has a deadline of its own.
 *
 * All connections in a phase have the same timeout. So the list of each phase is sorted by expiry,
 * and a change costs a few pointers. Pure; one thread. */
#ifndef HTTP_NET_CONNECTION_TIMEOUT_H
#define HTTP_NET_CONNECTION_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>

enum deadline_kind {
    DEADLINE_HEADER, /* a new connection, or the first bytes of a next request */
    DEADLINE_ANSWER, /* the client reads the response */
    DEADLINE_IDLE,   /* between two requests: until the next check, see connection.h */
    DEADLINE_KINDS,
    DEADLINE_NONE
};

/* Embedded in what has timeouts. Zeroed it has none. */
struct deadline {
    struct deadline *prev, *next;
    int64_t at_ms;
    enum deadline_kind kind; /* valid only while armed */
    bool armed;
};

struct deadlines {
    int64_t after_ms[DEADLINE_KINDS];
    struct deadline *lists[DEADLINE_KINDS];
};

/* Sets or replaces the timeout; DEADLINE_NONE clears it. */
void deadline_set(struct deadlines *all, struct deadline *one, enum deadline_kind kind,
                  int64_t now_ms);

/* Returns the next expired timeout and removes it, or NULL. */
struct deadline *connection_timeouts_pop_expired(struct deadlines *all, int64_t now_ms);

/* Returns when the next timeout expires; INT64_MAX = never. */
int64_t connection_timeouts_next_ms(const struct deadlines *all);

#endif
