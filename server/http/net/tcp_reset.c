/* SPDX-License-Identifier: MIT */
/* tcp_reset.c - see tcp_reset.h. SO_LINGER would reset only with close(), which is libmicrohttpd's,
 * and after its shutdown(), which ends the data first. */
#include "http/net/tcp_reset.h"

#include <sys/socket.h>

void tcp_reset(int fd)
{
    const struct sockaddr none = {.sa_family = AF_UNSPEC};

    (void)connect(fd, &none, sizeof none); /* dissolves the association: connect(2) */
}
