/* SPDX-License-Identifier: MIT */
/* submit_policy.h - decides what to do after a submit; pure except for the random jitter.
 *
 * A submit is repeated only if its result proves that nothing was created, or once after an unknown
 * outcome, if the operator accepted that risk. Engine thread only. */
#ifndef LOOKUP_BATCHING_SUBMIT_POLICY_H
#define LOOKUP_BATCHING_SUBMIT_POLICY_H

#include "client/openmart/openmart.h"
#include "lookup/records/task.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUBMIT_TRIES         3  /* of a batch that could not be sent */
#define SUBMIT_RETRY_AFTER_S 30 /* a longer Retry-After is returned to clients, not waited for */

enum submit_next {
    SUBMIT_COLLECT, /* accepted: poll for its results */
    SUBMIT_SPLIT,   /* rejected because of one of its tasks: submit its parts */
    SUBMIT_RETRY,   /* nothing was sent: submit again after submit_wait_ms() */
    SUBMIT_WAIT,    /* 429: submit again when the circuit breaker permits it */
    SUBMIT_UNPAID,  /* 402: the balance decides */
    SUBMIT_RISK,    /* submit again although it may have been accepted: may pay twice */
    SUBMIT_END,     /* fail all tasks of the batch */
};

/* What was submitted, and how often before. */
struct submit_past {
    size_t n_tasks;
    int tries;     /* including this one */
    bool may_risk; /* one more submit is allowed after an unknown outcome */
};

/* Returns what to do after a submit with this reply. */
enum submit_next submit_next(const struct openmart_reply *reply, const struct submit_past *past);

/* Returns whether the submit was accepted with a response in which no batch id was found. */
bool submit_is_unreadable(const struct openmart_reply *reply);

/* Returns how SUBMIT_END ends the tasks. Its detail is borrowed from the reply. */
struct task_end submit_end(const struct openmart_reply *reply);

/* Returns how long to wait before the next try: 1, 2, 4 s with up to a quarter of jitter, at least
 * Retry-After. */
int64_t submit_wait_ms(const struct openmart_reply *reply, int tries);

#endif
