/* SPDX-License-Identifier: MIT */
/* timer.h - runs callbacks at given times, earliest first.
 *
 * A binary heap of timers that are embedded in their owners. Arming needs no pool, and disarming is
 * O(log n). timers_run() calls back exactly the timers that are due. A callback may arm, disarm or
 * free any timer, its own included. A timer that a callback arms and that is already due runs in
 * the same call. One thread. */
#ifndef BASE_TIMER_H
#define BASE_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer;
typedef void timer_fn(struct timer *timer);

/* Zeroed: disarmed. Use container_of() to get the owner. */
struct timer {
    int64_t at_ms;
    timer_fn *fire;
    size_t place; /* index in the heap, from 1; 0 = not armed */
};

struct timers {
    struct timer **heap; /* heap[1..n] */
    size_t n, room;
};

/* Initializes an empty heap. */
void timers_init(struct timers *timers);
void timers_done(struct timers *timers); /* disarms all timers without running them */

/* Arms a timer, or moves an armed one. `at_ms` is of the monotonic clock. */
void timer_arm(struct timers *timers, struct timer *timer, int64_t at_ms, timer_fn *fire);
void timer_disarm(struct timers *timers, struct timer *timer); /* no-op if not armed */
bool timer_armed(const struct timer *timer);

/* Runs all timers that are due at `now_ms`, earliest first. */
void timers_run(struct timers *timers, int64_t now_ms);

/* Returns the time of the earliest timer; INT64_MAX if none is armed. */
int64_t timers_next_ms(const struct timers *timers);

#endif
