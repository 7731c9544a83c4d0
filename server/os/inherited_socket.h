/* SPDX-License-Identifier: MIT */
/* inherited_socket.h - uses listening sockets opened by the service manager (socket activation).
 *
 * All workers share one socket: each has its own descriptor for it, all of them accept, and the
 * first one gets the connection. The kernel wakes all of them for each connection. EPOLLEXCLUSIVE
 * would not help, because it is lost where libmicrohttpd's epoll is nested in the worker's. On four
 * cores that costs a quarter of the new connections per second (10,000 instead of 13,800); requests
 * on kept-alive connections are not affected.
 *
 * At shutdown, connections in the socket's queue are left to the next process. Main thread only. */
#ifndef OS_INHERITED_SOCKET_H
#define OS_INHERITED_SOCKET_H

#include "base/err.h"
#include "base/errmsg.h"

#define INHERITED_NAME 80

/* Writes the address of the socket ("127.0.0.1:8080", "[::1]:8080") to `ret_name` (INHERITED_NAME
 * bytes). Returns ERR_SYNTAX if it is not a listening TCP socket over IPv4 or IPv6; `why` then says
 * what it is. */
enum err inherited_socket_name(int fd, char *ret_name, struct errmsg *why);

/* Returns another descriptor for the same socket, owned by the caller; -1 with errno set on
 * failure. Makes accepting on the socket non-blocking. */
int inherited_socket_share(int fd);

#endif
