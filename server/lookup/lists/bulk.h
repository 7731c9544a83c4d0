/* SPDX-License-Identifier: MIT */
/* bulk.h - a list of questions that one request sends, and the calls about it.
 *
 * A worker fills a struct bulk_list and opens it with bulk_open(). The engine looks up its entries
 * in a window, so that other callers do not notice it, and remembers in which order they end.
 * An expired result that may be served ends its entry, and is not refreshed: a list spends only
 * what `charged` says. Workers read the results through readers, in portions, by pulling:
 * bulk_pull() returns when there is something to read. A reader that does not pull stops the
 * spending (BULK_UNREAD_MAX), unless the bulk is `async`: lookups that are on the way count as
 * unread results.
 *
 * A bulk ends when each entry has ended. It is dropped with its last reader, unless it was promised
 * (a reader was asked to come back) or is `async`; what has been submitted then ends as lookups
 * without a caller. An ended bulk is kept for a while without its results: they are read from cache
 * and store, so that a deleted address is in no bulk.
 *
 * The calls are engine calls (engine.h): any thread posts them, and gets them back through its
 * inbox. Strings that a call returns are borrowed from the bulk until the reader is closed; results
 * are references that the caller releases. */
#ifndef LOOKUP_LISTS_BULK_H
#define LOOKUP_LISTS_BULK_H

#include "base/arena.h"
#include "base/err.h"
#include "base/id.h"
#include "lookup/engine.h"
#include "model/account.h"
#include "model/freshness.h"
#include "model/lookup_timing.h"
#include "model/question.h"
#include "model/task_phase.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BULK_UNREAD_MAX 1000 /* results; no lookup starts while as many are unread */
#define BULK_PULL_MAX   256  /* results of one pull */

struct bulk_reader; /* the engine's */
struct bulk_record;

/* ---- the list ---- */

/* One entry as the caller sent it. Strings are in the list's arena. */
struct bulk_entry {
    const char *input;
    const char *tracking_id;   /* NULL = none */
    struct question *question; /* owned by the list; NULL = the entry is rejected: */
    enum err err;
    const char *detail; /* NULL = none */
};

/* On the heap, zeroed at first. */
struct bulk_list {
    struct arena arena;
    struct bulk_entry *entries; /* in order of the request; see bulk_list_add() */
    size_t n, n_unique;         /* n_unique: distinct questions and rejected entries */
    char account[ACCOUNT_NAME_MAX + 1];
    int64_t quota;
    int weight;
    struct cache_directives directives; /* only_cached: entries without a result end with: */
    enum err not_cached;                /* ERR_NOT_CACHED, or another reason why it never spends */
    const char *not_cached_detail;      /* static */
    struct freshness_limits limits;
    int64_t asked_wall_ms;
    int64_t max_credits; /* -1 = no limit of its own */
    bool is_async;       /* continues without a reader */
    /* Set by bulk_list_seal(): */
    char id[ID_TEXT];
    /* Private: */
    struct bulk_record *records; /* of the entries, for the engine */
    struct bulk_seen *seen;      /* their questions, until the seal */
    unsigned char digest[HASH_SIZE];
};

/* Any thread, before the seal. Adds a copy of the entry, and takes its question; frees it if an
 * earlier entry has the same. */
void bulk_list_add(struct bulk_list *list, const struct bulk_entry *entry);

/* Any thread, once, when the list is complete. Computes the id: of the account, the options that
 * change the lookups, and each entry's input, tracking id and question. The same list sent twice
 * has the same id. Takes the same time for each list: bulk_list_add() has read the entries. */
void bulk_list_seal(struct bulk_list *list);
void bulk_list_free(struct bulk_list *list); /* NULL is a no-op */

/* ---- progress ---- */

enum bulk_state { BULK_RUNNING, BULK_ENDED, BULK_CANCELLED };

struct bulk_progress {
    char id[ID_TEXT];
    int64_t run; /* differs from that of each other run with this id, also before a restart; > 0 */
    enum bulk_state state;
    size_t total, unique; /* entries; distinct questions and rejected entries */
    size_t done, ok, failed;
    size_t charged_yes, charged_maybe;
    /* The condition that it waits for, ERR_OK = none. ERR_CIRCUIT_OPEN also if the upstream has
     * asked to slow down; ERR_OVERLOADED also if none of its lookups was submitted for minutes,
     * because others use the slots, or earlier results are not read yet; ERR_STORAGE_UNAVAILABLE
     * also if the store has not returned anything for minutes. After an hour, entries end so. */
    enum err waiting_for;
    bool is_drained;       /* the shutdown has ended entries */
    bool has_lookups;      /* it has started or joined one */
    enum task_phase phase; /* of its first open lookup, so of a list of one question; TASK_IDLE =
                              none */
    int64_t started_wall_ms, ended_wall_ms; /* 0 = not ended */
    int64_t elapsed_ms, expected_ms;
    int retry_after_s;
    struct lookup_timing timing;   /* mean of its lookups that have ended, also of joined ones */
    struct quota_status allowance; /* of its account now, by the quota of the list */
};

