/* SPDX-License-Identifier: MIT */
/* socket_activation.h - the sockets that the service manager opened, if it did, in the place of
 * --listen.
 *
 * Their addresses replace the configured ones before anybody looks at those, so that every rule
 * about addresses (without client keys, only this machine) holds for them as well. Main thread, at
 * the start. */
#ifndef DAEMON_SOCKET_ACTIVATION_H
#define DAEMON_SOCKET_ACTIVATION_H

#include "base/err.h"
#include "config/config.h"
#include "os/inherited_socket.h"

#include <stddef.h>

#define SOCKETS_WHY 256

struct sockets {
    int fds[CONFIG_LISTENS];
    char names[CONFIG_LISTENS][INHERITED_NAME]; /* "127.0.0.1:8080" */
    size_t n;                                   /* 0 = none */
};

/* What the manager opened, often nothing. ERR_SYNTAX when one of them cannot be served on; `why`
 * (SOCKETS_WHY bytes) says which, and why.
 */
enum err sockets_take(struct sockets *ret_sockets, char *why);

/* Their names in the place of the addresses in `config`, at the start and after each reading.
 * Without sockets `config` stays as it is. */
void sockets_name(const struct sockets *sockets, struct config *config);

#endif
