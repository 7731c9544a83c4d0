/* SPDX-License-Identifier: MIT */
/* connection_timeout.h - absolute timeouts per connection phase; activity does not extend them,
 * except while a stream is sent.
 *
 * libmicrohttpd only has an idle timeout, which a client avoids by sending single bytes. So each
 * worker has its own timeouts: for a complete header, from the start of the connection; for reading
 * the response, from when it is ready; and for a next request, from the last. A connection that
 * waits for a lookup has none; its request has a deadline of its own.
 *
 * libmicrohttpd reports a new request only when its request line is complete, so an idle connection
 * is checked periodically. The check that finds new bytes starts the header timeout.
 *
 * All connections in a phase have the same timeout. So the list of each phase is sorted by expiry,
 * and a change costs a few pointers. One thread. */
#ifndef HTTP_NET_CONNECTION_TIMEOUT_H
#define HTTP_NET_CONNECTION_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>

enum connection_phase {
    PHASE_HEADER,  /* a new connection, or the first bytes of a next request */
    PHASE_SENDING, /* the client reads the response; that of a stream begins again as long as the
                      client takes bytes, so it ends within twice the timeout after the last one */
    PHASE_IDLE,    /* between two requests: until the next check */
    PHASES,
    PHASE_NONE /* no timeout: the request waits for a lookup, or the connection has ended */
};

/* Embedded in a connection. Zeroed it has no timeout. */
struct connection_timeout {
    struct connection_timeout *prev, *next;
    int64_t at_ms;
    enum connection_phase phase; /* also after its timeout has expired */
    bool armed;                  /* is in the list of `phase` */
    bool is_stream;              /* the response has no end yet: see PHASE_SENDING */
    bool resets;                 /* ends by a reset: its response has no other sign of being cut */
    uint64_t acked;              /* bytes that the client had taken at the last check */
    int fd;                      /* the connection's socket, borrowed */
    int64_t idle_since_ms;
};

struct connection_timeouts {
    int64_t after_ms[PHASES];
    int64_t idle_ms; /* of a connection without a request */
    struct connection_timeout *lists[PHASES];
};

/* Initializes a zeroed struct. Idle connections are checked every quarter of `header_ms`, so the
 * header timeout of a next request ends at most a quarter late. */
void connection_timeouts_init(struct connection_timeouts *all, int64_t header_ms,
                              int64_t response_ms, int64_t idle_ms);

/* Enters a phase at `now_ms` and sets its timeout, which replaces the one before. */
void connection_enter_phase(struct connection_timeouts *all, struct connection_timeout *one,
                            enum connection_phase phase, int64_t now_ms);

/* The connection received a request line: starts the header timeout if it was idle. */
void connection_on_request_line(struct connection_timeouts *all, struct connection_timeout *one,
                                int64_t now_ms);

/* Returns the next expired timeout and removes it, or NULL. */
struct connection_timeout *connection_timeouts_pop_expired(struct connection_timeouts *all,
                                                           int64_t now_ms);

/* Handles an expired timeout: shuts down or resets the socket, so that libmicrohttpd closes it, or
 * plans the next check of an idle connection or a stream. */
void connection_on_timeout(struct connection_timeouts *all, struct connection_timeout *expired,
                           int64_t now_ms);

/* Ends the connections whose clients read a response, but have taken no byte of it since the last
 * call, nor in the last `stalled_ms`. */
void connection_timeouts_end_stalled(struct connection_timeouts *all, int64_t stalled_ms,
                                     int64_t now_ms);

/* Ends all connections whose clients read a response. */
void connection_timeouts_end_sending(struct connection_timeouts *all);

/* Starts the header timeout of all idle connections on which bytes of a next request arrived. */
void connection_timeouts_check_idle(struct connection_timeouts *all, int64_t now_ms);

/* Returns whether a connection has not sent the whole head of a request that it began, or of its
 * first. */
bool connection_timeouts_await_heads(const struct connection_timeouts *all);

/* Returns when the next timeout expires; INT64_MAX = never. */
int64_t connection_timeouts_next_ms(const struct connection_timeouts *all);

#endif
