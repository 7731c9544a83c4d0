/* SPDX-License-Identifier: MIT */
/* collector.h - collects the results of a submitted batch: polls its status, lists its task ids,
 * reads every task as soon as it is finished.
 *
 * The interval between polls is a tenth of the batch's age. So polling costs a logarithmic number
 * of calls and adds at most a tenth to the waiting time. Only `batch_ready` is authoritative; the
 * counts are hints for when to list. Reads are free and are retried; a batch is not given up before
 * its lifetime is over. The owner matches results to lookups, by tracking id alone. Engine thread
 * only. */
#ifndef LOOKUP_BATCHING_COLLECTOR_H
#define LOOKUP_BATCHING_COLLECTOR_H

#include "base/err.h"
#include "client/openmart/openmart.h"
#include "lookup/batching/poll_timing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct collector;

struct collector_owner {
    /* A task ended; `task_id` is Openmart's. Returns true if the owner still waits for it. The
     * arguments are borrowed for the call. */
    bool (*task_ended)(void *arg, const char *task_id, const struct openmart_task *task);

    /* Runs once, last: no more results will come. ERR_OK if every task was matched, else the error
     * and the message (static) with which the others end. The collector is freed by then. */
    void (*collector_ended)(void *arg, enum err err, const char *detail);
    void *arg;
};

/* Starts to collect the results of a batch with `n_tasks` tasks. `rank` orders its reads
 * (read_limiter.h). `tools` is borrowed until the end, `batch_id` and `owner` are copied. No
 * callback runs inside this call. The collector frees itself when it ends. */
struct collector *collector_start(const struct poll_tools *tools, const char *batch_id,
                                  size_t n_tasks, int64_t rank,
                                  const struct collector_owner *owner);

/* Adds a task of the batch that ended before this collector started: it is not read, and not part
 * of `n_tasks`. Call it right after collector_start(). */
void collector_skip(struct collector *collector, const char *task_id);

/* Polls the batch soon, because the upstream says that there is something new; at most once a
 * second. */
void collector_poll_now(struct collector *collector);

/* Returns whether the upstream reports the batch as ready, so that only reads are left. */
bool collector_batch_is_ready(const struct collector *collector);

/* Frees the collector and cancels its reads, without a callback. NULL is a no-op. */
void collector_cancel(struct collector *collector);

#endif
