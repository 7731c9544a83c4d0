/* SPDX-License-Identifier: MIT */
/* lookup.h - answers "which mailboxes does this domain have?", once per question at a time.
 *
 * Identical questions share one lookup; each asker is a waiter with its own deadline. A lookup
 * lives from the first question until its result is delivered; the result then lives in the cache.
 * A waiter whose deadline comes first is told so, and the work goes on. A lookup that still queues
 * when the last of its waiters walks away is dropped unsent.
 * Engine thread only. Does not gather or retry (batch.c) and does not speak HTTP (http/). */
#ifndef LOOKUP_LOOKUP_H
#define LOOKUP_LOOKUP_H

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "base/timer.h"
#include "cache/cache.h"
#include "cache/result.h"
#include "lookup/batch.h"
#include "lookup/question.h"

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
    int retry_after_s;       /* 0 = no advice */
    char lookup_id[ID_TEXT]; /* "" when no lookup had to do with it */
    bool collapsed;          /* joined a lookup that somebody else had started */
    bool stored;             /* `result` is in the cache now */
    bool from_cache;         /* answered by the cache after all, without a lookup */

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
    struct waiter *prev, *next;
    struct lookup *lookup;
    struct timer deadline;
    waiter_done_fn *done;
    bool collapsed;
};

struct lookup_options {
    size_t max_waiters; /* over all lookups */
    int64_t ttl_found_ms, ttl_empty_ms, ttl_failed_ms;
    int ttl_jitter_percent;  /* each time to live is moved by up to so much, both ways */
    int64_t unknown_hold_ms; /* how long a question whose outcome is unknown is not asked again */
    size_t max_history;      /* ended lookups that can still be asked for by id */
};

/* Borrows all; `clock` is the engine's. */
struct lookups *lookups_new(const struct lookup_options *options, const struct clock *clock,
                            struct timers *timers, struct cache *cache, struct batches *batches);
void lookups_free(struct lookups *all); /* no waiter may be left; lookups without one may */

/* Joins the lookup of `question` or starts it on behalf of `client`. When it is refused - too many
 * waiters, a full queue, a shut gate, a question on hold - the error is returned, *ret_refusal says
 * the same with all that the caller should know, and the waiter is untouched. `question` is used up
 * in any case. */
enum err lookup_join(struct lookups *all, struct question *question, const char *client,
                     int64_t deadline_ms, waiter_done_fn *done, struct waiter *waiter,
                     struct outcome *ret_refusal);

/* The asker has gone: `done` will not run. */
void lookup_leave(struct waiter *waiter);

/* Ends every waiter with `err` and forgets it; lookups already sent go on unheard. */
void lookups_drain(struct lookups *all, enum err err);

/* A lookup seen from outside. */
struct lookup_state {
    enum task_phase phase;       /* TASK_ENDED: `result` is how */
    char domain[DOMAIN_MAX + 1]; /* "" once ended */
    int64_t elapsed_ms;
    int64_t expected_ms;         /* in all, by what lookups really took of late */
    const struct result *result; /* borrowed until the engine's next turn; NULL while it runs */
};

/* ERR_NOT_FOUND when there is no such lookup, or its end is forgotten. */
enum err lookup_find(const struct lookups *all, const char *id, struct lookup_state *ret_state);

struct lookup_stats {
    size_t lookups, waiters, held;
    uint64_t gone; /* waiters who left before their end, since the start */
};
struct lookup_stats lookups_stats(const struct lookups *all);

#endif
