/* SPDX-License-Identifier: MIT */
/* bulk_state.h - private state of the bulks, shared by the files of this folder.
 *
 *     bulk_list.c        the list, its id, equal questions (any thread)
 *     bulk.c             the calls: open, cancel, close; the end of a bulk
 *     bulk_kept.c        ended bulks: for how long, in how much memory
 *     bulk_held.c        results that no reader has read yet; deletions
 *     bulk_window.c      which entry starts next; credits
 *     bulk_conditions.c  what entries wait for
 *     bulk_ending.c      how an entry ends
 *     bulk_results.c     pulls
 *     bulk_progress.c    counts, estimates
 *
 * The end of a request only changes the state of its bulk, and arms `work`. bulks_work() then
 * starts entries, ends bulks and returns pulls. So a bulk is freed by a call or by `work`, and
 * never inside the end of a request. Engine thread only. */
#ifndef LOOKUP_LISTS_BULK_STATE_H
#define LOOKUP_LISTS_BULK_STATE_H

#include "base/arena.h"
#include "base/hashtable.h"
#include "base/timer.h"
#include "lookup/engine_state.h"
#include "lookup/lists/bulk.h"
#include "lookup/lists/bulks.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum record_state {
    RECORD_WAITING, /* no lookup was started yet, or it is to be started again */
    RECORD_STARTED, /* its request is with the engine */
    RECORD_REPEATS, /* an earlier entry with the same question has not ended */
    RECORD_ENDED,
};

/* An entry, in memory of its bulk from the first to the last. Strings are the list's, and from the
 * end on in bulk.texts. */
struct bulk_record {
    const char *input, *tracking_id;
    const char *domain;        /* of the question; NULL = the entry is rejected */
    const struct result *held; /* owned: its result, until a reader has read it */
    char *detail;              /* of a failure; on the heap until the end; NULL = none */
    unsigned char key[HASH_SIZE];
    uint32_t next_same; /* index of the next equal entry; 0 = none */
    uint16_t err;       /* enum err */
    uint16_t held_at;   /* place in bulk.held */
    uint8_t state, outcome, charged;
};

/* The request of an entry. */
struct bulk_lookup {
    struct lookup_request request;
    struct bulk *bulk;
    uint32_t index;
    enum task_phase phase; /* TASK_IDLE: it waits for the store, or has not moved */
    bool may_pay;
    bool is_trying;     /* whether the condition is over */
    bool is_ahead;      /* it only finds what is known, while the bulk waits */
    enum err ends_with; /* how the entry ends if the request is abandoned */
    int64_t started_ms;
    struct bulk_lookup *prev, *next;
};

/* The requests of a bulk that are in one phase. */
struct bulk_stage {
    size_t n;
    int64_t moved_ms; /* when the last one left it, or the first one entered it */
};

/* What the submits of a bulk wait for. */
struct bulk_wait {
    enum err condition; /* that an entry has met; ERR_OK = none */
    bool is_waiting;    /* for that, or for what else keeps it from submitting */
    int64_t since_ms;   /* when it began to wait */
    int64_t retry_ms;   /* when one entry tries again */
    int retries;
    bool is_trying;      /* that entry is with the engine */
    enum err gave_up_on; /* it took too long: entries that meet it end with it; ERR_OK = nothing */
};

struct bulk {
    struct bulks *owner;
    struct bulk_list *list; /* NULL after the end */
    char id[ID_TEXT];
    char account[ACCOUNT_NAME_MAX + 1];
    int64_t quota; /* of the account */
    int64_t run;
    enum bulk_state state;
    enum err stopped_by; /* entries that have no lookup end so; ERR_OK = it runs */
    bool is_over;        /* all entries have ended, and that was noticed */
    bool is_dropped;     /* no reader is left, and its requests end without a trace */
    bool is_known;       /* it can be found by its id */
    bool is_async, is_promised;
    bool has_changed; /* since its readers were looked at */
    bool has_lookups; /* a request of it has started or joined one */

    struct bulk_record *records;
    uint32_t *ended; /* indexes, in the order in which the entries ended */
    size_t n, n_unique, n_ended, n_ok;
    size_t n_charged[CHARGED_MAYBE + 1];
    uint32_t *held; /* indexes, BULK_UNREAD_MAX of them; NULL = there was none yet */
    size_t n_held;
    size_t n_read; /* of `ended`, by the reader that has read most */
    size_t first;  /* no entry before it waits */
    size_t ahead;  /* entries before it were looked for in this wait */
    /* After the end: */
    struct arena texts; /* the strings */
    struct arena lent;  /* the list's strings, which its readers still have */
    size_t kept_bytes;  /* its memory without `lent`, */
    size_t bytes;       /* and now; counted in bulks.kept_bytes */

    struct bulk_lookup *lookups;
    size_t n_lookups;
    struct bulk_stage idle, queued, submitting;
    size_t n_may_pay;
    struct bulk_wait wait;
    struct timer watch; /* for conditions */

    int64_t started_ms, started_wall_ms, ended_ms, ended_wall_ms;
    struct lookup_timing timing; /* sums over n_timed lookups */
    size_t n_timed;
    unsigned version; /* counts changes of the progress */

    struct bulk_reader *readers;
    struct bulk *prev, *next; /* in running or kept */
    UT_hash_handle hh;
};

/* How a reader sees a bulk that it has closed at its deadline: without what ends later. */
struct bulk_view {
    struct bulk_progress progress; /* then; `charged_maybe` counts what is open, too */
    uint32_t *order;               /* all entries: those that had ended, then the others */
    size_t n_ended;                /* those that had ended */
    unsigned char *open;           /* by index: 0 = it had ended, else 1 + enum charged so far */
};

