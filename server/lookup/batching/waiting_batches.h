/* SPDX-License-Identifier: MIT */
/* waiting_batches.h - the batches that wait for a submit: which is next, and which end because they
 * will not be submitted.
 *
 * A batch waits while it is PENDING, BACKING_OFF, UNPAID or REJECTED (batch.h). Every function
 * works on the list of all batches in `tools`. A batch that fails ends its tasks, and their
 * callbacks run inside the call. Engine thread only. Used by batcher.c. */
#ifndef LOOKUP_BATCHING_WAITING_BATCHES_H
#define LOOKUP_BATCHING_WAITING_BATCHES_H

#include "lookup/batching/batch.h"

#include <stdbool.h>

/* Return the PENDING batch that was formed first, and the one whose first task waits longest; or
 * NULL. `is_listed`: only batches of listed tasks alone; else only the others. The second one
 * leaves out batches that would be paid for twice: they cannot be cut. */
struct batch *waiting_batches_first(const struct batch_tools *tools, bool is_listed);
struct batch *waiting_batches_oldest(const struct batch_tools *tools, bool is_listed);

/* Fails all batches that wait. */
void waiting_batches_fail(const struct batch_tools *tools, struct task_end end);

/* Decides about the batches that got 402, once the balance is known: if it pays for some of their
 * tasks, they become PENDING, else they fail. */
void waiting_batches_settle_unpaid(const struct batch_tools *tools);

/* While the circuit is open, fails the batches that wait to be submitted once more although they
 * may have been accepted: that submit would probably be lost too. */
void waiting_batches_fail_risky(const struct batch_tools *tools);

#endif
