/* SPDX-License-Identifier: MIT */
/* heartbeat.h - event-loop heartbeat; written by the loop, read from any thread.
 *
 * Stores one number: when the loop last started an iteration or, negated, when it last began to
 * wait. This distinguishes a loop that waits for events from one that hangs inside an iteration. It
 * costs the loop two plain stores per iteration and takes no lock. Times are of the monotonic
 * clock, in milliseconds. */
#ifndef BASE_HEARTBEAT_H
#define BASE_HEARTBEAT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Zeroed: the loop has not started yet. */
struct heartbeat {
    atomic_int_fast64_t at_ms;
};

/* Called by the loop only: an iteration starts; it ended and the loop waits; the loop has ended. */
void heartbeat_busy(struct heartbeat *heartbeat, int64_t now_ms);
void heartbeat_idle(struct heartbeat *heartbeat, int64_t now_ms);
void heartbeat_stop(struct heartbeat *heartbeat);

/* Any thread. Returns the time since the loop last started or ended an iteration; 0 after
 * heartbeat_stop(). */
int64_t heartbeat_age_ms(const struct heartbeat *heartbeat, int64_t now_ms);

/* Any thread. Returns whether the loop is inside an iteration. */
bool heartbeat_is_busy(const struct heartbeat *heartbeat);

/* Any thread. Returns how long the current iteration has lasted; 0 while the loop waits. */
int64_t heartbeat_lag_ms(const struct heartbeat *heartbeat, int64_t now_ms);

#endif
