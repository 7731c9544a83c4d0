/* SPDX-License-Identifier: MIT */
/* batch_payment.h - what must be recorded before a submit leaves, because it may spend credits.
 *
 * A submit after an unknown outcome may pay a second time: it takes a second credit for every task.
 * Engine thread only. Used by batch.c. */
#ifndef LOOKUP_BATCHING_BATCH_PAYMENT_H
#define LOOKUP_BATCHING_BATCH_PAYMENT_H

#include "base/err.h"
#include "lookup/batching/batch.h"

/* Records that the tasks of the batch may be paid for now. On failure nothing may be sent, and no
 * second credit is taken. Errors:
 * - ERR_CREDITS_EXHAUSTED, ERR_QUOTA_EXCEEDED: there is no second credit for every task
 * - ERR_STORAGE_UNAVAILABLE: the journal could not be written */
enum err batch_record_submit(struct batch *batch);

#endif
