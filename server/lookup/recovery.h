/* SPDX-License-Identifier: MIT */
/* recovery.h - restores in-flight batches from the journal at startup.
 *
 * - A batch that was accepted (its id is known) is polled to its end, with or without waiters.
 * - A batch that was being sent has an unknown outcome: its tasks may exist and may have been paid
 *   for. Its questions enter a cooldown, and nothing is submitted again automatically.
 * - A batch that provably did not reach the upstream is closed; its questions may be asked again.
 * - Paid results that an earlier version could not understand are parsed again (raw_results.h).
 *
 * Questions whose outcome became unknown shortly before the stop stay in cooldown. Engine thread,
 * or before it starts. */
#ifndef LOOKUP_RECOVERY_H
#define LOOKUP_RECOVERY_H

#include "base/err.h"

#include <stddef.h>

struct batcher;
struct clock;
struct lookups;
struct raw_results;
struct results;
struct store;
struct store_batch;

/* What was found in the journal. */
struct recovery {
    size_t resumed_batches, resumed_tasks; /* polling continues */
    size_t unknown_batches, unknown_tasks; /* possibly paid for, without a result */
    size_t closed_batches;                 /* not sent */
    size_t held;                           /* questions in cooldown */
};

struct recover_tools {
    const struct clock *clock;
    struct store *store;
    struct results *results;
    struct lookups *lookups;
    struct batcher *batcher;
    struct raw_results *raw_results;
};

/* Resumes one batch whose outcome was unknown and that is SUBMITTED now: its open tasks are polled,
 * and the cooldowns of their questions end. A task whose question is in flight in another batch
 * ends as unknown again: its question will have a result without it. `by` says what resolved the
 * batch, for the log. The batch may be resumed already. */
void recover_resolved(const struct recover_tools *tools, const struct store_batch *batch,
                      const char *by);

/* Restores from the journal. Returns ERR_STORAGE_UNAVAILABLE if it cannot be read or written:
 * nothing may be paid for then, and the caller must not start. */
enum err recover(const struct recover_tools *tools, struct recovery *ret_recovery);

#endif
