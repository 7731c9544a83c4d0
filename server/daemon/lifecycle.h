/* SPDX-License-Identifier: MIT */
/* lifecycle.h - what main does while the threads work: it waits for signals, tells the service
 * manager that all of them turn, and at the end leads them out in order.
 *
 * Main never waits for anything without beating the watchdog meanwhile, because the end may take
 * longer than the manager's limit. Main thread only. */
#ifndef DAEMON_LIFECYCLE_H
#define DAEMON_LIFECYCLE_H

#include "os/notify.h"

#include <signal.h>
#include <stdint.h>

struct engine;
struct listener;

/* Embedded in main's struct; zeroed watches nobody. */
struct watch {
    struct watchdog watchdog;
    struct engine *engine;     /* NULL before it is started, and after it has ended */
    struct listener *listener; /* the same */
};

/* Before any thread starts: SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2 are taken by main alone,
 * one at a time. Those signals. */
sigset_t lifecycle_block_signals(void);

/* From here on a second SIGTERM or SIGINT ends the process at once, as an impatient operator means
 * it; the others have no effect any more. */
void lifecycle_unblock_termination(void);

/* The next signal of the set. */
int lifecycle_next_signal(struct watch *watch, const sigset_t *signals);

/* Lets everything go on for so long. */
void lifecycle_wait(struct watch *watch, int64_t for_ms);

/* The end, up to engine_join(): new connections and new purchases end first; those who wait get
 * their answers within `patience_ms`, or are told where the lookup goes on; then the workers end
 * and are freed, then the engine ends, for main to free it. Fine when only some were started. */
void lifecycle_shut_down(struct watch *watch, int64_t patience_ms);

#endif
