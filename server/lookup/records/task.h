/* SPDX-License-Identifier: MIT */
/* task.h - one paid lookup at the upstream: queued, submitted, ended.
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
#include "model/lookup_timing.h"
#include "model/question.h"
#include "model/task_phase.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct batch;
struct client_fifo;
struct store_task;
struct task;

/* How a task ended. Borrowed for the call. */
struct task_end {
    enum err err;
    const struct openmart_task *answer; /* NULL unless ERR_OK */
    const char *task_id; /* Openmart's; `done` must journal the end. NULL = its batch did, if any */
    const char *detail;  /* message for the client; NULL = none */
    const char *batch_id; /* Openmart's, for the log; NULL = none yet */
    enum charged charged;
    int retry_after_s; /* seconds; 0 = no advice */
    bool is_recorded;  /* the journal knows the task, and its end */
    bool refunds_last; /* the last submit created nothing, although an earlier one may have */
    const char *raw;   /* what the upstream sent, if it could not be understood: to be stored with
                          the end, because it was or may have been paid for. NULL = nothing */
    size_t raw_len;
};

/* Runs exactly once per task, later than batcher_add(). May free the task. */
typedef void task_done_fn(struct task *task, const struct task_end *end);

/* Runs when the task has entered another phase. Must neither end a task nor queue one: its batch
 * may be in the middle of a change. */
typedef void task_moved_fn(struct task *task);

struct task {
    const struct question *question; /* the owner's; outlives the task */
    const char *lookup_id;           /* also the owner's */
    struct account_ref payer;        /* the account that pays; the name is also the owner's */
    struct credit credit;            /* reserved for it */
    task_done_fn *done;
    task_moved_fn *moved;        /* NULL = none */
    enum task_phase phase;       /* changed by task_enter_phase() only */
    int64_t phase_since_ms;      /* when it entered that */
    struct lookup_timing timing; /* of the phases before; for now, see task_timing() */
    bool is_listed;              /* of a list only: queued apart; see batcher_promote() */
    bool pays_once; /* its batch is not sent again after an unknown outcome: it could pay twice */
    bool is_abandoned; /* no caller waits for it: see batcher_abandon(); the owner may reset it */
    char tracking_id[ID_TEXT]; /* generated here; the only way to match a result */
    int64_t queued_ms;
    struct client_fifo *fifo; /* while queued */
    struct batch *batch;      /* once it left the queue */
    struct task *prev, *next;
    struct task *older, *newer; /* while queued: in order of arrival */
};

/* Changes the phase at `now_ms` of the monotonic clock: adds up the time of the last one and runs
 * `moved`. No-op if the task is in that phase. */
void task_enter_phase(struct task *task, enum task_phase phase, int64_t now_ms);

/* Returns the time in each phase, the current one included. It stands still once the task has
 * ended. */
struct lookup_timing task_timing(const struct task *task, int64_t now_ms);

/* Returns what the journal records about a utlist of 1..OPENMART_BATCH_MAX tasks that are to be
 * submitted. The strings are the tasks'; the caller frees the array. */
struct store_task *task_rows(const struct task *tasks, size_t *ret_n);

#endif
