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

#include "base/timer.h"

#include <stddef.h>

struct results;

/* Embedded in the engine, which sets the first two members; pointers are borrowed. */
struct raw_results {
    struct timers *timers;
    const struct results *results;
    /* Private: */
    struct timer timer;
    size_t n_understood, n_kept; /* so far */
};

/* Starts; logs the counts when it has finished. Does nothing if no raw result is left to parse. If
 * the store cannot be written, it tries again later. */
void raw_results_start(struct raw_results *raw_results);
void raw_results_stop(struct raw_results *raw_results); /* no-op if not started */

#endif
