/* SPDX-License-Identifier: MIT */
/* heartbeat.h - does that loop still turn? Written by the loop, read by anybody.
 *
 * One number: when the loop last went to work, or, as a negative number, when it last went to wait.
 * So a loop that waits for events is told from one that hangs in the middle of a turn. The loop
 * pays two plain stores a turn for it; nobody takes a lock. Times are of the monotonic clock. */
#ifndef BASE_HEARTBEAT_H
#define BASE_HEARTBEAT_H

#include <stdatomic.h>
#include <stdint.h>

/* Zeroed is a loop that has not begun. */
struct heartbeat {
    atomic_int_fast64_t at_ms;
};

/* By the loop: a turn begins; it is over, and the loop waits; there will be no more turns. */
void heartbeat_busy(struct heartbeat *heartbeat, int64_t now_ms);
void heartbeat_idle(struct heartbeat *heartbeat, int64_t now_ms);
void heartbeat_stop(struct heartbeat *heartbeat);

/* Any thread. How long ago the loop was last seen to begin or to end a turn; 0 when it has ended.
 */
int64_t heartbeat_age_ms(const struct heartbeat *heartbeat, int64_t now_ms);

/* Any thread. How long the present turn has lasted; 0 while the loop waits. */
int64_t heartbeat_lag_ms(const struct heartbeat *heartbeat, int64_t now_ms);

#endif
