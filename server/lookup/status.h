/* SPDX-License-Identifier: MIT */
/* status.h - how the engine stands, for those who must not wait for it.
 *
 * The engine leaves its numbers here at the end of every turn, one atomic each, and anybody reads
 * them at any time: also while the engine hangs in a disk sync, when asking it would mean waiting
 * for it. Each number is true by itself; two of them may be of different turns. */
#ifndef LOOKUP_STATUS_H
#define LOOKUP_STATUS_H

#include "base/err.h"
#include "base/heartbeat.h"
#include "lookup/batching/batcher.h"
#include "lookup/lookups.h"
#include "lookup/money/budget.h"
#include "lookup/records/journal.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is seen. */
struct status {
    bool store_usable;      /* the last that was tried on the disk worked */
    size_t journal_backlog; /* entries that wait to be written */
    enum err circuit;       /* ERR_OK = submits may leave; else what blocks them, the pause aside */
    bool paused;            /* by the operator */
    int64_t credits_spent;  /* today */
    int64_t credits_limit;  /* 0 = none */
    size_t waiters, lookups;
    size_t queue;   /* tasks that wait for a submit */
    size_t submits; /* under way */
};

/* Where it is left; in the engine. Zeroed is an engine that has not begun. */
struct status_board {
    struct heartbeat heartbeat; /* of the loop, kept by itself */
    atomic_bool store_usable, paused;
    atomic_int circuit;
    atomic_size_t journal_backlog, waiters, lookups, queue, submits;
    atomic_int_fast64_t credits_spent, credits_limit;
};

/* Engine thread, or before that begins. */
void status_publish(struct status_board *board, const struct lookups *lookups,
                    const struct batcher *batcher, const struct journal *journal,
                    struct budget *budget);

/* Engine thread, once a turn. The same for base/metrics.h. */
void status_publish_metrics(const struct lookups *lookups, const struct batcher *batcher,
                            const struct journal *journal, struct budget *budget);

/* Engine thread. The line that the log has of it when the drain begins. */
void log_drain_started(const struct lookups *lookups);

/* Any thread. */
struct status status_read(const struct status_board *board);

#endif
