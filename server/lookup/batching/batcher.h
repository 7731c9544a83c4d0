/* SPDX-License-Identifier: MIT */
/* batcher.h - collects tasks into batches and assigns them to submit slots.
 *
 * A submit takes the upstream about 26 s, whatever it carries. So tasks wait a short linger and up
 * to a hundred are submitted together. While all slots are busy, the next batch keeps filling.
 * Tasks of lists leave the slots and the reads to single lookups first (batch_choice.c,
 * batch_results.c). In the only slot, one of a list may be in flight. The life of a batch, in the
 * order of the files:
 *
 *     batcher_add()          reserves a credit and queues the task (fair_queue.h)
 *     fill_slots()           forms a batch if one is due and a slot is free
 *     batch_submit()         journals the batch; batch_intent_returned() then sends it (batch.h)
 *     submitted()            retries, splits or fails it, or collects it (submit_policy.h)
 *     collector_start()      polls the accepted batch and lists its tasks (collector.h)
 *     task_reader_add()      reads each task until it has ended (task_reader.h)
 *     task->done()           ends each task; the batch ends with its last task
 *
 * Engine thread only. Knows neither waiters nor the cache. */
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

/* Limits of Retry-After if the queue, or a table of lookups, is full. */
#define OVERLOADED_MIN_S 5
#define OVERLOADED_MAX_S 600

/* No new batch is formed while the accepted ones have more unread tasks than can be read in this
 * time. */
#define BACK_PRESSURE_S 120

struct batcher;
struct read_limiter;

struct batcher_options {
    size_t size;            /* 1..OPENMART_BATCH_MAX */
    int64_t linger_ms;      /* how long the first task of a batch waits for others */
    int slots;              /* concurrent submits */
    size_t max_queued;      /* tasks that wait for a slot; see fair_queue_has_room() */
    int64_t lifetime_ms;    /* how long a batch is polled after its submit */
    int reads_per_second;   /* all reads together; 0 = no limit */
    bool retry_unknown;     /* submit once more after an unknown outcome: may pay twice. Not a batch
                               with a task that pays_once */
    const char *notify_url; /* prefix of the URL that each task carries, without a trailing slash;
                               borrowed; NULL = none */
    struct secret *key;     /* borrowed; re-read while the circuit is open; NULL = never */
};

/* What the batcher uses; borrowed for its lifetime. */
struct batcher_tools {
    const struct clock *clock;
    struct timers *timers;
    struct openmart *openmart;
    struct journal *journal;
    struct budget *budget;
};

/* Never NULL; the caller frees it. The options are copied. */
struct batcher *batcher_new(const struct batcher_options *options,
                            const struct batcher_tools *tools);

/* Cancels calls in flight. Does not end the tasks. NULL is a no-op. */
void batcher_free(struct batcher *batcher);

/* Runs when a second result arrives with the tracking id of one that was already delivered for
 * `key`: it is unknown which one is right. Must be set before the first batch is formed. */
typedef void batcher_conflict_fn(void *arg, const unsigned char key[HASH_SIZE]);
void batcher_on_conflict(struct batcher *batcher, batcher_conflict_fn *conflict, void *arg);

/* Queues the task, fairly by client, and apart if it is listed. Its question, lookup_id, payer,
 * done, is_listed and pays_once must be set. It is borrowed until `done` runs, later than this
 * call. Its caller waits at most `wait_ms`. Reserves a credit, which is refunded if the task is not
 * created. On failure the task is not queued, and *ret_retry_after_s is the number of seconds after
 * which to retry, 0 = no advice. Errors:
 * - ERR_CREDITS_EXHAUSTED, ERR_QUOTA_EXCEEDED: no credit is left today, for all clients or for this
 *   one
 * - ERR_OVERLOADED: the queue has no capacity for the client; not if the task is listed
 * - ERR_STORAGE_UNAVAILABLE: the journal is unusable; see journal_check()
 * - what blocks submits for longer than `wait_ms`, from circuit_admit(): ERR_UPSTREAM_AUTH,
 *   ERR_UPSTREAM_BANNED, ERR_CREDITS_EXHAUSTED, ERR_CIRCUIT_OPEN, ERR_PAUSED or ERR_DRAINING */
