/* SPDX-License-Identifier: MIT */
/* collector.h - collects the results of a submitted batch: polls its status, lists its task ids,
 * reads every task as soon as it is finished.
 *
 * What was paid for is not given up: reads are free and are retried until the batch's lifetime is
 * over. The interval between polls is a tenth of the batch's age, up to minutes. So polling costs a
 * logarithmic number of calls and adds at most a tenth to the waiting time. Only `batch_ready` is
 * authoritative; the counts are hints for when to list. If they cannot be read or do not move, the
 * lists are requested without them. The owner matches results to lookups (result_match.h). Engine
 * thread only. */
#ifndef LOOKUP_BATCHING_COLLECTOR_H
#define LOOKUP_BATCHING_COLLECTOR_H

#include "base/err.h"
#include "client/openmart/openmart.h"
#include "lookup/batching/poll_timing.h"
#include "lookup/batching/task_reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct collector;

/* The batch to collect. */
struct collector_batch {
    const char *id; /* Openmart's; copied */
    size_t n_tasks; /* that have not ended */
    struct read_order order;
    int64_t submitted_ms; /* its lifetime counts from here; earlier than this process if resumed */
};

/* To which task of the owner a result belongs. */
enum result_owner {
    RESULT_OURS,    /* to one that it waited for, which has ended now */
    RESULT_UNNAMED, /* to one of the batch; the result does not say to which */
    RESULT_FOREIGN, /* it names a task that is not in the batch */
};

struct collector_owner {
    /* Returns whether the result belongs to a task that the owner waits for. */
    bool (*is_expected)(void *arg, const struct task_result *result);

    /* The upstream reports the batch as finished: what is left is to read its results. At most
     * once. */
    void (*batch_is_ready)(void *arg);

    /* A task ended, with a result that may not be understood. The argument is borrowed for the
     * call. */
    enum result_owner (*task_ended)(void *arg, const struct task_result *result);

    /* Runs once, last: no more results will come. ERR_OK if every task was matched, else the error
     * and the message (static) with which the others end. The collector is freed by then. */
    void (*collector_ended)(void *arg, enum err err, const char *detail);
    void *arg;
};

/* Starts to collect the results of a batch. `tools` is borrowed until the end, `batch` for the
 * call, and `owner` is copied. No callback runs inside this call. The collector frees itself when
 * it ends. */
struct collector *collector_start(const struct poll_tools *tools,
                                  const struct collector_batch *batch,
                                  const struct collector_owner *owner);

/* Adds a task of the batch that ended before this collector started: it is not read, and not part
 * of `n_tasks`. `has_failed` says whether the upstream could not do it. Call it right after
 * collector_start(). */
void collector_skip(struct collector *collector, const char *task_id, bool has_failed);

/* Polls the batch soon, because the upstream says that there is something new; at most once a
 * second. */
void collector_poll_now(struct collector *collector);

/* Changes the order of the batch's reads. */
void collector_reorder(struct collector *collector, struct read_order order);

/* Frees the collector and cancels its reads, without a callback. NULL is a no-op. */
void collector_cancel(struct collector *collector);

#endif
