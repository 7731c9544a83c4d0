/* SPDX-License-Identifier: MIT */
/* lookup_ending.h - the end of a lookup, from the end of its task until it may be delivered: once
 * it is durable, or the store is known to be unavailable.
 *
 * Embedded in its lookup. Engine thread only. Used by lookups.c. */
#ifndef LOOKUP_LOOKUP_ENDING_H
#define LOOKUP_LOOKUP_ENDING_H

#include "lookup/lookup_request.h"
#include "lookup/records/results.h"
#include "lookup/records/task.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lookup_ending {
    bool has_begun;
    struct outcome outcome; /* of the requests; complete once it is recorded, its result borrowed */
    /* Private: */
    struct results_put put;
    const struct task *task;
    bool is_waiting; /* `done` has not run */
    char *batch_id;  /* NULL = none */
};

/* Records how the task has ended. Returns true if `done` runs later, with &ending->put. Returns
 * false if the lookup may be delivered now. */
bool lookup_ending_begin(struct lookup_ending *ending, const struct results *results,
                         const struct task *task, const struct task_end *end,
                         void (*done)(struct results_put *put));

/* Completes the outcome, and logs and counts the lookup. Call once, before it is delivered. */
void lookup_ending_conclude(struct lookup_ending *ending, int64_t took_ms, size_t n_waiters);

/* Releases what it holds, at any time; no-op if it has not begun. */
void lookup_ending_done(struct lookup_ending *ending);

#endif
