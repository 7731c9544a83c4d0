/* SPDX-License-Identifier: MIT */
/* tcp_unsent.h - limits what a connection accepts before it can send it.
 *
 * The send buffer of the system grows to megabytes. A response that is written while it is produced
 * would be produced far ahead of a client that does not read. Any thread. */
#ifndef HTTP_NET_TCP_UNSENT_H
#define HTTP_NET_TCP_UNSENT_H

/* Of a stream: enough to keep a fast connection busy. */
#define TCP_UNSENT_OF_STREAM (16 << 10)

/* From now on the socket accepts no more bytes while at least `bytes` are not sent, because the
 * peer's window or the network is full; 0 = until the send buffer is full. What was sent and is
 * not acknowledged does not count. With TLS too: its records are bytes of the same socket. Without
 * effect on a socket that is not TCP. */
void tcp_limit_unsent(int fd, int bytes);

#endif
