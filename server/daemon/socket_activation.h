/* SPDX-License-Identifier: MIT */
/* socket_activation.h - replaces --listen by the sockets that the service manager opened, if any.
 *
 * Their addresses replace the configured ones before these are used, so that every rule about
 * addresses (without client keys, only this machine) applies to them too. Main thread, at
 * startup. */
#ifndef DAEMON_SOCKET_ACTIVATION_H
#define DAEMON_SOCKET_ACTIVATION_H

#include "base/err.h"
#include "base/errmsg.h"
#include "config/config.h"
#include "os/inherited_socket.h"

#include <stddef.h>

struct sockets {
    int fds[CONFIG_LIST];
    char names[CONFIG_LIST][INHERITED_NAME]; /* "127.0.0.1:8080" */
    size_t n;                                /* 0 = none */
};

/* Takes the sockets that the manager opened, often none. Returns ERR_SYNTAX if one of them is
 * unusable; `why` then says which one, and why. */
enum err sockets_take(struct sockets *ret_sockets, struct errmsg *why);

/* Replaces the addresses in `config` by those of the sockets, at startup and after each reload.
 * Without sockets, `config` is unchanged. */
void sockets_name(const struct sockets *sockets, struct config *config);

#endif
