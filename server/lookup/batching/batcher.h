/* SPDX-License-Identifier: MIT */
/* batcher.h - gathers tasks into batches and gives them the slots in which submits may run.
 *
 * A submit takes the vendor about 26 s whatever it carries, so tasks wait a short linger for
 * company and travel up to a hundred together. At most `slots` submits are under way at once; while
 * all are busy the next batch keeps filling. While submits are blocked (circuit_breaker.h), or the
 * journal cannot be written, nothing is taken. The walk of one batch is batch.h. Engine thread
 * only. Knows neither waiters nor the cache. */
#ifndef LOOKUP_BATCHING_BATCHER_H
#define LOOKUP_BATCHING_BATCHER_H

#include "base/clock.h"
#include "base/err.h"
#include "base/timer.h"
#include "client/openmart/openmart.h"
#include "lookup/money/budget.h"
#include "lookup/records/journal.h"
#include "lookup/records/task.h"
#include "model/question.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct batcher;

struct batcher_options {
    size_t size;          /* 1..OPENMART_BATCH_MAX */
    int64_t linger_ms;    /* how long the first task of a batch waits for others */
    int slots;            /* submits under way at once */
    size_t max_queued;    /* tasks that wait for a slot; see queue_has_room() */
    int64_t lifetime_ms;  /* of polling, from the submit's answer */
    int reads_per_second; /* all reads together; 0 = no limit */
    bool retry_unknown;   /* submit once more after an unknown outcome: may pay twice */
    struct secret *key;   /* looked at again while the upstream refuses it; NULL = never */
};

/* What they work with; borrowed for their life. */
struct batcher_tools {
    const struct clock *clock;
    struct timers *timers;
    struct openmart *openmart;
    struct journal *journal;
    struct budget *budget;
};

struct batcher *batcher_new(const struct batcher_options *options,
                            const struct batcher_tools *tools);

/* Runs when a second result came with the tracking id of one that was already given to `key`. To be
 * set before the first batch is made. */
typedef void batcher_conflict_fn(void *arg, const unsigned char key[HASH_SIZE]);
void batcher_on_conflict(struct batcher *all, batcher_conflict_fn *conflict, void *arg);

/* Calls under way are cancelled; tasks are forgotten, not ended. */
void batcher_free(struct batcher *all);

/* Queues the task on behalf of its client, for fairness: its question, lookup_id, payer and done
 * must be set. Takes a credit of the day, which is given back when the task was not created.
 * ERR_CREDITS_EXHAUSTED or ERR_QUOTA_EXCEEDED when there is none left, ERR_OVERLOADED when the
 * queue has no room for the client, ERR_STORAGE_UNAVAILABLE, or what blocks submits; the task is
 * not queued then, and *ret_retry_after_s says when to come again. */
enum err batcher_add(struct batcher *all, struct task *task, int *ret_retry_after_s);

/* Goes on with a batch out of the journal, SUBMITTED, whose `n` open tasks have an owner again
 * (with question, lookup_id, tracking_id and done set). */
void batcher_resume(struct batcher *all, const struct store_batch *stored, struct task *const *open,
                    size_t n);

/* Takes a task back that is still queued; false, and nothing happens, when it is not. */
bool batcher_remove(struct batcher *all, struct task *task);

/* Submits whose answer is still to come. */
int batcher_submitting(const struct batcher *all);

/* How they stand. */
struct batcher_stats {
    size_t queued, batches, submitting;
    int64_t oldest_queued_ms; /* when; 0 = nothing is queued */
    enum err stopped_by;      /* what blocks submits; ERR_OK = nothing */
    enum err circuit;         /* the same, see circuit_breaker.h, the pause aside */
    bool paused;
};
struct batcher_stats batcher_stats(const struct batcher *all);

/* The daemon stops: what waits to be submitted ends with ERR_DRAINING, and nothing is any more. */
void batcher_drain(struct batcher *all);

/* While paused, what waits to be submitted ends with ERR_PAUSED, and nothing is taken. */
void batcher_pause(struct batcher *all, bool paused);

/* The key was read anew, or the operator wants submits to be tried again. */
void batcher_reset_circuit(struct batcher *all);

#endif
