/* SPDX-License-Identifier: MIT */
/* batch.h - gathers tasks into batches and sees every batch through to its end.
 *
 * A submit takes the vendor about 26 s whatever it carries, so tasks wait a short linger for
 * company and travel up to a hundred together. At most `slots` submits are under way at once; while
 * all are busy the next batch keeps filling. One batch walks
 *
 *     CUT -> SUBMITTING -> COLLECTING -> DONE
 *
 * and tells each task's owner as soon as that task is finished, not when the slowest of a hundred
 * is. A submit is sent again only when it provably never left or was refused with leave to retry. A
 * batch that the vendor refuses as a whole (400) created nothing: it is split in two and submitted
 * again, down to the one task that is not liked. While the gate (gate.h) is shut nothing is taken.
 * Engine thread only. Knows neither waiters nor the cache. */
#ifndef LOOKUP_BATCH_H
#define LOOKUP_BATCH_H

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "base/timer.h"
#include "client/openmart.h"
#include "lookup/question.h"
#include "lookup/queue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct batches;
struct batch;
struct task;

/* How one task ended. Borrowed for the call. */
struct task_end {
    enum err err;
    const struct openmart_task *answer; /* NULL unless ERR_OK */
    const char *detail;                 /* words for the caller; NULL = none */
    enum charged charged;
    int retry_after_s; /* 0 = no advice */
};

/* Exactly once per task, later than batch_add(), never after batch_drop(). The task may be freed
 * inside. */
typedef void task_done_fn(struct task *task, const struct task_end *end);

enum task_phase {
    TASK_IDLE,
    TASK_QUEUED,
    TASK_SUBMITTING,
    TASK_PROCESSING,
    TASK_FETCHING, /* the whole batch is finished, its results are being read */
    TASK_ENDED,
};

/* One paid question, embedded in its lookup; the batches' from batch_add() to its end. */
struct task {
    const struct question *question; /* the owner's; outlives the task */
    task_done_fn *done;
    enum task_phase phase;
    char tracking_id[ID_TEXT]; /* minted here; the only way to match an answer */
    int64_t queued_ms;
    struct line *line;   /* while queued */
    struct batch *batch; /* afterwards */
    struct task *prev, *next;
};

struct batch_options {
    size_t size;          /* 1..OPENMART_BATCH_MAX */
    int64_t linger_ms;    /* how long the first task of a batch waits for others */
    int slots;            /* submits under way at once */
    size_t max_queued;    /* tasks that wait for a slot */
    int64_t lifetime_ms;  /* of polling, from the submit's answer */
    int reads_per_second; /* all reads together; 0 = no limit */
    bool retry_unknown;   /* submit once more after an unknown outcome: may pay twice */
    struct secret *key;   /* looked at again while the upstream refuses it; NULL = never */
};

struct batches *batches_new(const struct batch_options *options, const struct clock *clock,
                            struct timers *timers, struct openmart *openmart);

/* Runs when a second result came with the tracking id of one that was already given to `key`. */
typedef void batch_doubt_fn(void *arg, const unsigned char key[HASH_SIZE]);
void batches_on_doubt(struct batches *all, batch_doubt_fn *doubt, void *arg);

/* Calls under way are cancelled; tasks are forgotten, not ended. */
void batches_free(struct batches *all);

/* ERR_OVERLOADED when the queue is full, or what shut the gate; the task is untouched then, and
 * *ret_retry_after_s says when to come again. `client` names whose task it is, for fairness. */
enum err batch_add(struct batches *all, struct task *task, const struct question *question,
                   const char *client, task_done_fn *done, int *ret_retry_after_s);

/* Takes a task back that is still queued; false, and nothing happens, when it is not. */
bool batch_drop(struct batches *all, struct task *task);

enum task_phase batch_phase(const struct task *task);

/* The daemon stops: what waits to be submitted ends with ERR_DRAINING, and nothing is any more. */
void batches_drain(struct batches *all);

/* The key was read anew, or the operator wants submits to be tried again. */
void batches_open_gate(struct batches *all);

#endif
