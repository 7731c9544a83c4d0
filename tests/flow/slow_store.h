/* SPDX-License-Identifier: MIT */
/* slow_store.h - delays what the store returns to the engine of the flow. */
#ifndef FLOW_SLOW_STORE_H
#define FLOW_SLOW_STORE_H

#include "store/calls.h"

#include <stddef.h>

/* From now on, calls of that class are executed when they are posted, but do not return. */
void slow_store_hold(enum store_class class);

/* Returns the calls that are held, and holds no more. Also done before the engine is freed. */
void slow_store_release(void);

/* Returns how many calls are held. */
size_t slow_store_held(void);

#endif
