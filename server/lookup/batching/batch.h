/* SPDX-License-Identifier: MIT */
/* batch.h - one batch: up to a hundred tasks that are submitted together, until all have ended.
 *
 *     PENDING -> SUBMITTING -> COLLECTING -> DONE
 *
 * A batch is journalled before it is submitted. A submit is repeated only if it provably never
 * left, or was rejected with permission to retry (submit_policy.h). A batch that the upstream
 * rejects as a whole (400) created nothing: it is split in two, down to the task that is rejected.
 * Once a batch is accepted, each task ends as soon as its result is read. batcher.h decides when a
 * batch is formed and gets a slot. Engine thread only. */
#ifndef LOOKUP_BATCHING_BATCH_H
#define LOOKUP_BATCHING_BATCH_H

#include "base/clock.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/timer.h"
#include "client/openmart/openmart.h"
#include "lookup/batching/circuit_breaker.h"
#include "lookup/batching/collector.h"
#include "lookup/money/budget.h"
#include "lookup/records/journal.h"
#include "lookup/records/task.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum batch_state { BATCH_PENDING, BATCH_SUBMITTING, BATCH_COLLECTING, BATCH_DONE };

/* Callbacks for state changes of a batch. */
struct batch_owner {
    /* The state changed; not called for DONE. */
    void (*moved)(void *arg, struct batch *batch, enum batch_state from);

    /* A new PENDING batch was split off; the owner must take it. */
    void (*split)(void *arg, struct batch *half);

    /* The batch is DONE, after `from`; all its tasks have ended. The owner must free it. */
    void (*over)(void *arg, struct batch *batch, enum batch_state from);

    /* A second result arrived with the tracking id of one that was already delivered for `key`. */
    void (*conflict)(void *arg, const unsigned char key[HASH_SIZE]);
    void *arg;
};

/* What all batches share; borrowed for their lifetime. */
struct batch_tools {
    const struct clock *clock;
    struct timers *timers;
    struct openmart *openmart;
    struct circuit_breaker *breaker;
    struct journal *journal;
    struct budget *budget;
    struct poll_tools poll;
    bool retry_unknown; /* submit once more after an unknown outcome: may pay twice */
    struct batch_owner owner;
};

/* Results that a batch has delivered, by question, to detect a tracking id that occurs twice. A
 * result is delivered as soon as its task is read, before a second one with its tracking id can be
 * seen. It is then unknown which one is right, and the owner removes the first from the cache.
 * Zeroed is empty. */
struct claims {
    size_t n;
    struct claim {
        char tracking_id[ID_TEXT];
        unsigned char key[HASH_SIZE]; /* of the question */
    } of[OPENMART_BATCH_MAX];
};

struct batch {
    struct batch *prev, *next; /* links of the owner's list */
    enum batch_state state;    /* read by the owner */
    size_t n_tasks;            /* tasks added, ended or not */
    /* Private to the batch: */
    const struct batch_tools *tools;
    struct task *tasks;           /* not ended yet */
    int64_t number;               /* in the journal; 0 = not yet recorded */
    char id[OPENMART_ID_MAX + 1]; /* Openmart's id; "" = not yet known */
    int64_t oldest_ms;            /* when its first task was queued */
    int tries;
    bool risked; /* submitted again after an unknown outcome */
    struct timer retry;
    struct openmart_call *call;
    struct collector *collector;
    struct claims claims;
};

/* Creates an empty, PENDING batch. */
struct batch *batch_new(const struct batch_tools *tools);

/* Cancels calls in flight. Does not end the tasks. */
void batch_free(struct batch *batch);

/* Adds a task, at most OPENMART_BATCH_MAX, before batch_submit(). */
void batch_put(struct batch *batch, struct task *task);

/* Submits a PENDING batch, which then occupies a slot. No callback of a task runs inside. */
void batch_submit(struct batch *batch);

/* Resumes a batch from the journal and collects what is left, instead of batch_submit(). `number`
 * and `batch_id` are those of the journal. Before, batch_put() must add its open tasks; afterwards,
 * batch_note_ended() each task that has ended. */
void batch_resume(struct batch *batch, int64_t number, const char *batch_id);
void batch_note_ended(struct batch *batch, const char *tracking_id, const char *task_id,
                      const unsigned char key[HASH_SIZE]);

/* Returns whether the batch waits for its next try. The upstream then has none of its tasks, except
 * after a submit at the operator's risk. */
bool batch_is_backing_off(const struct batch *batch);

/* Ends a batch that is PENDING or backs off. If an earlier submit may have been accepted, reports
 * ERR_UPSTREAM_OUTCOME_UNKNOWN regardless of `end`. */
void batch_fail(struct batch *batch, struct task_end end);

enum task_phase batch_task_phase(const struct task *task);

/* Records a delivered result; at most OPENMART_BATCH_MAX times. */
void claims_add(struct claims *claims, const char *tracking_id, const unsigned char *key);

/* Returns the key of the question that got the result of this tracking id, borrowed, or NULL. */
const unsigned char *claims_find(const struct claims *claims, const char *tracking_id);

#endif
