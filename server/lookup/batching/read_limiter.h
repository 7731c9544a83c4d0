/* SPDX-License-Identifier: MIT */
/* read_limiter.h - lets free reads to the vendor go in order of need, never faster than its limit.
 *
 * The vendor is read as allowing twenty reads a second per key. Every read asks here first; reads
 * go in order of rank (the time at which the oldest question behind them was asked), at most
 * `per_second` in any second that one may lay over them, and at most PACE_FLYING at once, so that a
 * full batch runs over few connections. When nothing limits, a read goes in the same turn.
 * Engine thread only. */
#ifndef LOOKUP_BATCHING_READ_LIMITER_H
#define LOOKUP_BATCHING_READ_LIMITER_H

#include "base/clock.h"
#include "base/timer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACE_FLYING 8

struct paced;
typedef void paced_fn(struct paced *paced);

/* Embedded in what wants to read. Zeroed is idle. */
struct paced {
    struct paced *prev, *next;
    int64_t rank;
    paced_fn *go;
    bool waiting, flying;
};

struct pacer {
    const struct clock *clock;
    struct timers *timers;
    struct timer timer;
    struct paced *queue; /* by rank */
    int64_t *sent_ms;    /* ring of the last `per_second` departures */
    size_t per_second, next_slot, flying;
};

/* `per_second` 0 = no limit but PACE_FLYING. */
void pacer_init(struct pacer *pacer, const struct clock *clock, struct timers *timers,
                int per_second);
void pacer_done(struct pacer *pacer); /* nobody may wait any more */

/* Asks for leave to read; `go` runs later, never inside this call. */
void pace_ask(struct pacer *pacer, struct paced *paced, int64_t rank, paced_fn *go);

/* The read has ended, or is not wanted any more; fine in every state. */
void pace_end(struct pacer *pacer, struct paced *paced);

#endif
