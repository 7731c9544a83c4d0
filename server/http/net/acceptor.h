/* SPDX-License-Identifier: MIT */
/* acceptor.h - accepts connections from a worker's listening sockets, and pauses when there is no
 * file descriptor for one.
 *
 * libmicrohttpd could accept them itself. But when it runs out of descriptors, it ignores its
 * listening socket until one of its own connections ends, which may take minutes; without
 * connections it retries in a busy loop. The acceptor instead leaves the sockets alone for PAUSE_MS
 * and tries again. New connections wait in the kernel's queue, and open ones are not affected. No
 * spare descriptor is reserved for rejecting connections: clients would reconnect, and the limits
 * of connection_limit.h, which do reject them, are usually reached first.
 *
 * The sockets are in the worker's epoll set, marked by the acceptor's address. Worker thread only,
 * except for start and shutdown. */
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
    int64_t resume_ms;               /* end of the pause; 0 = no pause */
    int64_t log_suppressed_until_ms; /* later pauses are logged again */
};

/* An accepted connection. */
struct accepted {
    int fd; /* non-blocking; owned by the caller */
    socklen_t from_len;
    struct sockaddr_storage from;
};

void acceptor_init(struct acceptor *acceptor, int epoll_fd);

/* Stops listening: closes all sockets and resets the connections in their queues. Idempotent. */
void acceptor_close(struct acceptor *acceptor);

/* Takes ownership of a non-blocking listening socket in any case. Returns false if it cannot be
 * watched. */
bool acceptor_add(struct acceptor *acceptor, int socket);

/* Accepts the next connection from the i-th socket. Returns false if there is none, or during a
 * pause. */
bool acceptor_accept(struct acceptor *acceptor, size_t i, int64_t now_ms,
                     struct accepted *ret_accepted);

/* Ends a pause that is over. Call once per loop iteration. */
void acceptor_turn(struct acceptor *acceptor, int64_t now_ms);

/* Returns when the pause ends; INT64_MAX = no pause. */
int64_t acceptor_next_ms(const struct acceptor *acceptor);

#endif
