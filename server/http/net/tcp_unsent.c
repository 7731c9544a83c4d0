/* SPDX-License-Identifier: MIT */
/* tcp_unsent.c - see tcp_unsent.h. A small SO_SNDBUF would also limit what is in flight, and with
 * it the speed of a client far away. */
#include "http/net/tcp_unsent.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

void tcp_limit_unsent(int fd, int bytes)
{
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}
