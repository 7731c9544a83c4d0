/* SPDX-License-Identifier: MIT */
/* acceptor.h - takes the connections from a worker's listening sockets, and pauses for a moment
 * when there is no descriptor for one.
 *
 * libmicrohttpd would take them by itself. But when it is out of descriptors it does not look at
 * its listening socket again before one of its own connections has ended, which may be minutes
 * where those inside wait; and where nobody is inside it asks again without a rest. Here the
 * sockets are left alone for PAUSE_MS and then tried again: who connects meanwhile waits in the
 * kernel's queue, nobody inside notices, and what is free again is used at once. No descriptor is
 * kept to turn callers away with: they would come back, and the limits of connection_limit.h, which
 * do turn them away, are reached before in all but odd cases.
 *
 * The sockets are watched in the worker's epoll set, all under the acceptor's own address. Worker's
 * thread only, but for the start and the end. */
#ifndef HTTP_NET_ACCEPTOR_H
#define HTTP_NET_ACCEPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define ACCEPTOR_SOCKETS 8

struct acceptor {
    int epoll_fd; /* borrowed */
    size_t n;
    int sockets[ACCEPTOR_SOCKETS];
    int64_t again_ms;                /* when the pause is over; 0 = there is none */
    int64_t log_suppressed_until_ms; /* the log knows; later ones are told again */
};

/* Somebody who has connected. */
struct accepted {
    int fd; /* non-blocking; the taker's to close */
    socklen_t from_len;
    struct sockaddr_storage from;
};

void acceptor_init(struct acceptor *acceptor, int epoll_fd);

/* Stops listening: closes all sockets, and with them who was not taken. Idempotent. */
void acceptor_close(struct acceptor *acceptor);

/* Takes a non-blocking listening socket over, in every case; false when it cannot be watched. */
bool acceptor_add(struct acceptor *acceptor, int socket);

/* The next who has connected to the i-th socket; false when there is none, or a pause. */
bool acceptor_accept(struct acceptor *acceptor, size_t i, int64_t now_ms,
                     struct accepted *ret_caller);

/* Once a turn: ends a pause that is over. */
void acceptor_turn(struct acceptor *acceptor, int64_t now_ms);

/* When that is; INT64_MAX = there is no pause. */
int64_t acceptor_next_ms(const struct acceptor *acceptor);

#endif
