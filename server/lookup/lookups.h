/* SPDX-License-Identifier: MIT */
/* lookups.h - coalesces identical questions into one lookup.
 *
 * A lookup starts with the first request for a question and ends when its result is delivered to
 * all requests that joined it; the result is then in the cache. Each request has its own deadline;
 * if it expires first, the request gets ERR_STILL_PROCESSING and the lookup continues. A queued
 * lookup whose requests have all left is dropped unsent, unless one of them got
 * ERR_STILL_PROCESSING.
 *
 * Engine thread only. Knows no HTTP (http/), and of a batch only the phase in which a task is. */
#ifndef LOOKUP_LOOKUPS_H
#define LOOKUP_LOOKUPS_H

#include "base/err.h"
#include "base/hash.h"
#include "lookup/lookup_request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct batcher;
struct clock;
struct lookups;
struct results;
struct store_task;
struct task;
struct timers;
struct waiter_limit;

/* What the lookups use; borrowed for their lifetime. */
struct lookup_tools {
    const struct clock *clock;
    struct timers *timers;
    const struct results *results;
    struct batcher *batcher;
    struct waiter_limit *waiters; /* limits the requests that wait, over all lookups */
    lookup_done_fn
        *end; /* ends a request that had joined, later than the join; releases its slot */
};

struct lookups *lookups_new(const struct lookup_tools *tools);
/* No request may wait; lookups may be left. NULL is a no-op. */
void lookups_free(struct lookups *lookups);

/* Returns whether a lookup of that question is in flight that started because nothing was stored
 * about it. Then there is still nothing to be found in the store. */
bool lookups_finds_first(const struct lookups *lookups, const unsigned char key[HASH_SIZE]);

/* Joins the lookup for the request's question, or starts one with a copy of it. The task of a list
 * is no longer queued apart once a request of its own joins. A request that waits gets a waiter
 * slot, unless it has one or is listed. On failure nothing is started, and *ret_refusal
 * holds the outcome to send; its end releases the slot. Errors:
 * - those of waiter_limit_acquire()
 * - ERR_OVERLOADED: the table of cooldowns or the queue is full
 * - ERR_CREDITS_EXHAUSTED: none is in flight, and the request never starts one
 * - the error of the question's cooldown
 * - other errors of batcher_add()
 * The result goes to cache and store, whether or not a client still waits for it. */
enum err lookups_join(struct lookups *lookups, struct lookup_request *request,
                      struct outcome *ret_refusal);

/* Ends a waiting request with ERR_CANCELLED, because its client has left. It may still be charged
 * for a lookup that has been sent, or continues for others. No-op if no request with that ticket
 * waits. */
void lookups_abandon(struct lookups *lookups, uint64_t ticket);

/* Returns the request with that ticket, if it waits for a lookup; else NULL. */
struct lookup_request *lookups_find_request(const struct lookups *lookups, uint64_t ticket);

/* Returns what the request has paid so far for the lookup that it has started, if it has. */
enum charged lookups_charged(const struct lookup_request *request);

/* Ends every waiting request with `err` and the id of its lookup, and returns all watches with
 * `err`, also later ones; the lookups continue. Call after batcher_drain(), so that only submitted
 * lookups are left. */
void lookups_drain(struct lookups *lookups, enum err err);

/* Restores a lookup that was in flight when the process ended, without requests. Returns its task,
 * for batcher_resume(), or NULL if its question is in flight already. `age_ms` is the time since it
 * was sent. It counts as time of the upstream: the journal does not know when it was accepted. */
struct task *lookups_adopt(struct lookups *lookups, const struct store_task *stored,
                           int64_t age_ms);

/* Finds a lookup in flight by its id: returns its domain, borrowed, and its progress; or NULL. */
const char *lookups_find(const struct lookups *lookups, const char *id,
                         struct lookup_progress *ret_progress);

struct lookup_stats {
    size_t lookups;
    size_t waiters; /* requests that wait, without those of lists */
};
struct lookup_stats lookups_stats(const struct lookups *lookups);

/* Returns how long a single lookup takes, or one of a list, from its start to its end, by recent
 * ones. */
int64_t lookups_expected_ms(const struct lookups *lookups, bool is_listed);

#endif
