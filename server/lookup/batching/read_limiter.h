/* SPDX-License-Identifier: MIT */
/* read_limiter.h - lets free reads to the vendor go in order of need, never faster than its limit.
 *
 * The vendor is read as allowing twenty reads a second per key. Every read asks here first; reads
 * go in order of rank (the time at which the oldest question behind them was asked), at most
 * `per_second` in any second that one may lay over them, and at most READ_LIMITER_IN_FLIGHT at
 * once, so that a full batch runs over few connections. When nothing limits, a read goes in the
 * same turn. Engine thread only. */
#ifndef LOOKUP_BATCHING_READ_LIMITER_H
#define LOOKUP_BATCHING_READ_LIMITER_H

#include "base/clock.h"
#include "base/timer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READ_LIMITER_IN_FLIGHT 8

struct read_slot;
typedef void read_slot_fn(struct read_slot *slot);

/* Embedded in what wants to read. Zeroed is idle. */
struct read_slot {
    struct read_slot *prev, *next;
    int64_t rank;
    read_slot_fn *go;
    bool waiting, in_flight;
};

struct read_limiter {
    const struct clock *clock;
    struct timers *timers;
    struct timer timer;
    struct read_slot *queue; /* by rank */
    int64_t *sent_ms;        /* ring of the last `per_second` departures */
    size_t per_second, next_slot, in_flight;
};

/* `per_second` 0 = no limit but READ_LIMITER_IN_FLIGHT. */
void read_limiter_init(struct read_limiter *limiter, const struct clock *clock,
                       struct timers *timers, int per_second);
void read_limiter_done(struct read_limiter *limiter); /* nobody may wait any more */

/* Asks for leave to read; `go` runs later, never inside this call. */
void read_limiter_acquire(struct read_limiter *limiter, struct read_slot *slot, int64_t rank,
                          read_slot_fn *go);

/* The read has ended, or is not wanted any more; fine in every state. */
void read_limiter_release(struct read_limiter *limiter, struct read_slot *slot);

#endif
