/* SPDX-License-Identifier: MIT */
/* lookup_request.h - a request for one question, and its outcome.
 *
 * A caller embeds struct lookup_request and passes it to engine_lookup(). The engine owns it until
 * `done` runs, exactly once. If a stored result satisfies the request, that is the outcome.
 * Otherwise the request joins a lookup, and its outcome is the first of: the end of the lookup, its
 * own deadline, the client's departure, the drain. Plain values; the functions that use them state
 * their threads. */
#ifndef LOOKUP_LOOKUP_REQUEST_H
#define LOOKUP_LOOKUP_REQUEST_H

#include "base/err.h"
#include "base/hashtable.h"
#include "base/id.h"
#include "base/inbox.h"
#include "base/timer.h"
#include "lookup/records/reads.h"
#include "model/account.h"
#include "model/freshness.h"
#include "model/lookup_timing.h"
#include "model/task_phase.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;
struct lookup;
struct lookup_request;
struct lookup_watch;
struct question;
struct recalls;
struct result;
struct waiter_count;

/* How far a lookup in flight is. */
struct lookup_progress {
    enum task_phase phase;
    int64_t elapsed_ms;
    int64_t expected_ms; /* estimated total, from recent lookups */
    int retry_after_s;   /* when to ask again */
    struct lookup_timing timing;
};

/* Outcome of a request. Borrowed for the call that delivers it. */
struct outcome {
    enum err err;                /* ERR_OK: `result` is successful */
    const struct result *result; /* how the lookup ended, if it did; else NULL */
    const char *detail;          /* message for the client; NULL = none */
    enum charged charged;
    int retry_after_s;               /* 0 = no advice */
    char lookup_id[ID_TEXT];         /* "" = no lookup was involved */
    bool collapsed;                  /* joined a lookup that another request had started */
    bool stored;                     /* `result` is in the cache now */
    struct lookup_progress progress; /* only with ERR_STILL_PROCESSING */
    struct lookup_timing timing;     /* of the lookup, if there was one; also after it failed */

    /* Filled by the engine: */
    enum disposition disposition;  /* unless a miss, `result` is a stored one, without a lookup */
    enum miss_reason miss;         /* why no stored result was served */
    const struct result *fallback; /* may be served instead of the error; NULL = no such result */
    struct quota_status allowance; /* of the account, afterwards */
};

/* Returns an outcome with that error and its default charge, and nothing else. */
static inline struct outcome outcome_of(enum err err)
{
    return (struct outcome){.err = err, .charged = err_row(err)->charged};
}

/* Engine thread. The caller owns `request` again and may free it inside. `outcome` is borrowed for
 * the call (result_ref() keeps its results). */
typedef void lookup_done_fn(struct lookup_request *request, const struct outcome *outcome);

/* Engine thread. The request has joined or started a lookup that is in this phase, or its lookup
 * has entered the phase; never TASK_ENDED, which `done` follows. Must neither end nor start a
 * request: a batch may be in the middle of a change. */
typedef void lookup_moved_fn(struct lookup_request *request, enum task_phase phase);

struct lookup_request {
    const struct question *question; /* borrowed until `done` */
    struct account_ref account;      /* pays; its name is borrowed until `done` */
    int64_t wait_until_ms;           /* monotonic; 0, or any time in the past = does not wait */
    size_t max_waiters; /* of the account, waiting concurrently; 0 = no limit of its own */
    /* What may be served instead of a lookup; see freshness_judge(). With only_cached, the outcome
     * is ERR_NOT_CACHED rather than a lookup. */
    struct cache_directives directives;
    struct freshness_limits limits;
    int64_t asked_wall_ms;
    lookup_done_fn *done;
    lookup_moved_fn *moved; /* NULL = none */
    bool is_listed;         /* of a list: it needs no waiter slot, and its lookup is queued apart */
    bool never_starts; /* may join a lookup, but not start one: ERR_CREDITS_EXHAUSTED instead */
    bool pays_once;    /* the lookup that it starts is not submitted again if it may pay twice */
    uint64_t ticket;   /* set by engine_lookup(), never reused; for engine_abandon() */
    /* Private to the engine: */
    struct engine *engine;
    struct message message;
    enum miss_reason miss;
    const struct result *fallback; /* owned reference, or NULL */
    struct waiter_count *slot;     /* of waiter_limit.c; NULL = none */
    struct lookup_watch *watches;  /* of lookup_watch.c */
    /* Private to recalls.c, and then to lookups.c, while the request waits there: */
    struct timer deadline;
    UT_hash_handle hh; /* by ticket */
    /* Private to recalls.c: */
    struct recalls *recalls;
    struct result_read read;
    /* Private to lookups.c: */
    struct lookup *lookup;
    struct lookup_request *prev, *next;
    bool collapsed;
};

/* Returns how long the request may still wait, 0 = not at all. It may be handled after its
 * deadline, if the engine was busy. */
static inline int64_t lookup_request_left_ms(const struct lookup_request *request, int64_t now_ms)
{
    return request->wait_until_ms > now_ms ? request->wait_until_ms - now_ms : 0;
}

#endif
