/* SPDX-License-Identifier: MIT */
/* inherited_socket.c - see inherited_socket.h. Checks with getsockopt(2), which allows a specific
 * error message; sd_is_socket() only returns yes or no. */
#include "os/inherited_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

static int option_of(int fd, int option)
{
    int value = -1;
    socklen_t len = sizeof value;

    return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value : -1;
}

/* Returns what is wrong with the socket, or NULL. */
static const char *fault_of(int fd)
{
    int domain = option_of(fd, SO_DOMAIN);

    if (domain < 0)
        return errno == ENOTSOCK ? "not a socket" : "unusable";
    if (domain != AF_INET && domain != AF_INET6)
        return "not a TCP socket over IPv4 or IPv6";
    if (option_of(fd, SO_TYPE) != SOCK_STREAM || option_of(fd, SO_PROTOCOL) != IPPROTO_TCP)
        return "not a TCP socket; use ListenStream= in the socket unit";
    if (option_of(fd, SO_ACCEPTCONN) != 1)
        return "not a listening socket; use Accept=no in the socket unit";
    return NULL;
}

enum err inherited_socket_name(int fd, char *ret_name, struct errmsg *why)
{
    const char *fault = fault_of(fd);
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE], port[sizeof "65535"];
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;

    if (!fault && (getsockname(fd, (struct sockaddr *)&address, &len) != 0 ||
                   getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port,
                               sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0))
        fault = "a socket without an address";
    if (fault) {
        errmsg_set(why, "%s", fault);
        return ERR_SYNTAX;
    }
    snprintf(ret_name, INHERITED_NAME, address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
             port);
    return ERR_OK;
}

int inherited_socket_share(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return -1;
    return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}
