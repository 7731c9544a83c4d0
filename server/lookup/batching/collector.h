/* SPDX-License-Identifier: MIT */
/* collector.h - collects what a submitted batch yields: polls its status, lists its task ids, reads
 * every task as soon as it is finished.
 *
 * The time between polls is a tenth of the batch's age, so polling costs a logarithmic number of
 * calls and loses at most a tenth of the waiting time. Only `batch_ready` is believed; the counts
 * are hints of when listing is worth a call. Reads are free and are retried; a batch is not given
 * up before its lifetime is over. What a task's answer belongs to is decided by the owner, by
 * tracking id alone. Engine thread only. */
#ifndef LOOKUP_BATCHING_COLLECTOR_H
#define LOOKUP_BATCHING_COLLECTOR_H

#include "base/err.h"
#include "client/openmart/openmart.h"
#include "lookup/batching/poll_timing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct collection;

struct collect_owner {
    /* A task came to its end; `task_id` is the vendor's. True when it is one of those that the
     * owner still waits for. */
    bool (*task_ended)(void *arg, const char *task_id, const struct openmart_task *task);

    /* Once, as the last call: nothing more will come. ERR_OK when every task was claimed, else how
     * the others end. The collection is gone when it returns. */
    void (*over)(void *arg, enum err err, const char *detail);
    void *arg;
};

/* `rank` orders the reads (read_limiter.h); `n_tasks` is how many the batch carries. No callback
 * runs inside this call. */
struct collection *collect_start(const struct poll_tools *tools, const char *batch_id,
                                 size_t n_tasks, int64_t rank, const struct collect_owner *owner);

/* One more task of the batch, which had its end before this collection began. */
void collect_skip(struct collection *collection, const char *task_id);

/* The vendor says that the batch is ready; what is left is to read it. */
bool collect_is_fetching(const struct collection *collection);

/* Ends it without a word. NULL is fine. */
void collect_cancel(struct collection *collection);

#endif
