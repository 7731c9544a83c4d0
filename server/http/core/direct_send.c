/* SPDX-License-Identifier: MIT */
/* direct_send.c - see direct_send.h. */
#include "http/core/direct_send.h"

#include "http/net/tls.h"

#include <sys/socket.h>

bool direct_send(struct MHD_Connection *connection, const char *data, size_t len)
{
    const union MHD_ConnectionInfo *secured =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);

    if (secured)
        return tls_send(secured->tls_session, data, len);
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    return send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len;
}
