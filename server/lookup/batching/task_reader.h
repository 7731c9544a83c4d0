/* SPDX-License-Identifier: MIT */
/* task_reader.h - reads the tasks of one batch by their ids, each until it has come to an end.
 *
 * Ids come from the batch's lists (collector.h), in any order, again and again; each is read as
 * soon as the limiter lets it, and once more when it was not finished or could not be read. Reads
 * that were tried before go behind first ones and only few at a time, so that a sick batch does not
 * starve the others. Engine thread only. Knows nothing of whose task it is. */
#ifndef LOOKUP_BATCHING_TASK_READER_H
#define LOOKUP_BATCHING_TASK_READER_H

#include "client/openmart/openmart.h"
#include "lookup/batching/poll_timing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reads;

/* Something happened. `task_id` NULL: nothing ended. Else that task is over: `task` is how, or NULL
 * when it was given up. Both are borrowed. The reads may be freed inside. */
typedef void reads_event_fn(void *arg, const char *task_id, const struct openmart_task *task);

/* `rank` orders the first reads (read_limiter.h); at most `max_ids` are read. `tools` is borrowed.
 */
struct reads *reads_new(const struct poll_tools *tools, int64_t rank, size_t max_ids,
                        reads_event_fn *event, void *arg);
void reads_free(struct reads *reads);

/* An id of the batch: to be read, unless it is known. */
void reads_note(struct reads *reads, const char *task_id);

/* An id of the batch that need not be read. */
void reads_skip(struct reads *reads, const char *task_id);

/* The vendor says that the batch is ready: a task that stays unfinished is given up after a while.
 */
void reads_batch_is_ready(struct reads *reads);

size_t reads_open(const struct reads *reads);    /* ids not over */
size_t reads_hopeful(const struct reads *reads); /* of these, those that could be read so far */

#endif
