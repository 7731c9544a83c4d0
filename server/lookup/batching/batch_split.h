/* SPDX-License-Identifier: MIT */
/* batch_split.h - splits batches: one that the upstream rejected, to find the task that it
 * rejects, and one of which only a part may be submitted, now or at all.
 *
 * The upstream's message does not name the rejected task. So a rejected batch becomes up to four
 * parts, which are submitted concurrently: its first task alone, and three parts of the others. A
 * part that is rejected waits for the others. If one of them is not rejected, it is split further.
 * If all are rejected with the same message, the single task included, the upstream rejects
 * everything, and all their tasks end with that message.
 *
 * Engine thread only. Used by batch.c and batcher.c. */
#ifndef LOOKUP_BATCHING_BATCH_SPLIT_H
#define LOOKUP_BATCHING_BATCH_SPLIT_H

#include "lookup/batching/batch.h"

#include <stdbool.h>
#include <stddef.h>

/* Handles the rejection of a SUBMITTING batch of at least two tasks that the journal knows as not
 * sent. Copies the upstream's message. The batch may have ended afterwards. */
void batch_split_rejected(struct batch *batch, const char *message);

/* Notes that the result of a part is known: rejected with this message, or NULL for anything else.
 * The parts that waited for it may end, or be split. No-op if the batch is not a part. */
void batch_split_leave(struct batch *batch, const char *message);

/* Drops the batch's reference to its split, without effect on the other parts. */
void batch_split_release(struct batch *batch);

/* Moves `n` tasks, or the oldest one if n is 1 (of a list only if there is no other), of a PENDING
 * batch that the journal knows as not sent to a new PENDING batch, and returns that. Returns the
 * batch itself if it has no more tasks. */
struct batch *batch_cut(struct batch *batch, size_t n);

/* Ends the abandoned tasks (batcher_abandon()) of a batch that has no submit in flight and was not
 * accepted. If the journal knows the outcome as unknown, only a batch whose tasks are all abandoned
 * ends. Returns false if the batch has ended. */
bool batch_drop_abandoned(struct batch *batch);

/* Does so soon, if the batch still waits then: callers often leave at the same time, and the
 * journal is written once for all of them. */
void batch_drop_abandoned_later(struct batch *batch);

/* ---- of batch.c, for batch_split.c ---- */

void batch_set_state(struct batch *batch, enum batch_state state);

#endif
