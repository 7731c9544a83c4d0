/* SPDX-License-Identifier: MIT */
/* engine_setup.h - opens the store that the configuration describes, and starts the engine on it.
 *
 * A server that has the store may be away or slow. So a thread of its own connects to it, restores
 * what was in flight and starts the engine, and the main thread does other work meanwhile, such as
 * pinging the watchdog. Main thread. */
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
    struct engine_tools tools; /* but not the store and the spool */
    /* Results; main frees them, after engine_setup_cancel(): */
    struct store *store;   /* NULL = it is not open; the opening thread's while there is one */
    struct spool *spool;   /* NULL = none; borrowed by that thread */
    struct engine *engine; /* NULL = it has not started */
    /* Private: */
    struct store_opening *opening; /* NULL = the store is not awaited */
    struct engine_options options; /* as of engine_setup_start() */
    struct engine *started;        /* the opening thread's until that has ended */
    bool is_outdated;              /* there was a reload since */
};

/* Before the sandbox: opens a store in a file, or creates and opens the spool of a store on a
 * server. Errors as store_open(); `why` names the option too. */
enum err engine_setup_begin(struct engine_setup *setup, struct errmsg *why);

/* Once, after the sandbox, so that it holds for all threads that read from the network: restores
 * what was in flight, logs that, and starts the engine. If the store is on a server, waits for that
 * for a few seconds only. Errors as above, but not that a server is away, and ERR_SYSTEM if the
 * engine cannot start. */
enum err engine_setup_start(struct engine_setup *setup, struct errmsg *why);

/* Returns the error that ended a start that was awaited. No-op otherwise. Afterwards, the engine
 * may have started. */
enum err engine_setup_continue(struct engine_setup *setup, struct errmsg *why);

/* Passes the settings of a reload to the engine, now or when it has started. */
void engine_setup_reload(struct engine_setup *setup);

/* Ends the wait for the store; the engine may have started before that. Returns false if the thread
 * that opens the store hangs: then it uses what is above, and the process must end; may be called
 * again. No-op, and
 * true, if the store is not awaited. */
bool engine_setup_cancel(struct engine_setup *setup);

#endif
