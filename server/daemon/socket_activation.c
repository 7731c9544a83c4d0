/* SPDX-License-Identifier: MIT */
/* socket_activation.c - see socket_activation.h. */
#include "daemon/socket_activation.h"

#include "base/mem.h"
#include "os/notify.h"

#include <stdlib.h>

enum err sockets_take(struct sockets *ret_sockets, struct errmsg *why)
{
    struct sockets sockets;
    struct errmsg fault;

    if (notify_sockets(sockets.fds, CONFIG_LIST, &sockets.n)) {
        errmsg_set(why, "invalid LISTEN_FDS or too many sockets (maximum 8)");
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < sockets.n; i++)
        if (inherited_socket_name(sockets.fds[i], sockets.names[i], &fault)) {
            errmsg_set(why, "descriptor %d is %s", sockets.fds[i], fault.text);
            return ERR_SYNTAX;
        }
    *ret_sockets = sockets;
    return ERR_OK;
}

void sockets_name(const struct sockets *sockets, struct config *config)
{
    if (!sockets->n)
        return;
    for (size_t i = 0; i < config->listen.n; i++)
        free(TAKE(config->listen.values[i]));
    for (size_t i = 0; i < sockets->n; i++)
        config->listen.values[i] = xstrdup(sockets->names[i]);
    config->listen.n = sockets->n;
}
