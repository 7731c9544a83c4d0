/* SPDX-License-Identifier: MIT */
/* lookups.h - coalesces identical questions into one lookup.
 *
 * A lookup starts with the first request for a question and ends when its result is delivered to
 * all waiters; the result is then in the cache. Each waiter has its own deadline; if it expires
 * first, the waiter gets ERR_STILL_PROCESSING and the lookup continues. A queued lookup whose
 * waiters have all left is dropped unsent, unless one of them got ERR_STILL_PROCESSING.
 *
 * Engine thread only. Knows neither HTTP (http/) nor batching details (batch.h). */
#ifndef LOOKUP_LOOKUPS_H
#define LOOKUP_LOOKUPS_H

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "base/timer.h"
#include "cache/cache.h"
#include "lookup/batching/batcher.h"
#include "lookup/records/journal.h"
#include "lookup/records/results.h"
#include "model/account.h"
#include "model/freshness.h"
#include "model/question.h"
#include "model/result.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lookups;
struct lookup;
struct waiter;

/* Outcome of a request. Borrowed for the call that delivers it. */
struct outcome {
    enum err err;                /* ERR_OK: `result` is successful */
    const struct result *result; /* how the lookup ended, if it did; else NULL */
    const char *detail;          /* message for the client; NULL = none */
    enum charged charged;
    int retry_after_s;       /* seconds; 0 = no advice */
    char lookup_id[ID_TEXT]; /* "" = no lookup was involved */
    bool collapsed;          /* joined a lookup that another request had started */
    bool stored;             /* `result` is in the cache now */

    /* Filled by the engine: */
    enum disposition disposition;  /* unless a miss, `result` is a stored one, without a lookup */
    enum miss_reason miss;         /* why no stored result was served */
    const struct result *fallback; /* may be served because the lookup failed; NULL = none */
    struct quota_status allowance; /* of the account, afterwards */

    /* Progress; only with ERR_STILL_PROCESSING: */
    enum task_phase phase;
    int64_t elapsed_ms, expected_ms;
};

/* Returns an outcome with that error and its default charge, and nothing else. */
struct outcome outcome_of(enum err err);

/* Runs exactly once per waiter, later than the join, never after lookup_leave(). May free the
 * waiter. */
typedef void waiter_done_fn(struct waiter *waiter, const struct outcome *outcome);

/* Embedded in the caller's struct; owned by the lookups from lookup_join() until it ends. */
struct waiter {
    /* Set by the caller: */
    waiter_done_fn *done;
    int64_t deadline_ms;
    struct account_ref account; /* pays; its name is borrowed for the join */
    bool no_store;              /* does not allow storing the result */
    /* Private to the lookups: */
    struct waiter *prev, *next;
    struct lookup *lookup;
    struct timer deadline;
    bool collapsed;
};

struct lookup_options {
    size_t max_waiters; /* over all lookups */
    struct results_options results;
    size_t max_history;       /* finished lookups that can be found by id, */
    size_t max_history_bytes; /* and the memory for their results */
};

/* What the lookups use; borrowed for their lifetime. */
struct lookup_tools {
    const struct clock *clock;
    struct timers *timers;
    struct cache *cache;
    struct store *store;
    struct journal *journal;
    struct batcher *batcher;
};

struct lookups *lookups_new(const struct lookup_options *options, const struct lookup_tools *tools);
void lookups_free(struct lookups *all); /* no waiter may be left; lookups may be. NULL is a no-op */

/* Joins the lookup for `question`, or starts one with a copy of it. On failure nothing is started,
 * and *ret_refusal holds the outcome to send. Errors:
 * - ERR_OVERLOADED: the waiter table, the table of cooldowns or the queue is full
 * - the error of the question's cooldown
 * - other errors of batcher_add()
 * The result goes to cache and store unless every waiter set no_store; it does in any case once a
 * waiter got ERR_STILL_PROCESSING. */
enum err lookup_join(struct lookups *all, const struct question *question, struct waiter *waiter,
                     struct outcome *ret_refusal);

/* Removes a waiter whose client has gone: `done` will not run. */
void lookup_leave(struct waiter *waiter);

/* Ends every waiter with `err` and the id of its lookup; the lookups continue without waiters. Call
 * after batcher_drain(), so that only submitted lookups are left. */
void lookups_drain(struct lookups *all, enum err err);

/* ---- recovery ---- */

/* Restores a lookup that was in flight when the process ended, without waiters. Returns its task,
 * for batcher_resume(), or NULL if its question is in flight already. `age_ms` is the time since it
 * was sent. */
struct task *lookup_adopt(struct lookups *all, const struct store_task *stored, int64_t age_ms);

/* Starts a cooldown of `hold_ms` for a question whose outcome is unknown. */
void lookup_hold(struct lookups *all, const struct store_task *stored, int64_t hold_ms);

/* ---- stored results and status ---- */

/* Finds the stored result of a question; see results_find(). */
enum err lookup_recall(struct lookups *all, const unsigned char key[HASH_SIZE],
                       const struct result **ret_result);

/* Removes the question's result from memory, because another process deleted it from the store. */
void lookup_forget_key(struct lookups *all, const unsigned char key[HASH_SIZE]);

/* Deletes all results about a domain, in memory and in the store; lookups in flight continue.
 * *ret_n is the number of results deleted. If the store fails, returns its error and deletes
 * nothing. */
enum err lookup_forget_domain(struct lookups *all, const char *domain, size_t *ret_n);

/* Status of a lookup. */
struct lookup_state {
    enum task_phase phase;       /* TASK_ENDED: see `result` */
    char domain[DOMAIN_MAX + 1]; /* "" once ended */
    int64_t elapsed_ms;
    int64_t expected_ms;         /* estimated total, from recent lookups */
    int retry_after_s;           /* when to ask again, in seconds; 0 once ended */
    const struct result *result; /* until the next iteration; NULL while it runs */
};

/* Finds a lookup by its id. Returns ERR_NOT_FOUND if it is unknown or expired. */
enum err lookup_find(struct lookups *all, const char *id, struct lookup_state *ret_state);

struct lookup_stats {
    size_t lookups, waiters, held;
    uint64_t gone; /* waiters whose client left, since the start */
};
struct lookup_stats lookups_stats(const struct lookups *all);

#endif
