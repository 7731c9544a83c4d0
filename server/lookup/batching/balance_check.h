/* SPDX-License-Identifier: MIT */
/* balance_check.h - reads the credit balance to learn whether the upstream accepts the key and
 * whether credits are left.
 *
 * The read is free, but its route is not on the upstream's page for this product: it may be
 * missing, or answer in another shape. So every answer has a meaning, and the circuit breaker
 * never depends on a readable one. Engine thread only. */
#ifndef LOOKUP_BATCHING_BALANCE_CHECK_H
#define LOOKUP_BATCHING_BALANCE_CHECK_H

#include "base/err.h"
#include "client/openmart/openmart.h"

#include <stdbool.h>
#include <stdint.h>

enum balance_meaning {
    BALANCE_LEFT,    /* the key is accepted, and credits are left */
    BALANCE_NONE,    /* the key is accepted, and no credit is left */
    BALANCE_DENIED,  /* 401, 402 or 403 */
    BALANCE_UNKNOWN, /* anything else: it proves nothing */
};

struct balance_answer {
    enum balance_meaning meaning;
    enum err err;    /* if DENIED: ERR_UPSTREAM_AUTH, ERR_CREDITS_EXHAUSTED, ERR_UPSTREAM_BANNED */
    int64_t credits; /* if LEFT; above 0 */
};

/* Runs once per started check, later than balance_check_start(), never after
 * balance_check_cancel(). `answer` is borrowed for the call. */
typedef void balance_checked_fn(void *arg, const struct balance_answer *answer);

/* Embedded in the circuit breaker, which sets the first three members; they are borrowed. */
struct balance_check {
    struct openmart *openmart;
    balance_checked_fn *done;
    void *arg;
    /* Private: */
    struct openmart_call *call;
};

/* Starts a check; no-op while one is in flight. */
void balance_check_start(struct balance_check *check);

/* Cancels a check in flight. */
void balance_check_cancel(struct balance_check *check);

/* Returns whether this error of a submit or of the balance means that the upstream denies the key,
 * its credits or the account. */
bool balance_check_is_denial(enum err err);

#endif
