/* SPDX-License-Identifier: MIT */
/* maintenance.h - what has to be done about the store now and then, though nobody asks for it.
 *
 * Every second: has another process (emailsd forget, pause, resume) changed something? Every hour:
 * drop what expired long ago - unless the wall clock jumped, for answers were paid for and are not
 * dropped on the word of a clock that may be wrong. Engine thread only. */
#ifndef LOOKUP_MAINTENANCE_H
#define LOOKUP_MAINTENANCE_H

#include "base/clock.h"
#include "base/timer.h"
#include "lookup/batching/batcher.h"
#include "lookup/lookups.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

/* Embedded in the engine; the first five are set by it and borrowed. */
struct housekeeping {
    const struct clock *clock;
    struct timers *timers;
    struct store *store;
    struct lookups *lookups;
    struct batcher *batcher;
    int64_t keep_expired_ms; /* how long an expired answer stays */
    /* Its own: */
    struct timer news, trim;
    int64_t planned_ms, planned_wall_ms; /* when, by both clocks, the next trim was planned */
    bool paused;
    bool is_unwritten; /* the operator said so here, and the store could not be told yet */
};

void housekeeping_start(struct housekeeping *keeping);
void housekeeping_stop(struct housekeeping *keeping); /* fine when it was not started */

/* Looks for a pause now: at a start, and when the operator asks for a reload. */
void housekeeping_look_for_pause(struct housekeeping *keeping);

/* The operator's word, given to this process: at once, and kept in the store. When that cannot be
 * written now it holds all the same, and is written as soon as it can be. */
void housekeeping_set_paused(struct housekeeping *keeping, bool paused);

#endif