struct bulk_reader {
    struct bulk *bulk;
    struct bulk_pull_call *pull; /* in flight; NULL = none */
    struct bulk_fetch *fetch;    /* reads of the store for it; NULL = none */
    struct bulk_view *view;      /* NULL = it sees the bulk as it is */
    struct timer timer;
    unsigned seen;       /* version that was returned last, */
    int64_t returned_ms; /* and when */
    struct message message;
    struct bulk_reader *prev, *next;
};

struct bulks {
    struct engine *engine;
    struct bulks_options options;
    struct bulk *by_id;
    struct bulk *running, *kept; /* kept: ended, the oldest first */
    size_t n_running;
    int64_t last_run;
    size_t kept_bytes;
    struct timer work, expiry;
    bool is_draining;
};

static inline struct engine *bulk_engine(const struct bulk *bulk)
{
    return bulk->owner->engine;
}

static inline int64_t bulk_now_ms(const struct bulk *bulk)
{
    return bulk->owner->engine->clock.now_ms;
}

/* ---- bulk.c ---- */

/* `work` looks at the bulk in this iteration, or in the next one: more entries may start, or, after
 * bulk_changed(), its progress has changed too. */
void bulk_wake(struct bulk *bulk);
void bulk_changed(struct bulk *bulk);
/* Frees a bulk without readers and requests. */
void bulk_free(struct bulk *bulk);
void bulk_hide(struct bulk *bulk); /* it is not found by its id any more */

/* ---- bulk_kept.c ---- */

#define BULKS_KEPT_BYTES ((size_t)64 << 20)
#define BULKS_KEPT_MS    INT64_C(3600000)

void bulk_keep(struct bulk *bulk);    /* all its entries have ended */
void bulk_release(struct bulk *bulk); /* its last reader was closed after the end */
void bulk_unkeep(struct bulk *bulk);  /* before it is freed */

/* ---- bulk_held.c ---- */

/* Holds the result of an entry that ends, unless there are too many, or the bulk is `async`. */
void bulk_hold(struct bulk *bulk, size_t index, const struct result *result);
/* Returns the result that is held of an entry, and its reference; NULL = none. */
const struct result *bulk_take_held(struct bulk *bulk, size_t index);
void bulk_drop_held(struct bulk *bulk); /* all of them */
/* Returns whether the entry has the question (`key`), or the domain; the other argument is NULL. */
bool bulk_record_is_of(const struct bulk_record *record, const unsigned char *key,
                       const char *domain);

/* ---- bulk_window.c ---- */

#define BULK_STARTS_MAX  256 /* entries that start in an iteration, over all bulks */
#define BULK_RECALLS_MAX 64  /* requests of all bulks that wait for the store */

/* Returns how many of its requests wait for the store, or have lookups that the upstream has not
 * accepted. */
static inline size_t bulk_n_unsent(const struct bulk *bulk)
{
    return bulk->idle.n + bulk->queued.n + bulk->submitting.n;
}

/* Starts the next entry. Returns false if none may start now. */
bool bulk_start_next(struct bulk *bulk);
/* Abandons the requests up to that phase; their entries end so. */
void bulk_abandon(struct bulk *bulk, enum task_phase last, enum err ends_with);
/* Returns how many lookups more its own limit permits; SIZE_MAX = no limit. It must run. */
size_t bulk_credits_left(const struct bulk *bulk);

/* ---- bulk_conditions.c ---- */

#define BULK_WAIT_MAX_MS INT64_C(3600000) /* for a condition, or for slots */

/* Returns the condition that an entry has met, or that blocks the queue; ERR_OK = none. */
enum err bulk_condition(const struct bulk *bulk);
/* Returns what keeps the bulk from submitting: the same, or ERR_OVERLOADED if others use the slots,
 * or ERR_STORAGE_UNAVAILABLE if the store does not return, for long. */
enum err bulk_waits_for(const struct bulk *bulk);
/* Returns whether the entry of a request that ended so waits for a condition to pass. */
bool bulk_must_wait(const struct bulk_lookup *lookup, const struct outcome *outcome);
/* The bulk waits for that condition. */
void bulk_wait_for_condition(const struct bulk_lookup *lookup, const struct outcome *outcome);
/* Looks now and again at what the bulk waits for. No-op if it does. */
void bulk_watch(struct bulk *bulk);

/* ---- bulk_ending.c ---- */

/* Ends the entry of a request that has ended. */
void bulk_end_entry(const struct bulk_lookup *lookup, const struct outcome *outcome);
/* Ends an entry without a question. */
void bulk_reject(struct bulk *bulk, size_t index);
/* Ends the entries before `to` that have no request. */
void bulk_fail_waiting(struct bulk *bulk, size_t to, enum err err);
/* End an entry, and all entries without a request, with bulk->stopped_by. */
void bulk_stop_entry(struct bulk *bulk, size_t index);
void bulk_stop_waiting(struct bulk *bulk);
/* Returns what the bulk pays, or may pay, for a request that ended so: only the request that has
 * started a lookup pays for it. */
enum charged bulk_charged_of(const struct outcome *outcome);

/* ---- bulk_results.c ---- */

/* Returns the reader's pull if there is something to return. */
void bulk_reader_look(struct bulk_reader *reader);
/* Returns the reader's pull without results, if it is in flight. */
void bulk_reader_return(struct bulk_reader *reader);
void bulk_reader_free(struct bulk_reader *reader);
/* Deletes results that wait in the reader's pull; see bulks_forget(). */
void bulk_reader_forget(struct bulk_reader *reader, const unsigned char *key, const char *domain);

/* ---- bulk_progress.c ---- */

struct bulk_progress bulk_progress_of(const struct bulk *bulk);
/* Returns the estimated time until the first of the running bulks ends, in seconds. */
int bulks_retry_after_s(const struct bulks *bulks);

#endif
