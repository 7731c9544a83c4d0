/* SPDX-License-Identifier: MIT */
/* read_limiter.h - rate limiter for upstream reads, ordered by age of the oldest waiting question.
 *
 * The upstream's documentation is read as allowing twenty reads per second and key. Every read
 * acquires a slot here first. Reads start in order of rank, the time of their oldest question;
 * those of lists come after all others. At most `per_second` start in any window of a second: half
 * of them may start at the same time, the others follow one by one. At most READ_LIMITER_IN_FLIGHT
 * run concurrently, so that a full batch needs few connections. If no limit applies, a read starts
 * in the same loop iteration.
 *
 * Polls (the status and the lists of a batch) and reads of tasks share the limits. Tasks leave
 * READ_LIMITER_FOR_POLLS connections to polls, so that tasks that hang do not stop polling. While
 * tasks wait, polls get at most a third of the rate, so that many open batches do not delay
 * results.
 *
 * If the upstream answers 429, all reads pause. Then they continue with half the rate, which
 * recovers in steps. Engine thread only. */
#ifndef LOOKUP_BATCHING_READ_LIMITER_H
#define LOOKUP_BATCHING_READ_LIMITER_H

#include "base/clock.h"
#include "base/timer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READ_LIMITER_IN_FLIGHT  8
#define READ_LIMITER_FOR_POLLS  2
#define READ_LIMITER_STEP_MS    INT64_C(20000)  /* between two steps of the recovery after a 429 */
#define READ_LIMITER_STEPS      4               /* of the rate */
#define READ_LIMITER_PAUSE_MS   INT64_C(60000)  /* longest pause after a 429 without Retry-After */
#define READ_LIMITER_LONGEST_MS INT64_C(600000) /* a longer Retry-After is limited to this */

/* Returns the rank of reads that are due since `at_ms`: after all others if they are of lists. */
static inline int64_t read_rank(int64_t at_ms, bool is_listed)
{
    return is_listed ? INT64_MAX / 2 + at_ms : at_ms;
}

struct read_slot;
typedef void read_slot_fn(struct read_slot *slot);

enum read_slot_state { READ_SLOT_IDLE, READ_SLOT_WAITING, READ_SLOT_IN_FLIGHT };
enum read_class { READ_POLL, READ_TASK, READ_CLASSES };

/* Embedded in the reader. Zeroed is idle. */
struct read_slot {
    enum read_slot_state state; /* read by the owner */
    /* Private to the limiter: */
    enum read_class class;
    int64_t rank;
    uint64_t ticket; /* order of arrival */
    read_slot_fn *start;
    struct read_slot *prev, *next;
};

/* The last `n` start times, as a ring buffer; n = 0: no limit. */
struct read_starts {
    int64_t *at_ms;
    size_t n, oldest;
};

struct read_limiter {
    const struct clock *clock;
    struct timers *timers;
    struct timer next_start;
    struct read_slot *queues[READ_CLASSES]; /* sorted by rank */
    size_t in_flight[READ_CLASSES];
    struct read_starts all, polls;
    uint64_t tickets;
    int64_t paused_until_ms; /* after a 429 */
    int pauses;              /* in a row, with no other response between them */
    size_t n_started;        /* reads, since the last pause */
    int64_t step;            /* of the rate when the last pause ended */
};

/* `per_second` 0 = only the limits of concurrent reads apply. `clock` and `timers` are borrowed. */
void read_limiter_init(struct read_limiter *limiter, const struct clock *clock,
                       struct timers *timers, int per_second);
void read_limiter_done(struct read_limiter *limiter); /* no slot may be waiting */

/* Requests a slot for an idle reader; `start` runs later, never inside this call. A lower rank
 * starts first; equal ranks start in order of arrival. The slot is borrowed until it is
 * released. */
void read_limiter_acquire(struct read_limiter *limiter, struct read_slot *slot,
                          enum read_class class, int64_t rank, read_slot_fn *start);

/* Changes the rank of a read that waits. No-op if it does not. */
void read_limiter_reorder(struct read_limiter *limiter, struct read_slot *slot, int64_t rank);

/* Ends a read, or withdraws a request that still waits. No-op if idle. */
void read_limiter_release(struct read_limiter *limiter, struct read_slot *slot);

/* Notes that a read was answered with 429: no read starts for `retry_after_s`, or, if that is not
 * positive, for 1 s, which doubles up to a minute as long as nothing but 429 follows. Several at a
 * time, from reads in flight, count as one. */
void read_limiter_slow_down(struct read_limiter *limiter, int64_t retry_after_s);

#endif
