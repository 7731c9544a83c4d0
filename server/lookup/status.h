/* SPDX-License-Identifier: MIT */
/* status.h - engine status, readable from any thread without blocking.
 *
 * The engine publishes its numbers at the end of every loop iteration, one atomic each. They can be
 * read even while the engine blocks in a disk sync, when a message to it would wait. Each number is
 * valid on its own; two of them may come from different iterations. */
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

/* One reading of the status. */
struct status {
    bool store_usable;      /* the last access to the store worked */
    size_t journal_backlog; /* entries that wait to be written */
    enum err circuit;       /* ERR_OK = closed; else why it is open, apart from a pause */
    bool paused;            /* by the operator */
    int64_t credits_spent;  /* on this UTC day */
    int64_t credits_limit;  /* 0 = no limit */
    size_t waiters, lookups;
    size_t queue;   /* tasks that wait for a submit */
    size_t submits; /* in flight */
};

/* Where the engine publishes; embedded in it. Zeroed = the engine has not begun. */
struct status_board {
    struct heartbeat heartbeat; /* of the loop, written by the loop */
    atomic_bool store_usable, paused;
    atomic_int circuit;
    atomic_size_t journal_backlog, waiters, lookups, queue, submits;
    atomic_int_fast64_t credits_spent, credits_limit;
};

/* Engine thread, or before it starts. Publishes the status. */
void status_publish(struct status_board *board, const struct lookups *lookups,
                    const struct batcher *batcher, const struct journal *journal,
                    struct budget *budget);

/* Engine thread, once per iteration. Publishes the same in base/metrics.h. */
void status_publish_metrics(const struct lookups *lookups, const struct batcher *batcher,
                            const struct journal *journal, struct budget *budget);

/* Engine thread. Logs the start of the drain. */
void log_drain_started(const struct lookups *lookups, size_t cooldowns);

/* Any thread. Reads the status. */
struct status status_read(const struct status_board *board);

#endif
