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
    const struct result *result; /* also set for an end that was remembered, else NULL */
    const char *detail;          /* words for the caller; NULL = none */
    enum charged charged;
    int retry_after_s; /* 0 = no advice */
    bool collapsed;    /* joined a lookup that somebody else had started */
    bool from_cache;   /* answered by the cache after all, without a lookup */
};

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
    int ttl_jitter_percent; /* each time to live is moved by up to so much, both ways */
};

/* Borrows all; `clock` is the engine's. */
struct lookups *lookups_new(const struct lookup_options *options, const struct clock *clock,
                            struct timers *timers, struct cache *cache, struct batches *batches);
void lookups_free(struct lookups *all); /* no waiter may be left; lookups without one may */

/* Joins the lookup of `question` or starts it. ERR_OVERLOADED when the waiters or the queue are
 * full; the waiter is untouched then. `question` is used up in any case. */
enum err lookup_join(struct lookups *all, struct question *question, int64_t deadline_ms,
                     waiter_done_fn *done, struct waiter *waiter);

/* The asker has gone: `done` will not run. */
void lookup_leave(struct waiter *waiter);

/* Ends every waiter with `err` and forgets it; lookups already sent go on unheard. */
void lookups_drain(struct lookups *all, enum err err);

struct lookup_stats {
    size_t lookups, waiters;
};
struct lookup_stats lookups_stats(const struct lookups *all);

#endif
