/* SPDX-License-Identifier: MIT */
/* plan_steps.h - the steps of a plan. Private to plan.c and plan_*.c. */
#ifndef SEEDS_PLAN_STEPS_H
#define SEEDS_PLAN_STEPS_H

#include "oracle.h"
#include "tests/simulator/random.h"

#include <stddef.h>
#include <stdint.h>

#define PLAN_DOMAINS 8
#define PLAN_CALLS   64

extern const char *const plan_domains[PLAN_DOMAINS];

struct plan {
    struct random random;
    struct oracle_options options;
    const char *const *domains;
    size_t n_calls;      /* of the engine, posted so far */
    size_t n_watches;    /* the same, in plan_watch.c */
    size_t n_calls_open; /* that have not returned */
    bool has_notify_url;
};

extern struct plan plan;

/* Return a number below `n`, and true with that chance. */
size_t plan_below(size_t n);
bool plan_happens(int percent);
int64_t plan_choose(const int64_t *values, size_t n);

/* Advances the clock, and stops at every event on the way. */
void plan_advance(int64_t ms);

/* Takes the calls of a new engine. */
void plan_take_calls(void);

/* In plan_others.c: two steps, in which another process deletes a result, or refunds tasks. Before
 * the first step; after each event: a deletion may be confirmed; after each restart. */
void plan_other_deletes(void);
void plan_not_taken(void);
void plan_start_others(void);
void plan_note_confirmed(void);
void plan_continue_others(void);

/* A caller asks about that domain. */
void plan_ask(size_t domain);

/* A step, in plan_watch.c: a caller watches a lookup. */
void plan_watch(void);

/* Two steps, in plan_notify.c: the upstream notifies about a task or its batch; and it does so
 * after the question was asked again, and both submits were lost. */
void plan_notify(void);
void plan_find_late(void);

/* Does one random step. */
void plan_step(void);

/* Stops the engine as the daemon does, and starts another on the same store. */
void plan_restart(int64_t patience_ms);

#endif
