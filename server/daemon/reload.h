/* SPDX-License-Identifier: MIT */
/* reload.h - SIGHUP: reloads the configuration and the files that it names, atomically.
 *
 * First everything is prepared. If that fails, the old settings stay in effect and the reason is
 * logged. Then the settings are passed on, which cannot fail: in one message to each worker and one
 * to the engine. Options that require a restart are logged at each reload until the restart. Main
 * thread. */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include "config/config.h"
#include "daemon/access_policy.h"
#include "daemon/engine_setup.h"
#include "daemon/socket_activation.h"
#include "http/core/app.h"
#include "http/listener.h"

#include <stdbool.h>

/* All borrowed. `config` and `policy` are the settings in effect, before and after a reload. */
struct reload {
    int argc;
    char *const *argv;
    struct config *config;
    const struct sockets *sockets; /* their addresses replace the configured ones */
    struct access_policy *policy;
    struct listener *listener;
    struct engine_setup *setup;
};

/* Reloads. Returns whether the new settings are in effect. */
bool reload_now(const struct reload *reload);

/* Returns the part of the configuration that workers use. */
struct limits reload_limits_of(const struct config *config);

#endif
