/* SPDX-License-Identifier: MIT */
/* lookup_promise.h - what a client may rely on when its wait ends before its lookup. Pure
 * functions; any thread. */
#ifndef LOOKUP_LOOKUP_PROMISE_H
#define LOOKUP_LOOKUP_PROMISE_H

#include "model/task_phase.h"

#include <stdbool.h>

/* Return the detail for a client whose deadline is over, or whose server stops; static.
 * `is_recorded`: the journal on disk has all that is known of the lookup. */
const char *lookup_promise(enum task_phase phase, bool is_recorded);
const char *lookup_promise_at_stop(enum task_phase phase, bool is_recorded);

#endif
