/* SPDX-License-Identifier: MIT */
/* batch_payment.h - what must be recorded before a submit leaves, because it may spend credits.
 *
 * A submit after an unknown outcome may pay a second time: it takes a second credit for every task.
 * Engine thread only. Used by batch.c. */
#ifndef LOOKUP_BATCHING_BATCH_PAYMENT_H
#define LOOKUP_BATCHING_BATCH_PAYMENT_H

#include "base/err.h"
#include "lookup/batching/batch.h"

#include <stdbool.h>

/* Posts the intent that the tasks of the batch may be paid for now. The journal must be usable.
 * batch_intent_returned() runs later; until then the batch, its tasks and its token must not
 * change. On failure nothing was posted, and no second credit is taken; an earlier submit may have
 * been accepted. Errors:
 * - ERR_UPSTREAM_OUTCOME_UNKNOWN: the batch exists, so nothing is paid for twice
 * - ERR_CREDITS_EXHAUSTED, ERR_QUOTA_EXCEEDED: there is no second credit for every task */
enum err batch_record_submit(struct batch *batch);

/* Returns whether the batch exists although the response to a submit was lost: then no further
 * submit may leave. */
bool batch_must_not_repeat(const struct batch *batch);

/* ---- of batch.c, for batch_payment.c ---- */

/* The intent of a batch is durable, or failed with ERR_STORAGE_UNAVAILABLE: then it may be durable
 * nevertheless. `pays_again`: the batch is RISK_TAKEN now; its second credits are taken, also in
 * the journal, even if the intent failed. */
void batch_intent_returned(struct batch *batch, enum err err, bool pays_again);

#endif
