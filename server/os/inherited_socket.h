/* SPDX-License-Identifier: MIT */
/* inherited_socket.h - listening sockets that the service manager opened for us (socket
 * activation).
 *
 * One socket is shared by all workers: each has a descriptor of its own for it, all of them accept,
 * and whoever is first gets the connection. The kernel wakes them all for each one; EPOLLEXCLUSIVE
 * would not help, because it is lost on the way through libmicrohttpd's epoll into the worker's. On
 * four cores that costs a quarter of the new connections a second (10,000 instead of 13,800), and
 * requests on connections that are kept alive nothing.
 * What lies in the socket's queue at the end stays there for the next process. Main thread only. */
#ifndef OS_INHERITED_SOCKET_H
#define OS_INHERITED_SOCKET_H

#include "base/err.h"

#define INHERITED_NAME 80
#define INHERITED_WHY  128

/* "127.0.0.1:8080" or "[::1]:8080": where that descriptor listens, into `ret_name` (INHERITED_NAME
 * bytes). ERR_SYNTAX when it is no socket that listens for TCP over IPv4 or IPv6; `why`
 * (INHERITED_WHY bytes) then says what it is. */
enum err inherited_name(int fd, char *ret_name, char *why);

/* Another descriptor for the same socket; -1 and errno when the system has none. Accepting on it
 * does not block any more. */
int inherited_share(int fd);

#endif
