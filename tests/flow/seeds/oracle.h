/* SPDX-License-Identifier: MIT */
/* oracle.h - what must hold for every seed, checked while it runs and at its end.
 *
 * - Each request is answered exactly once, in time, with an error that the plan can cause. Answers
 *   about a question do not become older, nor survive a deletion.
 * - Nothing is sent before its intent is durable. No question is paid for again before the last
 *   task of it is over: it failed, is unknown and its cooldown has ended, was deleted, or a caller
 *   asked for a newer result.
 * - Nothing is sent during a pause, or after all callers have left.
 * - What the upstream has created is never recorded as not created.
 * - A result that a caller received is in the store, or the store was known to be unavailable. Then
 *   nothing is paid for until it is in the store.
 * - At the end nothing waits, every created task has ended in the store, and the credits in the
 *   store are those in memory, and those of the tasks that were not refunded. */
#ifndef SEEDS_ORACLE_H
#define SEEDS_ORACLE_H

#include "model/account.h"
#include "store/calls.h"
#include "tests/flow/flow.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the plan of a seed makes possible. */
struct oracle_options {
    const char *const *domains;
    size_t n_domains;
    const struct account_ref *accounts;
    size_t n_accounts;
    int64_t unknown_hold_ms, ttl_failed_ms;
    int64_t submit_ms;       /* how long the upstream takes for a submit */
    int64_t credits_per_day; /* 0 = no limit */
    bool retries_unknown;
};

/* Begins a seed, with the flow that was started for it. `options` is borrowed. */
void oracle_start(const struct oracle_options *options);

/* For the driver of the store. */
void oracle_posted(const struct store_call *call);

/* Says what the plan does. `domain` is one of the options. */
void oracle_asked(struct caller *caller, size_t domain);
void oracle_refreshing(size_t domain);       /* a newer result is asked for */
void oracle_refreshing_alone(size_t domain); /* the same, without a caller */
void oracle_abandoned(const struct caller *caller);
void oracle_deleting(size_t domain);
/* A deletion that was posted then (wall time) was confirmed. */
void oracle_deleted(size_t domain, int64_t since_wall_ms);
void oracle_not_deleted(size_t domain); /* because of its precondition */
void oracle_paused(bool is_paused);
void oracle_blocks(void);    /* the operator stops: requests may end early */
void oracle_restarted(void); /* the engine is another one, on the same store */

/* After each event: no request is late. */
void oracle_check(void);

/* Returns what waits; static. NULL = nothing. */
const char *oracle_what_waits(void);

/* At the end. */
void oracle_check_end(void);

#endif
