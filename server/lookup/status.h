/* SPDX-License-Identifier: MIT */
/* status.h - engine status, readable from any thread without blocking.
 *
 * The engine publishes its numbers at the end of every loop iteration, one atomic each. They can be
 * read even while the engine hangs, when a message to it would wait. Each number is
 * valid on its own; two of them may come from different iterations. */
#ifndef LOOKUP_STATUS_H
#define LOOKUP_STATUS_H

#include <stdatomic.h>
#include <stdint.h>

/* Contains only int64_t, so that it can be published word by word. */
struct status {
    int64_t store_usable;    /* 1: the last access to the store worked */
    int64_t journal_backlog; /* entries that wait to be written */
    int64_t circuit;         /* enum err: why it is open, apart from a pause; ERR_OK = closed */
    int64_t paused;          /* 1: by the operator */
    int64_t throttled;       /* 1: no submit leaves for a while, because of 429 */
    int64_t blocked_by;      /* enum err: what blocks submits, a pause included; ERR_OK = nothing */
    int64_t credits_spent;   /* on this UTC day */
    int64_t credits_limit;   /* 0 = no limit */
    int64_t waiters, lookups;
    int64_t queue_tasks;     /* tasks that wait for a submit */
    int64_t queue_oldest_ms; /* monotonic time at which the oldest was queued; 0 = none */
    int64_t batches;
    int64_t submits; /* in flight */
    int64_t bulks;   /* that run */
};

/* Where the engine publishes. Zeroed = nothing was published. */
struct status_board {
    atomic_int_fast64_t words[sizeof(struct status) / sizeof(int64_t)];
};

/* Engine thread, or before it starts. */
void status_publish(struct status_board *board, const struct status *status);

/* Any thread. */
struct status status_read(const struct status_board *board);

#endif
