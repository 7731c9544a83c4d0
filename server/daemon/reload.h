/* SPDX-License-Identifier: MIT */
/* reload.h - SIGHUP: the configuration and the files that it names are read anew, and taken over as
 * a whole or not at all.
 *
 * First everything is prepared, which may fail: then the old stays, and the log says why. Then it
 * is handed over, which cannot fail: to the workers in one message each, to the engine in one.
 * What takes a restart is named in the log, at every reload until there is one. Main thread. */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include "config/config.h"
#include "daemon/access_policy.h"
#include "daemon/socket_activation.h"
#include "http/core/app.h"
#include "http/listener.h"
#include "lookup/engine.h"

#include <stdbool.h>

/* All borrowed. `config` and `policy` are what the daemon goes by, now and after a reload. */
struct reload {
    int argc;
    char *const *argv;
    struct config *config;
    const struct sockets *sockets; /* whose addresses stay those of the configuration */
    struct access_policy *policy;
    struct listener *listener;
    struct engine *engine;
};

/* Was it taken over? */
bool reload_now(const struct reload *reload);

/* The part of the configuration that workers go by. */
struct limits reload_limits_of(const struct config *config);

#endif
