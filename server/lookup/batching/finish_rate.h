/* SPDX-License-Identifier: MIT */
/* finish_rate.h - measures how many tasks end per second while others wait.
 *
 * An idle server ends few tasks although it could end many. So only the time with a queue is
 * measured, by whole minutes, from the first task that ends. Until the first minute is over, an
 * estimate is used. Plain values; one thread. */
#ifndef LOOKUP_BATCHING_FINISH_RATE_H
#define LOOKUP_BATCHING_FINISH_RATE_H

#include <stddef.h>
#include <stdint.h>

struct finish_rate {
    int64_t per_1000_s; /* the result; set it to an estimate before the first use */
    /* Private: */
    int64_t since_ms; /* start of the current minute; 0 = no task has ended yet */
    int64_t n;        /* tasks that have ended since */
};

/* Note at `now_ms` of the monotonic clock that a task has ended while others wait, or that none
 * waits any more. */
void finish_rate_count(struct finish_rate *rate, int64_t now_ms);
void finish_rate_idle(struct finish_rate *rate);

/* Returns the number of seconds until `n` tasks will have ended, within [least_s, most_s]. */
int finish_rate_seconds(struct finish_rate *rate, int64_t now_ms, size_t n, int least_s,
                        int most_s);

#endif
