/* SPDX-License-Identifier: MIT */
/* resolved_task.h - stores how a task ended whose outcome was unknown.
 *
 * Memory follows when the store has it: the cooldown of the task ends, though not that of a later
 * lookup of its question, and the result is found under the question and under the lookup. Engine
 * thread only. */
#ifndef LOOKUP_RECORDS_RESOLVED_TASK_H
#define LOOKUP_RECORDS_RESOLVED_TASK_H

#include "base/err.h"
#include "base/id.h"
#include "client/openmart/openmart.h"
#include "lookup/records/results.h"
#include "lookup/records/task.h"
#include "store/calls_upkeep.h"

/* A task whose outcome is unknown. */
struct lost_task {
    struct question *question; /* owned */
    char tracking_id[ID_TEXT], lookup_id[ID_TEXT];
};

/* Embedded in its owner, zeroed. In use from resolved_task_post() until resolved_task_release(). */
struct resolved_task {
    void (*done)(struct resolved_task *task, enum err err); /* set by the owner */
    /* Private: */
    struct results *results;
    const struct result *result; /* owned reference; NULL = not in use */
    bool has_failed;             /* it may be stored, and must be posted again */
    char tracking_id[ID_TEXT], lookup_id[ID_TEXT], task_id[OPENMART_ID_MAX + 1];
    struct store_resolve_task_call call;
};

/* Stores the end; copies what it needs of `lost` and `end`. `done` runs exactly once, later, with
 * ERR_OK, with ERR_NO_ENTRY if the outcome of the task is not unknown any more, or with
 * ERR_STORAGE_UNAVAILABLE: then it may have been stored, and must be posted again. */
void resolved_task_post(struct resolved_task *task, struct results *results,
                        const struct lost_task *lost, const struct task_end *end);

/* Posts it again, after ERR_STORAGE_UNAVAILABLE. */
void resolved_task_repeat(struct resolved_task *task);

/* Not while it is posted. No-op if it is not in use. */
void resolved_task_release(struct resolved_task *task);

#endif
