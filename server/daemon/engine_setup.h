/* SPDX-License-Identifier: MIT */
/* engine_setup.h - opens the store that the configuration describes, and starts the engine on it.
 *
 * A server that has the store may be away. Then the engine starts once it is back, and the main
 * thread does other work meanwhile. Main thread. */
#ifndef DAEMON_ENGINE_SETUP_H
#define DAEMON_ENGINE_SETUP_H

#include "base/errmsg.h"
#include "config/config.h"
#include "lookup/engine.h"

#include <stdbool.h>
#include <stdint.h>

struct secret;
struct store_opening;

struct engine_setup {
    /* Set by the caller; borrowed: */
    const struct config *config;
    struct secret *key;
    int64_t idle_ms;           /* see struct engine_options */
    struct engine_tools tools; /* but not the store */
    /* Results; main frees them: */
    struct store *store;   /* NULL = it is not open */
    struct engine *engine; /* NULL = it has not started */
    /* Private: */
    struct store_opening *opening; /* NULL = the store is not awaited */
};

/* Opens the store. If it is on a server, begins to, and waits for a few seconds. Errors as
 * store_open(), but not that a server is away; `why` names the option too. */
enum err engine_setup_begin(struct engine_setup *setup, struct errmsg *why);

/* Starts the engine if the store is open by now: restores what was in flight, and logs that. No-op
 * while the store is awaited. Errors as above, and ERR_SYSTEM if the engine cannot start. */
enum err engine_setup_continue(struct engine_setup *setup, struct errmsg *why);

/* Ends the wait for the store. Returns false if the thread that opens it hangs: then it uses the
 * configuration, and the process must end. No-op, and true, if the store is not awaited. */
bool engine_setup_cancel(struct engine_setup *setup);

#endif
