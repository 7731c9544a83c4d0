/* SPDX-License-Identifier: MIT */
/* task_reader.h - reads the tasks of one batch by their ids, each until it has ended.
 *
 * Ids come from the batch's lists (collector.h), in any order and repeatedly. Each is read as soon
 * as the limiter allows it, and again if the task was not finished or could not be read. A read has
 * one of three outcomes: a result; a response to a finished task that cannot be understood, which
 * ends the task when it was read three times; no answer at all, which is repeated without end.
 *
 * A failing batch does not starve others. Until a read was answered, few of the batch are in
 * flight. Repeated reads come after first reads, and only a few run concurrently. After several
 * failures in a row the whole batch pauses, and a single read tests whether it has recovered.
 *
 * Engine thread only. Does not know which lookup a task belongs to. */
#ifndef LOOKUP_BATCHING_TASK_READER_H
#define LOOKUP_BATCHING_TASK_READER_H

#include "client/openmart/openmart.h"
#include "lookup/batching/poll_timing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TASK_READ_TRIES 3 /* reads of a finished task that cannot be understood */

struct task_reader;

/* What the last read of a task returned. Borrowed for the call. */
struct task_result {
    const char *task_id;              /* Openmart's */
    const struct openmart_task *task; /* NULL: given up, it stayed unfinished */
    bool is_understood;               /* false: only tracking_id of `task` can be used */
    const char *body;                 /* the response as received */
    size_t body_len;
};

struct task_reader_owner {
    /* Returns whether the result belongs to a task that the owner waits for. */
    bool (*is_expected)(void *arg, const struct task_result *result);

    /* Reports an event. NULL: no task ended. Otherwise that task is over, and is not read again.
     * May free the reader. */
    void (*event)(void *arg, const struct task_result *result);
    void *arg;
};

/* When the oldest of the tasks was queued for which the batch is read: of the single lookups, or,
 * if it is listed, of the lists. */
struct read_order {
    int64_t oldest_ms;
    bool is_listed;
};

/* `order` orders the first reads (read_limiter.h). `submitted_ms` is when the batch was submitted:
 * intervals grow with its age. At most `max_ids` ids are read; more are ignored. `tools` is
 * borrowed, `owner` is copied. No callback runs inside any function of this file. */
struct task_reader *task_reader_new(const struct poll_tools *tools, struct read_order order,
                                    int64_t submitted_ms, size_t max_ids,
                                    const struct task_reader_owner *owner);

/* Changes the order of the reads, also of those that wait. */
void task_reader_reorder(struct task_reader *reader, struct read_order order);

/* Cancels all reads, without a callback. Must not be NULL. */
void task_reader_free(struct task_reader *reader);

/* Adds an id of the batch and reads it, unless it is known. */
void task_reader_add(struct task_reader *reader, const char *task_id);

/* Adds an id of the batch that need not be read. */
void task_reader_skip(struct task_reader *reader, const char *task_id);

/* Notes that the upstream reports the batch as ready: unfinished tasks are read again now. A
 * response that says neither that its task has finished nor that it has not counts as final from
 * now on. A task that stays unfinished is given up after a while. */
void task_reader_set_batch_ready(struct task_reader *reader);

/* Returns the number of ids whose tasks have not ended. */
size_t task_reader_n_open(const struct task_reader *reader);

/* Returns how many of these could be read so far: their last reads did not fail repeatedly. */
size_t task_reader_n_readable(const struct task_reader *reader);

#endif
