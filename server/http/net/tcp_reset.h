/* SPDX-License-Identifier: MIT */
/* tcp_reset.h - ends a TCP connection so that its peer sees an error, not the end of the data.
 *
 * A response without a length and without chunks ends with its connection: only a reset shows the
 * client that it is not whole. Any thread. */
#ifndef HTTP_NET_TCP_RESET_H
#define HTTP_NET_TCP_RESET_H

/* What the peer has not read yet may be lost. The descriptor stays open, for its owner to close;
 * every further call on it fails. */
void tcp_reset(int fd);

#endif
