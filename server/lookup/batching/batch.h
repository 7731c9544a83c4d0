/* SPDX-License-Identifier: MIT */
/* batch.h - one batch: up to a hundred tasks that are submitted together, and their way to an end.
 *
 *     PENDING -> SUBMITTING -> COLLECTING -> DONE
 *
 * Nothing is submitted that the journal does not hold. A submit is sent again only when it provably
 * never left or was refused with leave to retry (submit_policy.h). A batch that the vendor refuses
 * as a whole (400) created nothing: it is split in two, down to the one task that is not liked.
 * Once taken, each task's owner is told as soon as that task is finished. Who decides when a batch
 * is cut and may take a slot is batcher.h. Engine thread only. */
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

/* Who is told of a batch's walk. */
struct batch_owner {
    /* It changed its state; not told for DONE. */
    void (*moved)(void *arg, struct batch *batch, enum batch_state from);

    /* A new batch, PENDING, was split off; it is the owner's. */
    void (*split)(void *arg, struct batch *half);

    /* DONE, `from` was its last state; all its tasks were told. The owner frees it. */
    void (*over)(void *arg, struct batch *batch, enum batch_state from);

    /* A second result came with the tracking id of one that was already given to `key`. */
    void (*conflict)(void *arg, const unsigned char key[HASH_SIZE]);
    void *arg;
};

/* What all batches share; borrowed for their life. */
struct batch_tools {
    const struct clock *clock;
    struct timers *timers;
    struct openmart *openmart;
    struct circuit_breaker *breaker;
    struct journal *journal;
    struct budget *budget;
    struct poll_tools collect;
    bool retry_unknown; /* submit once more after an unknown outcome: may pay twice */
    struct batch_owner owner;
};

/* Which results of a batch were given to which question, so that a tracking id that comes back
 * twice is noticed. An answer is given as soon as its task is read, so the first of two results
 * with one tracking id is out before the second is seen. Then nobody can tell which was the right
 * one: the owner takes the first out of the cache again. Zeroed is empty. */
struct claims {
    size_t n;
    struct claim {
        char tracking_id[ID_TEXT];
        unsigned char key[HASH_SIZE]; /* of the question */
    } of[OPENMART_BATCH_MAX];
};

struct batch {
    struct batch *prev, *next; /* the owner's list */
    enum batch_state state;    /* the owner reads it */
    size_t n_tasks;            /* those put in, ended or not */
    /* The batch's own: */
    const struct batch_tools *tools;
    struct task *tasks;           /* those not ended */
    int64_t number;               /* in the journal; 0 = not yet there */
    char id[OPENMART_ID_MAX + 1]; /* the vendor's; "" = not yet told */
    int64_t oldest_ms;            /* when its first task was queued */
    int tries;
    bool risked; /* submitted again after an unknown outcome */
    struct timer retry;
    struct openmart_call *call;
    struct collection *collection;
    struct claims claims;
};

/* Empty and PENDING. */
struct batch *batch_new(const struct batch_tools *tools);

/* Calls under way are cancelled; tasks are forgotten, not ended. */
void batch_free(struct batch *batch);

/* At most OPENMART_BATCH_MAX, before batch_submit(). */
void batch_put(struct batch *batch, struct task *task);

/* A PENDING batch takes its slot. No callback of a task runs inside. */
void batch_submit(struct batch *batch);

/* Instead of batch_put() and batch_submit(), for a batch out of the journal: `number` and
 * `batch_id` are its own; its open tasks were put in, and each one that had ended is told by
 * batch_note_ended(). Collects what is left. */
void batch_resume(struct batch *batch, int64_t number, const char *batch_id);
void batch_note_ended(struct batch *batch, const char *tracking_id, const char *task_id,
                      const unsigned char key[HASH_SIZE]);

/* Waits for its next try: nothing of it is at the vendor (or at the operator's risk). */
bool batch_is_backing_off(const struct batch *batch);

/* Ends a batch that is PENDING or backs off. If an earlier submit of it may have been taken, that
 * stays the news, whatever `end` says. */
void batch_fail(struct batch *batch, struct task_end end);

enum task_phase batch_task_phase(const struct task *task);

/* At most OPENMART_BATCH_MAX times. */
void claims_add(struct claims *claims, const char *tracking_id, const unsigned char *key);

/* The key of the question that this tracking id was claimed for; NULL when it was not. */
const unsigned char *claims_find(const struct claims *claims, const char *tracking_id);

#endif
