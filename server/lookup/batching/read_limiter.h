/* SPDX-License-Identifier: MIT */
/* read_limiter.h - rate limiter for upstream reads, ordered by age of the oldest waiting question.
 *
 * The upstream's documentation is read as allowing twenty reads per second and key. Every read
 * acquires a slot here first. Reads start in order of rank, the time of their oldest question. At
 * most `per_second` start in any window of a second. At most READ_LIMITER_IN_FLIGHT run
 * concurrently, so that a full batch needs few connections. If no limit applies, a read starts in
 * the same loop iteration. Engine thread only. */
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

enum read_slot_state { READ_SLOT_IDLE, READ_SLOT_WAITING, READ_SLOT_IN_FLIGHT };

/* Embedded in the reader. Zeroed is idle. */
struct read_slot {
    enum read_slot_state state; /* read by the owner */
    /* Private to the limiter: */
    int64_t rank;
    read_slot_fn *start;
    struct read_slot *prev, *next;
};

struct read_limiter {
    const struct clock *clock;
    struct timers *timers;
    struct timer next_start;
    struct read_slot *queue; /* sorted by rank */
    int64_t *started_ms;     /* ring buffer of the last `per_second` start times */
    size_t per_second, oldest, in_flight;
};

/* `per_second` 0 = only READ_LIMITER_IN_FLIGHT applies. `clock` and `timers` are borrowed. */
void read_limiter_init(struct read_limiter *limiter, const struct clock *clock,
                       struct timers *timers, int per_second);
void read_limiter_done(struct read_limiter *limiter); /* no slot may be waiting */

/* Requests a slot for an idle reader; `start` runs later, never inside this call. A lower rank
 * starts first; equal ranks start in order of arrival. The slot is borrowed until it is
 * released. */
void read_limiter_acquire(struct read_limiter *limiter, struct read_slot *slot, int64_t rank,
                          read_slot_fn *start);

/* Ends a read, or withdraws a request that still waits. No-op if idle. */
void read_limiter_release(struct read_limiter *limiter, struct read_slot *slot);

#endif
