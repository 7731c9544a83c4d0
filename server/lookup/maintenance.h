/* SPDX-License-Identifier: MIT */
/* maintenance.h - periodic work on the store.
 *
 * Every second: checks whether another process (emailsd forget, pause, resume) has changed
 * something. Every hour: deletes results that expired long ago, old raw results and old accounts; a
 * jump of the wall clock does not count. Results were paid for and must not be deleted because of a
 * clock that may be wrong. Engine thread only. */
#ifndef LOOKUP_MAINTENANCE_H
#define LOOKUP_MAINTENANCE_H

#include "base/timer.h"

#include <stdbool.h>
#include <stdint.h>

struct batcher;
struct clock;
struct resolver;
struct results;
struct store;

/* Embedded in the engine, which sets the members up to keep_expired_ms; pointers are borrowed. */
struct maintenance {
    const struct clock *clock;
    struct timers *timers;
    struct store *store;
    struct results *results;
    struct batcher *batcher;
    struct resolver *resolver;
    int64_t keep_expired_ms; /* how long an expired result stays */
    /* Private: */
    struct timer poll, trim;
    bool paused;
    bool is_unwritten; /* the pause was set here and is not persisted yet */
};

void maintenance_start(struct maintenance *maintenance);
void maintenance_stop(struct maintenance *maintenance); /* no-op if not started */

/* Reads the pause from the store now: at start, and when the operator requests a reload. */
void maintenance_read_pause(struct maintenance *maintenance);

/* Applies the operator's pause or its end immediately, and persists it. If the store cannot be
 * written now, it still applies and is persisted as soon as possible. */
void maintenance_set_paused(struct maintenance *maintenance, bool paused);

#endif
