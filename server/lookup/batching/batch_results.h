/* SPDX-License-Identifier: MIT */
/* batch_results.h - how an accepted batch gets its results: it starts the collector, finds the task
 * of each result, and ends it. A result without a task is kept until the collector ends, because it
 * was paid for.
 *
 * Engine thread only. Used by batch.c and batcher.c. */
#ifndef LOOKUP_BATCHING_BATCH_RESULTS_H
#define LOOKUP_BATCHING_BATCH_RESULTS_H

#include "lookup/batching/batch.h"
#include "store/store.h"

#include <stdint.h>

/* Starts to collect the results of a batch that the upstream has accepted with this id (copied).
 * The lifetime counts from `submitted_ms`. The caller then sets the state. */
void batch_collect(struct batch *batch, const char *batch_id, int64_t submitted_ms);

/* Its single lookups have changed: orders its reads by them. No-op if it is not collected. */
void batch_reorder_reads(struct batch *batch);

/* Resumes a batch from the journal and collects what is left, instead of batch_submit(). `stored`
 * is borrowed for the call. Before, batch_add() must add its open tasks, whose queued_ms is when
 * the batch was submitted; afterwards, batch_add_ended() each task that has ended. No callback of
 * the owner runs inside: the batch frees no slot, and the store may be in a read. */
void batch_resume(struct batch *batch, const struct store_batch *stored);
void batch_add_ended(struct batch *batch, const struct store_task *ended);

/* ---- of batch.c, for batch_results.c ---- */

/* Changes the state without a callback of the owner. */
void batch_enter(struct batch *batch, enum batch_state state);

/* Ends a task, and takes it out of its batch. The batch does not end with its last task. */
void batch_end_task(struct task *task, const struct task_end *end);

/* Ends the tasks that are left, and the batch, which the owner frees. */
void batch_end(struct batch *batch, const struct task_end *end);

#endif
