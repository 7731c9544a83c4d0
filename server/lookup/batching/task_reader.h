/* SPDX-License-Identifier: MIT */
/* task_reader.h - reads the tasks of one batch by their ids, each until it has ended.
 *
 * Ids come from the batch's lists (collector.h), in any order and repeatedly. Each is read as soon
 * as the limiter allows it, and again if the task was not finished or could not be read. Repeated
 * reads come after first reads, and only a few run concurrently, so that a failing batch does not
 * starve others. Engine thread only. Does not know which lookup a task belongs to. */
#ifndef LOOKUP_BATCHING_TASK_READER_H
#define LOOKUP_BATCHING_TASK_READER_H

#include "client/openmart/openmart.h"
#include "lookup/batching/poll_timing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task_reader;

/* Reports an event. `task_id` NULL: no task ended. Otherwise that task is over: `task` is its
 * result, or NULL if it was given up. Both are borrowed. The callback may free the reader. */
typedef void task_reader_event_fn(void *arg, const char *task_id, const struct openmart_task *task);

/* `rank` orders the first reads (read_limiter.h). At most `max_ids` ids are read; more are ignored.
 * `tools` is borrowed. No callback runs inside any function of this file. */
struct task_reader *task_reader_new(const struct poll_tools *tools, int64_t rank, size_t max_ids,
                                    task_reader_event_fn *event, void *arg);

/* Cancels all reads, without a callback. Must not be NULL. */
void task_reader_free(struct task_reader *reader);

/* Adds an id of the batch and reads it, unless it is known. */
void task_reader_add(struct task_reader *reader, const char *task_id);

/* Adds an id of the batch that need not be read. */
void task_reader_skip(struct task_reader *reader, const char *task_id);

/* Notes that the upstream reports the batch as ready: a task that stays unfinished is then given up
 * after a while. */
void task_reader_set_batch_ready(struct task_reader *reader);

/* Returns the number of ids whose tasks have not ended. */
size_t task_reader_n_open(const struct task_reader *reader);

/* Returns how many of these could be read so far: their last reads did not fail repeatedly. */
size_t task_reader_n_readable(const struct task_reader *reader);

#endif
