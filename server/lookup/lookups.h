/* SPDX-License-Identifier: MIT */
/* lookups.h - answers "which mailboxes does this domain have?", once per question at a time.
 *
 * Identical questions share one lookup; each asker is a waiter with its own deadline. A lookup
 * lives from the first question until its result is delivered; the result then lives in the cache.
 * A waiter whose deadline comes first is told so, and the work goes on. A lookup that still queues
 * when the last of its waiters walks away is dropped unsent.
 * Engine thread only. Does not gather or retry (batch.c) and does not speak HTTP (http/). */
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
#include "model/question.h"
#include "model/result.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lookups;
struct lookup;
struct waiter;

/* How it ended for one asker. Borrowed for the call that delivers it. */
struct outcome {
    enum err err;                /* ERR_OK: `result` is an answer */
    const struct result *result; /* how the lookup ended, if it did; else NULL */
    const char *detail;          /* words for the caller; NULL = none */
    enum charged charged;
    int retry_after_s;             /* 0 = no advice */
    char lookup_id[ID_TEXT];       /* "" when no lookup had to do with it */
    bool collapsed;                /* joined a lookup that somebody else had started */
    bool stored;                   /* `result` is in the cache now */
    bool from_cache;               /* answered by the cache after all, without a lookup */
    struct quota_status allowance; /* of the asker, afterwards; filled by the engine */

    /* Of ERR_STILL_PROCESSING only: how far the lookup is. */
    enum task_phase phase;
    int64_t elapsed_ms, expected_ms;
};

/* An outcome that is a failure of that kind, with nothing else to tell. */
struct outcome outcome_of(enum err err);

/* Exactly once per waiter, later than the join, never after lookup_leave(). The waiter may be freed
 * inside. */
typedef void waiter_done_fn(struct waiter *waiter, const struct outcome *outcome);

/* Embedded in the asker's struct; the lookups' from lookup_join() to its end. */
struct waiter {
    /* Set by the asker: */
    waiter_done_fn *done;
    int64_t deadline_ms;
    struct account_ref payer; /* on whose account; its name is borrowed for the join */
    bool no_store;            /* wants the answer kept nowhere */
    /* The lookups': */
    struct waiter *prev, *next;
    struct lookup *lookup;
    struct timer deadline;
    bool collapsed;
};

struct lookup_options {
    size_t max_waiters; /* over all lookups */
    struct results_options results;
    size_t max_history;       /* ended lookups that can still be asked for by id, */
    size_t max_history_bytes; /* and the memory for their results */
};

/* What lookups work with; borrowed for their life. */
struct lookup_tools {
    const struct clock *clock;
    struct timers *timers;
    struct cache *cache;
    struct store *store;
    struct journal *journal;
    struct batcher *batcher;
};

struct lookups *lookups_new(const struct lookup_options *options, const struct lookup_tools *tools);
void lookups_free(struct lookups *all); /* no waiter may be left; lookups without one may */

/* Joins the lookup of `question` or starts it. When it is refused - too many waiters, a full queue,
 * an open circuit, a store that cannot be written, a question on hold - the error is returned,
 * *ret_refusal says the same with all that the caller should know, and nothing will be done.
 * `question` is used up in any case. A lookup is kept (cache, store) unless all who asked want it
 * kept nowhere; one that somebody was told to come back for is kept. */
enum err lookup_join(struct lookups *all, struct question *question, struct waiter *waiter,
                     struct outcome *ret_refusal);

/* The asker has gone: `done` will not run. */
void lookup_leave(struct waiter *waiter);

/* Ends every waiter with `err` and forgets it; the lookups go on unheard, and their waiters are
 * told the id. After batcher_drain(), so that only such are left as were sent. */
void lookups_drain(struct lookups *all, enum err err);

/* ---- out of the journal ---- */

/* A lookup that was under way when the process ended, without waiters: its task, for
 * batcher_resume(). `age_ms` is the time since it was sent. NULL when its question is under way
 * already. */
struct task *lookup_adopt(struct lookups *all, const struct store_task *stored, int64_t age_ms);

/* The outcome of that question is unknown: it rests for `hold_ms`. */
void lookup_hold(struct lookups *all, const struct store_task *stored, int64_t hold_ms);

/* ---- from outside ---- */

/* What is kept about a question; see results.h. */
enum err lookup_recall(struct lookups *all, const unsigned char key[HASH_SIZE],
                       const struct result **ret_result);

/* Its answer was taken out of the store by another process. */
void lookup_forget_key(struct lookups *all, const unsigned char key[HASH_SIZE]);

/* Forgets all answers about a domain, everywhere; lookups under way go on. *ret_n answers had been
 * there. Nothing is forgotten when the store cannot do it. */
enum err lookup_forget_domain(struct lookups *all, const char *domain, size_t *ret_n);

/* A lookup seen from outside. */
struct lookup_state {
    enum task_phase phase;       /* TASK_ENDED: `result` is how */
    char domain[DOMAIN_MAX + 1]; /* "" once ended */
    int64_t elapsed_ms;
    int64_t expected_ms;         /* in all, by what lookups really took of late */
    const struct result *result; /* borrowed until the engine's next turn; NULL while it runs */
};

/* ERR_NOT_FOUND when there is no such lookup, or its end is forgotten. */
enum err lookup_find(struct lookups *all, const char *id, struct lookup_state *ret_state);

struct lookup_stats {
    size_t lookups, waiters, held;
    uint64_t gone; /* waiters who left before their end, since the start */
};
struct lookup_stats lookups_stats(const struct lookups *all);

#endif
