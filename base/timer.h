/* SPDX-License-Identifier: MIT */
/* timer.h - things to be done at a time, in order of that time.
 *
 * A binary heap of timers that live inside their owners' structs, so arming one allocates nothing
 * that can run out of a pool and disarming takes O(log n). timers_run() calls back every timer that
 * is due and no other; a callback may arm, disarm or free any timer, its own included. A timer that
 * is armed while others run and is already due runs in the same call. One thread. */
#ifndef BASE_TIMER_H
#define BASE_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer;
typedef void timer_fn(struct timer *timer);

/* Zeroed is disarmed. Use container_of() to find the owner. */
struct timer {
    int64_t at_ms;
    timer_fn *fire;
    size_t place; /* in the heap, from 1; 0 = not armed */
};

struct timers {
    struct timer **heap; /* heap[1..n] */
    size_t n, room;
};

void timers_init(struct timers *timers);
void timers_done(struct timers *timers); /* timers still armed are disarmed, not fired */

/* Arms, or moves an armed one. `at_ms` is of the monotonic clock. */
void timer_arm(struct timers *timers, struct timer *timer, int64_t at_ms, timer_fn *fire);
void timer_disarm(struct timers *timers, struct timer *timer); /* fine when not armed */
bool timer_armed(const struct timer *timer);

/* Fires all that are due at `now_ms`, earliest first. */
void timers_run(struct timers *timers, int64_t now_ms);

/* The time of the earliest timer, INT64_MAX when there is none. */
int64_t timers_next_ms(const struct timers *timers);

#endif
