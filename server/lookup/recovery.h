/* SPDX-License-Identifier: MIT */
/* recovery.h - goes on where the last process stopped, by the journal; before the first question.
 *
 * A batch that was taken (its id is known) is polled to its end, whether anybody waits or not. One
 * that was being sent is unknown: its tasks may exist and may have been paid for, so their
 * questions rest as after a lost answer, and nothing is sent again by itself. One that provably was
 * not at the vendor is closed: its questions are free. Questions whose outcome became unknown a
 * short while before the stop go on resting. Engine thread, or before it starts. */
#ifndef LOOKUP_RECOVERY_H
#define LOOKUP_RECOVERY_H

#include "base/clock.h"
#include "base/err.h"
#include "lookup/batching/batcher.h"
#include "lookup/lookups.h"
#include "store/store.h"

#include <stddef.h>
#include <stdint.h>

/* What was found. */
struct recovery {
    size_t resumed_batches, resumed_tasks; /* polled on */
    size_t unknown_batches, unknown_tasks; /* may have been paid for, and are lost */
    size_t closed_batches;                 /* had not been sent */
    size_t held;                           /* questions that rest */
};

struct recover_tools {
    const struct clock *clock;
    struct store *store;
    struct lookups *lookups;
    struct batcher *batcher;
    int64_t unknown_hold_ms;
};

/* ERR_STORAGE_UNAVAILABLE when the journal cannot be read or written: nothing may be bought then,
 * and the caller does not start. */
enum err recover(const struct recover_tools *tools, struct recovery *ret_recovery);

#endif
