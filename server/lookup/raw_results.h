/* SPDX-License-Identifier: MIT */
/* raw_results.h - parses stored raw results again with the parser of this version.
 *
 * A paid result that could not be understood is stored as the upstream sent it. After an upgrade
 * the parser may understand it; it then becomes an ordinary result, as of the time at which it was
 * read, without being paid for again. Each version tries each raw result once. The newest 100 are
 * parsed before the first question, the others at 100 a second, so that the engine is not delayed.
 * Engine thread, or before it starts. */
#ifndef LOOKUP_RAW_RESULTS_H
#define LOOKUP_RAW_RESULTS_H

#include "base/id.h"
#include "base/timer.h"
#include "store/calls_upkeep.h"

#include <stddef.h>

#define RAW_STEP_ROWS 20

struct results;

/* The raw results of one step. Owns the tracking ids and references to the results. */
struct raw_step {
    const struct results *results;
    struct store_parsed parsed[RAW_STEP_ROWS];
    char lookup_ids[RAW_STEP_ROWS][ID_TEXT]; /* of the same */
    size_t n, n_understood;
};

/* Embedded in the engine, which sets the first two members; pointers are borrowed. */
struct raw_results {
    struct timers *timers;
    struct results *results;
    /* Private: */
    struct timer timer;
    struct raw_step step; /* that is being read or written, or waits to be written again */
    struct store_read_raw_call read;
    struct store_put_parsed_call put;
    size_t n_understood, n_kept; /* so far */
};

/* Starts; logs the counts when it has finished. Does nothing if no raw result is left to parse. If
 * the store cannot be written, it tries again later. Waits for the store for the first ones. */
void raw_results_start(struct raw_results *raw_results);

/* No call may be in flight. No-op if not started. */
void raw_results_stop(struct raw_results *raw_results);

#endif
