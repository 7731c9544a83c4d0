/* SPDX-License-Identifier: MIT */
/* listen.c - see listen.h. */
#include "tests/simulator/listen.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096 /* thousands may connect at once */

/* Splits "host:port" or "[host]:port"; numbers only, so no name server is ever asked. */
static enum err resolve(const char *text, struct addrinfo **ret_address)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    const char *colon = strrchr(text, ':');

    if (!colon || colon == text)
        return ERR_SYNTAX;
    bool bracketed = text[0] == '[' && colon[-1] == ']' && colon - text > 2;
    const char *from = bracketed ? text + 1 : text;
    autofree char *host = xstrndup(from, (size_t)(colon - from) - bracketed);
    return getaddrinfo(host, colon + 1, &hints, ret_address) == 0 ? ERR_OK : ERR_SYNTAX;
}

static enum err port_of(int fd, int *ret_port)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);

    memset(&address, 0, sizeof address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return ERR_SYSTEM;
    if (address.ss_family == AF_INET6)
        *ret_port = ntohs(((const struct sockaddr_in6 *)(const void *)&address)->sin6_port);
    else
        *ret_port = ntohs(((const struct sockaddr_in *)(const void *)&address)->sin_port);
    return ERR_OK;
}

static enum err bind_and_listen(int fd, const struct addrinfo *address)
{
    int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)
        return ERR_SYSTEM;
    return ERR_OK;
}

enum err listen_open(const char *text, int *ret_fd, int *ret_port)
{
    struct addrinfo *address = NULL;
    enum err err = resolve(text, &address);

    if (err)
        return err;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    err = fd < 0 ? ERR_SYSTEM : bind_and_listen(fd, address);
    freeaddrinfo(address);
    int port = 0;
    if (!err)
        err = port_of(fd, &port);
    if (err) {
        if (fd >= 0)
            close(fd);
        return err;
    }
    *ret_fd = fd;
    *ret_port = port;
    return ERR_OK;
}
