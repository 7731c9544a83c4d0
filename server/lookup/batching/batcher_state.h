/* SPDX-License-Identifier: MIT */
/* batcher_state.h - private state of the batcher, shared by batcher.c and batch_choice.c. Engine
 * thread only. */
#ifndef LOOKUP_BATCHING_BATCHER_STATE_H
#define LOOKUP_BATCHING_BATCHER_STATE_H

#include "base/metrics.h"
#include "lookup/batching/batch.h"
#include "lookup/batching/batcher.h"
#include "lookup/batching/fair_queue.h"
#include "lookup/batching/finish_rate.h"
#include "lookup/batching/read_limiter.h"

#include <stdbool.h>

/* Tasks of one kind that wait for a batch. */
struct task_lane {
    struct batcher *owner;
    struct fair_queue queue;
    struct timer linger; /* of its first task */
    bool overdue;        /* the linger is over, and tasks are left */
};

struct batcher {
    struct batcher_options options;
    const struct clock *clock;
    struct timers *timers;
    struct journal *journal;
    struct budget *budget;
    struct read_limiter limiter;
    struct batch_tools tools;
    struct circuit_breaker *breaker;
    struct task_lane single, listed; /* lookups for which a request of its own waits; of lists */
    struct finish_rate rate;         /* while single lookups wait */
    bool pending_had_its_turn;       /* the last slot went to a batch that was formed before */
    struct batch *batches;
    struct batch *noted; /* those with a notify token, by it */
    struct lost_submit *lost_submits;
};

/* ---- of batch_choice.c, for batcher.c ---- */

/* Returns how many slots are not in use. */
int batcher_slots_free(const struct batcher *batcher);

/* Returns the batch to submit next in a free slot, formed now or before; NULL = none is due, or
 * none may leave. `trigger` is the reason if it is formed and does not become full. */
struct batch *batch_choose(struct batcher *batcher, enum metrics_flush trigger);

#endif
