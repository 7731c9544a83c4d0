/* SPDX-License-Identifier: MIT */
/* held_calls.h - holds calls of the store, as a slow disk does, until the test releases them.
 *
 * Acts on the engine of the running `flow`. Before that is restarted or ends, the calls must be
 * released; flow.c does so at the end of each test. */
#ifndef FLOW_HELD_CALLS_H
#define FLOW_HELD_CALLS_H

#include <stddef.h>

/* From now on, holds the calls of that kind (store_call_name(); NULL = of every kind), and all that
 * are posted after the first of them in its class. */
void held_calls_hold(const char *kind);

/* Returns the number of calls held. */
size_t held_calls_count(void);

/* Executes the calls, in order, and holds no more. They return in the next iteration. No-op if
 * nothing is held. */
void held_calls_release(void);

#endif