/* ---- results ---- */

enum bulk_outcome {
    BULK_HIT,
    BULK_STALE,
    BULK_LOOKED_UP,
    BULK_JOINED,
    BULK_DUPLICATE, /* of an earlier entry */
    BULK_REJECTED,  /* no lookup was started, and none will be */
    BULK_FAILED,
    BULK_OUTCOMES
};

/* Any thread. Returns the word for clients and metrics, such as "looked-up"; static. */
const char *bulk_outcome_word(enum bulk_outcome outcome);

struct bulk_result {
    size_t index; /* of the entry, from 0 */
    const char *input, *tracking_id;
    enum bulk_outcome outcome;
    enum charged charged;
    enum err err;                /* ERR_OK: `result` is successful */
    const struct result *result; /* a reference of the caller; NULL if `err` is set */
    char *detail;                /* the caller's, on the heap; NULL = none */
};

/* ---- calls ---- */

/* Opens a reader of the bulk with the list's id, which is started unless it runs already. Without a
 * list, of the running or ended bulk with `id`, if it is the account's. */
struct bulk_open_call {
    struct engine_call call;
    struct bulk_list *list; /* taken; NULL = none */
    char id[ID_TEXT];       /* without a list */
    char account[ACCOUNT_NAME_MAX + 1];
    /* Of a reader that continues: the run whose results it has read, 0 = it does not know, and how
     * many, in the order in which the entries ended. The order is that of one run. */
    int64_t run;
    size_t after; /* returns where it continues: 0 in another run, or if fewer have ended */
    /* Results: */
    enum err err;               /* ERR_NOT_FOUND, ERR_OVERLOADED, ERR_DRAINING */
    const char *detail;         /* static; NULL = none */
    int retry_after_s;          /* 0 = no advice */
    struct bulk_reader *reader; /* unless `err` */
    struct bulk_progress progress;
};
engine_call_fn bulk_open;

enum bulk_order {
    BULK_AS_ENDED,  /* results in the order in which the entries end */
    BULK_AS_LISTED, /* in the order of the list, when all have ended */
};

/* Reads on. Of a reader, at most one pull is in flight. Returns when there are results after
 * `after`, when the bulk has ended, when the progress has changed since the last pull (at most once
 * a second, if asked for), or at `until_ms`, whichever comes first. */
struct bulk_pull_call {
    struct engine_call call;
    struct bulk_reader *reader;
    enum bulk_order order;
    size_t after;     /* results that were read before, in that order; what lies before is read */
    int64_t until_ms; /* monotonic; INT64_MAX = no limit */
    bool wants_progress; /* return also for progress alone */
    bool closes_open; /* at `until_ms`, end the reader's view: each entry that is open is returned
                         as ERR_STILL_PROCESSING, after the others, over as many pulls as needed;
                         promised. These are no results: a reader that continues later does not
                         count them, since the entries end in another order */
    bool promises;    /* at `until_ms`, the caller asks its client to come back */
    /* Results: */
    bool is_late;   /* `until_ms` is over */
    bool is_last;   /* there are no results after these */
    bool is_closed; /* the reader was closed, or the engine ends: it may not be used again */
    struct bulk_progress progress; /* of a closed view: as it was then, with the charges of all its
                                      results, so that they can be added up */
    size_t n;
    struct bulk_result results[BULK_PULL_MAX];
};
engine_call_fn bulk_pull;

/* Any thread. Closes the reader; a pull in flight is returned first. */
void bulk_close(struct engine *engine, struct bulk_reader *reader);

/* Cancels the bulk with that id, if it runs and is the account's: entries that were not submitted
 * end as ERR_CANCELLED_LOOKUP. */
struct bulk_cancel_call {
    struct engine_call call;
    char id[ID_TEXT];
    char account[ACCOUNT_NAME_MAX + 1];
    /* Result: */
    enum err err; /* ERR_NOT_FOUND */
};
engine_call_fn bulk_cancel;

#endif
