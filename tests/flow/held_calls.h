/* SPDX-License-Identifier: MIT */
/* held_calls.h - a store that is slow on command: calls of the running engine are held before they
 * are executed or before they return. Calls of a class stay in order: behind one that was not
 * executed, none is executed; behind one that waits, none returns. */
#ifndef FLOW_HELD_CALLS_H
#define FLOW_HELD_CALLS_H

#include <stddef.h>

/* Where calls are held. */
enum hold {
    HOLD_NOTHING,
    HOLD_POSTED,   /* they have not been executed */
    HOLD_EXECUTED, /* they have been executed, and have not returned */
};

/* From now on, holds the calls of that kind (see store_call_name()) of the running engine. Replaces
 * what was held before: those calls continue. */
void held_calls_set(enum hold hold, const char *kind);

/* Lets all calls continue, in this iteration. */
void held_calls_release(void);

/* Returns the number of calls that wait. */
size_t held_calls_count(void);

/* Ends it before the engine is freed. No-op if nothing is held. */
void held_calls_end(void);

#endif
