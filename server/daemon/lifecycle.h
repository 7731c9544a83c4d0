/* SPDX-License-Identifier: MIT */
/* lifecycle.h - signal loop, watchdog pings and ordered shutdown.
 *
 * Main pings the watchdog during every wait, because the shutdown may take longer than the
 * manager's limit. Main thread only. */
#ifndef DAEMON_LIFECYCLE_H
#define DAEMON_LIFECYCLE_H

#include "os/notify.h"

#include <signal.h>
#include <stdint.h>

struct engine;
struct listener;
struct store;

/* Embedded in main's struct. Zeroed: nothing is watched. */
struct lifecycle {
    struct watchdog watchdog;
    struct engine *engine;     /* borrowed; NULL before it is started and after it has ended */
    struct listener *listener; /* owned; NULL as above */
};

/* Blocks SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2, so that only main takes them, one at a time.
 * Must run before any thread starts. Returns that set. */
sigset_t lifecycle_block_signals(void);

/* Makes a further SIGTERM or SIGINT terminate the process immediately; the other signals have no
 * effect from here on. */
void lifecycle_unblock_termination(void);

/* Waits for the next signal of the set and returns it; 0 if there is none within that time. */
int lifecycle_signal_within(struct lifecycle *lifecycle, const sigset_t *signals,
                            int64_t within_ms);

/* The same without a limit. */
int lifecycle_next_signal(struct lifecycle *lifecycle, const sigset_t *signals);

/* Waits for that time while the threads keep working. */
void lifecycle_wait(struct lifecycle *lifecycle, int64_t for_ms);

/* Shuts down, up to and including engine_stop_store(). New connections and new paid lookups end
 * first. Waiting requests get their result within `patience_ms`, or are answered that the lookup
 * continues. Then the workers end and are freed, then the engine ends, then the threads of the
 * store; main frees both. Also works after a partial start.
 *
 * If those threads still wait for the disk when `patience_ms` and a few seconds are over, logs what
 * may not be written, and ends the process: with `code` or, if that is 0 and something may not be
 * written, with 1. */
void lifecycle_shut_down(struct lifecycle *lifecycle, int64_t patience_ms, int code);

/* Frees an engine that was shut down, after a last attempt to write what is left; begins to close
 * its store, which main closes. Returns the exit code: `code` or, if that is 0 and the store has
 * not taken the last writes, 1. NULL: there is none. */
int lifecycle_free_engine(struct engine *engine, struct store *store, int code);

#endif
