/* SPDX-License-Identifier: MIT */
/* results.h - all that is remembered of finished lookups: results by question, in cache and store;
 * results by lookup id; cooldowns.
 *
 * Successful results are stored. A lookup that failed upstream is stored for a short time, so that
 * many clients do not pay repeatedly for the same failure. It does not replace an older successful
 * result, which may still be served; the question enters a cooldown instead. It also does so if the
 * outcome is unknown. Engine thread only. */
#ifndef LOOKUP_RECORDS_RESULTS_H
#define LOOKUP_RECORDS_RESULTS_H

#include "base/clock.h"
#include "base/id.h"
#include "cache/cache.h"
#include "lookup/records/cooldown.h"
#include "lookup/records/finished.h"
#include "lookup/records/journal.h"
#include "lookup/records/reads.h"
#include "lookup/records/task.h"
#include "model/domain.h"
#include "model/question.h"
#include "model/result.h"
#include "store/calls.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct results_options {
    int64_t ttl_found_ms, ttl_empty_ms, ttl_failed_ms;
    int ttl_jitter_percent;    /* each TTL varies by up to this much, both ways */
    int64_t unknown_hold_ms;   /* cooldown after an unknown outcome; see results_hold_ms() */
    size_t max_finished;       /* finished lookups that can be found by id in memory, */
    size_t max_finished_bytes; /* and the memory for their results */
};

struct results_put;

/* Pointers are borrowed except where noted. */
struct results {
    struct results_options options;
    const struct clock *clock;
    struct cache *cache;
    struct store *store;
    struct store_calls *calls;
    struct journal *journal;
    struct cooldowns *cooldowns;       /* owned */
    struct finished *finished;         /* owned */
    size_t n_resolved;                 /* that wait for the store; see resolved_task.h */
    size_t n_repeated;                 /* of those: that have failed, and are to be repeated */
    const struct store_parsed *parsed; /* raw results that are being stored; see raw_results.h */
    size_t n_parsed;
    struct reads *reads; /* owned; finds the results that are not in memory */
    /* Runs when results are deleted from memory: of a question (`key`) or of a domain; the other
     * one is NULL. NULL = none. */
    void (*forgotten)(void *arg, const unsigned char *key, const char *domain);
    void *forgotten_arg;
    struct results_put **puts; /* owned: head of the list of those whose `done` runs later */
};

/* Returns whether a result may wait in memory for a store that has failed. */
bool results_wait(const struct results *results);

/* Sets the owned members; the others must be set. results_done() frees them, after the journal. */
void results_init(struct results *results, struct timers *timers);
void results_done(struct results *results); /* no `done` may be left to run */

/* How a lookup ends whose response was read and could not be understood. */
#define RESULTS_RAW_DETAIL                                                                         \
    "the response could not be read; if it is stored (see emailsd inspect), a later version may "  \
    "be able to read it"

/* Returns the length of the cooldown after a lookup that was or may have been paid for and has no
 * result. `has_task_id`: Openmart's id of its task is known, which is so only if its response was
 * read and could not be understood. Another lookup would probably bring the same, and a later
 * version may read this one, so the cooldown is at least RESULTS_RAW_HOLD_MS. */
#define RESULTS_RAW_HOLD_MS INT64_C(86400000)
int64_t results_hold_ms(const struct results *results, bool has_task_id);

/* Starts a cooldown of the question; see cooldown_set(). Adds its end to the detail, which is the
 * message for clients. No-op if `ms` is not positive. */
void results_cool_down(const struct results *results, const unsigned char key[HASH_SIZE],
                       const struct cooldown_cause *cause, int64_t ms);

/* Creates the result of an end. The caller owns the reference. */
const struct result *result_of_task_end(const struct results *results,
                                        const struct question *question,
                                        const struct task_end *end);

/* The end of a lookup that is being recorded. */
struct results_put {
    void (*done)(struct results_put *put); /* set by the caller */
    const struct result *result;           /* its end; the caller's. See results_invalidate() */
    bool is_cached;                        /* when it is done: the result is in the cache now */
    /* Private: */
    const struct results *results;
    struct journal_receipt receipt;
    const char *lookup_id; /* of the task */
    bool has_task_id;
    bool is_purged; /* it was deleted meanwhile, or is not trusted any more */
    struct results_put *prev, *next;
};

/* Journals the end of the task, unless its batch did or it was in none. Once that is durable, or
 * the store is known to be unavailable, makes the end available: stores the result in memory, or
 * starts a cooldown. Whether a client still waits for it does not matter: it was paid for. There is
 * no error: the journal repeats a failed write.
 *
 * Returns true if that happens later: then `done` runs, and put->result, the task and its lookup_id
 * must remain. Returns false if it has happened; then `done` does not run. */
bool results_put(const struct results *results, struct results_put *put, const struct task *task,
                 const struct task_end *end);

/* Takes back a put whose `done` has not run. The end is written, but not made available. */
void results_cancel_put(struct results_put *put);

/* Returns whether a put of that question waits, or a resolved task of any question: what memory has
 * may be older than what is being stored. */
bool results_is_storing(const struct results *results, const unsigned char key[HASH_SIZE]);

/* Creates the result of a raw result that a later parser has understood, as of the time at which it
 * was stored. The caller owns the reference. */
const struct result *result_of_raw(const struct results *results, const struct store_raw *raw,
                                   const struct openmart_task *answer);

/* The store has just got to know how that lookup of the question ended, whose outcome was unknown:
 * ends its cooldown, though not that of a later lookup, and drops what memory has about the
 * question. */
void results_resolved(const struct results *results, const unsigned char key[HASH_SIZE],
                      const char *lookup_id);

/* Removes an untrusted result from cache and store, and starts a cooldown, since the lookup was
 * paid. From now on it is not found, even if the store fails and is written later. If it is still
 * being recorded, its put->result becomes the failure ERR_UPSTREAM_INVALID_RESPONSE. */
void results_invalidate(const struct results *results, const unsigned char key[HASH_SIZE],
                        const char *why);

/* Removes the question's result from memory, because another process deleted it from the store. */
void results_forget_key(const struct results *results, const unsigned char key[HASH_SIZE]);

/* A deletion of all results about a domain. The owner keeps it until `done`. */
struct results_deletion {
    void (*done)(struct results_deletion *deletion); /* set by the caller */
    /* Results: */
    enum err err; /* ERR_STORAGE_UNAVAILABLE: not to be relied on; it must be repeated */
    size_t n;     /* results deleted */
    /* Private to results.c: */
    struct results *results;
    char domain[DOMAIN_MAX + 1];
    struct store_forget_domain_call call;
};

/* Deletes all results about a domain: in the store, after all that was recorded before, and then in
 * memory. Lookups in flight continue. `done` runs exactly once, later. */
void results_forget_domain(struct results *results, const char *domain,
                           struct results_deletion *deletion);

#endif
