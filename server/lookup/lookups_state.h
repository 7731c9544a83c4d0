/* SPDX-License-Identifier: MIT */
/* lookups_state.h - private state of the lookups, shared by lookups.c, lookup_waiting.c and
 * lookup_watch.c. Engine thread only. */
#ifndef LOOKUP_LOOKUPS_STATE_H
#define LOOKUP_LOOKUPS_STATE_H

#include "lookup/lookup_ending.h"
#include "lookup/lookups.h"
#include "lookup/records/task.h"

struct lookup_watch;

struct lookup {
    struct lookups *owner;
    char id[ID_TEXT];
    char account[ACCOUNT_NAME_MAX + 1]; /* of the request that started it; pays */
    struct question *question;          /* its key is the key in the table */
    struct task task;
    struct lookup_request *requests; /* that wait for it */
    struct lookup_watch *watches;    /* by its id */
    size_t n_requests;
    int64_t started_ms;
    bool is_first;               /* nothing was stored when it started */
    bool was_listed;             /* a list started it */
    bool promised;               /* a client was asked to retry later: never drop it */
    struct lookup_ending ending; /* once its task has ended */
    UT_hash_handle hh, hh_id;
};

struct lookups {
    const struct clock *clock;
    struct timers *timers;
    const struct results *results;
    struct batcher *batcher;
    lookup_done_fn *end;
    struct waiter_limit *waiters;
    struct lookup *table, *by_id;
    struct lookup_request *waiting; /* all waiting requests, by ticket */
    size_t n_listed;                /* of them, those of lists */
    int64_t expected_ms[2];         /* moving averages: what single lookups took; those of lists */
    bool is_drained;                /* no watch waits any more */
};

/* Return the lookup with that id, and how far a lookup is. */
struct lookup *lookups_by_id(const struct lookups *lookups, const char *id);
struct lookup_progress lookup_progress(const struct lookup *lookup);

/* ---- of lookup_waiting.c, for lookups.c ---- */

/* Return an outcome that says when to retry, and the seconds until a time, rounded up. */
struct outcome lookups_refusal(enum err err, int retry_after_s);
int lookups_seconds_until(const struct lookups *lookups, int64_t until_ms);

/* Lets the request wait for the lookup. */
void lookup_attach(struct lookup *lookup, struct lookup_request *request, bool collapsed);

/* Lets no request wait any more; lookup_end_all() then ends those that it returns. */
struct lookup_request *lookup_detach_all(struct lookup *lookup);
void lookup_end_all(struct lookups *lookups, struct lookup_request *list, struct outcome outcome);

/* The task has entered another phase: runs what follows it. */
void lookup_moved(struct task *task);

/* ---- of lookup_watch.c, for the other two ---- */

/* Return the watches that wait no longer, because the lookup has moved, or the request has joined
 * it. */
void lookup_watches_check(struct lookup_watch *watches);

/* Returns all watches of the lookup by its id: with its result, or an error. */
void lookup_watches_end(struct lookup *lookup, enum err err, const struct result *result);

#endif
