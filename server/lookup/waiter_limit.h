/* SPDX-License-Identifier: MIT */
/* waiter_limit.h - limits how many requests wait concurrently: in total, fairly by account, and by
 * the account's own limit.
 *
 * A waiting request uses a slot from acquire to release. An account that uses no slot has no row.
 * Engine thread only. */
#ifndef LOOKUP_WAITER_LIMIT_H
#define LOOKUP_WAITER_LIMIT_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct lookup_request;
struct waiter_count; /* the slots of one account */

/* Zeroed except for `max`. Empty, and holds no memory, when no request waits. */
struct waiter_limit {
    size_t max;                  /* any account gets a slot below it; see fair_share.h */
    size_t used;                 /* by all accounts */
    struct waiter_count *counts; /* hash table by account */
};

/* Takes a slot for the request, unless it has one, is of a list, which limits its requests, or does
 * not wait: then it leaves soon. Errors:
 * ERR_OVERLOADED, no slot is left for the account; ERR_QUOTA_EXCEEDED, its own limit is reached.
 * *ret_detail is then a static message for the client, or NULL. */
enum err waiter_limit_acquire(struct waiter_limit *limit, struct lookup_request *request,
                              int64_t now_ms, const char **ret_detail);

/* Releases the slot of the request; no-op if it has none. */
void waiter_limit_release(struct waiter_limit *limit, struct lookup_request *request);

#endif
