/* SPDX-License-Identifier: MIT */
/* task.h - one paid question on its way: queued, submitted, ended.
 *
 * A task is embedded in its lookup. It belongs to the queue (fair_queue.h), then to one batch
 * (batch.h), and ends exactly once, by its `done`. Engine thread only. */
#ifndef LOOKUP_RECORDS_TASK_H
#define LOOKUP_RECORDS_TASK_H

#include "base/err.h"
#include "base/id.h"
#include "client/openmart/openmart.h"
#include "lookup/money/budget.h"
#include "model/account.h"
#include "model/question.h"
#include "model/task_phase.h"

#include <stdint.h>

struct batch;
struct line;
struct task;

/* How one task ended. Borrowed for the call. */
struct task_end {
    enum err err;
    const struct openmart_task *answer; /* NULL unless ERR_OK */
    const char *task_id; /* the vendor's, of a task that was read: its end is for the owner to write
                            into the journal. NULL = it ended with others, and that is written */
    const char *detail;  /* words for the caller; NULL = none */
    const char *batch_id; /* the vendor's, for the log; NULL = none was given */
    enum charged charged;
    int retry_after_s; /* 0 = no advice */
};

/* Exactly once per task, later than batcher_add(), never after batcher_remove(). The task may be
 * freed inside. */
typedef void task_done_fn(struct task *task, const struct task_end *end);

struct task {
    const struct question *question; /* the owner's; outlives the task */
    const char *lookup_id;           /* likewise */
    struct account_ref payer;        /* on whose account it goes; the name likewise */
    struct credit credit;            /* what it costs */
    task_done_fn *done;
    enum task_phase phase;
    char tracking_id[ID_TEXT]; /* minted here; the only way to match an answer */
    int64_t queued_ms;
    struct line *line;   /* while queued */
    struct batch *batch; /* afterwards */
    struct task *prev, *next;
    struct task *before, *behind; /* while queued: in the order of coming */
};

#endif