enum err batcher_add(struct batcher *batcher, struct task *task, int64_t wait_ms,
                     int *ret_retry_after_s);

/* Returns how many tasks of lists the upstream takes in 1,000 s, from the duration of a submit and
 * the limit on reads; at least 1. Other tasks have the last slot, unless it is the only one. */
int64_t batcher_list_rate(const struct batcher_options *options);

/* A request of its own waits for the task now: it is not queued apart any more. No-op if it is not
 * listed. */
void batcher_promote(struct batcher *batcher, struct task *task);

/* Returns the number of seconds after which the queue has probably become shorter, for a caller
 * that gets ERR_OVERLOADED: OVERLOADED_MIN_S to OVERLOADED_MAX_S. */
int batcher_overloaded_s(struct batcher *batcher);

/* Resumes a submitted batch from the journal, with its `n` open tasks (question, lookup_id,
 * tracking_id, queued_ms and done set; queued_ms is when the batch was submitted). The tasks are
 * borrowed until `done` runs; `stored` and `open` for the call. */
void batcher_resume(struct batcher *batcher, const struct store_batch *stored,
                    struct task *const *open, size_t n);

/* What a notify token belongs to. */
enum batcher_notice {
    NOTICE_NOT_OURS,  /* no batch here has it: unknown, or its batch has ended */
    NOTICE_IN_FLIGHT, /* its batch has no response to its submit yet */
    NOTICE_POLLED,    /* its batch is collected, and polled soon */
};

/* The upstream called with that token; see batch_notify(). Takes the same time however many batches
 * there are. */
enum batcher_notice batcher_notify(struct batcher *batcher, const char *token);

/* Returns what all reads of the upstream must use. */
struct read_limiter *batcher_read_limiter(struct batcher *batcher);

/* No caller waits for the task any more. If it is queued, it ends inside this call with
 * ERR_CANCELLED, and its credit is refunded. If it is in a batch, it ends so once the batch waits
 * for a submit and provably was not sent, unless the owner has reset task->is_abandoned. Else it
 * continues. */
void batcher_abandon(struct batcher *batcher, struct task *task);

/* Returns the number of slots in use: submits in flight or being recorded. */
int batcher_slots_used(const struct batcher *batcher);

/* Status of queue, batches and circuit. */
struct batcher_stats {
    size_t queued;            /* tasks that wait for a batch */
    size_t batches;           /* that have not ended */
    size_t submitting;        /* slots in use: submits in flight or being recorded */
    int64_t oldest_queued_ms; /* monotonic, without those of lists; 0 = none */
    enum err stopped_by;      /* what blocks submits; ERR_OK = nothing */
    enum err circuit;         /* the same without a pause; see circuit_reason() */
    bool paused;
    bool throttled; /* no submit leaves for a while, because of 429 */
};
struct batcher_stats batcher_stats(const struct batcher *batcher);

/* Returns why no task that is queued now is submitted; ERR_OK = nothing blocks submits, though
 * slots, other tasks or unread results may. Errors:
 * - ERR_STORAGE_UNAVAILABLE: the journal is unusable
 * - those of circuit_check()
 * - ERR_CIRCUIT_OPEN: the upstream has asked to slow down (429) */
enum err batcher_blocked_by(const struct batcher *batcher);

/* Blocks submits permanently, because the daemon stops. Tasks that are not submitted end with
 * ERR_DRAINING; batches in flight continue. */
void batcher_drain(struct batcher *batcher);

/* Blocks submits while paused: tasks that are not submitted end with ERR_PAUSED, new ones are
 * rejected. */
void batcher_pause(struct batcher *batcher, bool paused);

/* Closes the circuit, because the key changed or the operator asked for it. No-op after
 * batcher_drain(). */
void batcher_reset_circuit(struct batcher *batcher);

#endif
