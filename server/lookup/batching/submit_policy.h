/* SPDX-License-Identifier: MIT */
/* submit_policy.h - what follows from the end of a submit; the money rules as one pure function.
 *
 * A submit is repeated only when its end proves that nothing was created - or once, after an
 * unknown outcome, where the operator chose to take that risk. */
#ifndef LOOKUP_BATCHING_SUBMIT_POLICY_H
#define LOOKUP_BATCHING_SUBMIT_POLICY_H

#include "client/openmart/openmart.h"
#include "lookup/records/task.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUBMIT_TRIES         3
#define SUBMIT_RETRY_AFTER_S 30 /* a longer Retry-After is told to the callers, not waited for */

enum submit_next {
    SUBMIT_COLLECT, /* it was taken: poll for its results */
    SUBMIT_SPLIT,   /* refused because of one of its tasks: submit the halves */
    SUBMIT_RETRY,   /* nothing was created: again, after submit_wait_ms() */
    SUBMIT_RISK,    /* again likewise, although it may have been taken: may pay twice */
    SUBMIT_END,     /* tell everybody aboard */
};

struct submit_past {
    size_t n_tasks;
    int tries;     /* this one included */
    bool may_risk; /* an unknown outcome may be followed by another submit, this once */
};

enum submit_next submit_next(const struct openmart_reply *reply, const struct submit_past *past);

/* What SUBMIT_END tells those aboard. Its detail is borrowed from the reply. */
struct task_end submit_end(const struct openmart_reply *reply);

/* How long to wait before the next try: 1, 2, 4 s with up to a quarter of jitter, never before
 * Retry-After. */
int64_t submit_wait_ms(const struct openmart_reply *reply, int tries);

#endif
