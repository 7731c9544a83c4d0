/* SPDX-License-Identifier: MIT */
/* slow_calls.h - between the engine and its store: delays, reorders, fails and loses the calls, by
 * a random source.
 *
 * Each call of the running engine has a fate. It is executed now or later, and returns then or
 * later still. Instead of being executed it may fail, and after it was executed its reply may be
 * lost. Within a class the order stays; between classes, anything happens. After a write of the
 * journal whose reply is lost, those that were executed before and have not returned may lose
 * theirs, too, like the members of one transaction. */
#ifndef SEEDS_SLOW_CALLS_H
#define SEEDS_SLOW_CALLS_H

#include "store/calls.h"
#include "tests/simulator/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the store behaves. Zeroed = as it should. */
struct slow_profile {
    int delayed_percent, failing_percent, lost_percent;
    int64_t longest_ms; /* of a delay before the execution, and of one after it */
};

/* Takes the calls of flow.engine. `posted` runs for each (NULL = nothing), before its fate. */
typedef void slow_posted_fn(const struct store_call *call);
void slow_calls_start(struct random *random, slow_posted_fn *posted);

void slow_calls_set(const struct slow_profile *profile);

/* The same for the next call of the journal only; takes precedence. */
void slow_calls_set_next(const struct slow_profile *profile);

/* Every call that would be executed until then (flow_now_ms()) fails. */
void slow_calls_break_until(int64_t until_ms);

/* Executes and returns the calls that are due. */
void slow_calls_run(void);

/* Returns when the next one is due; INT64_MAX = none waits. */
int64_t slow_calls_next_ms(void);

/* Returns the number of calls that wait. */
size_t slow_calls_count(void);

/* Returns whether a read waits. */
bool slow_calls_read_waits(void);

/* Returns whether the engine may know that the store is unavailable: a write of the journal has
 * failed, and since then not all have returned and worked; or one takes longer than it waits. */
bool slow_calls_are_suspect(void);

/* Executes and returns all calls, and from now on each immediately, until the engine is freed. */
void slow_calls_end(void);

#endif
