/* SPDX-License-Identifier: MIT */
/* ratelimit_fields.h - what a client may still do, as RateLimit and RateLimit-Policy tell it
 * (draft-ietf-httpapi-ratelimit-headers, the form with structured fields: a quoted name of the
 * policy, then q = how much, w = in how many seconds, r = how much is left, t = seconds until there
 * is more).
 *
 * Two policies: "day", paid lookups in a day of UTC, and "second", requests that need a key. A hit
 * spends nothing of the first, and tells nothing of either, because its answer is one for all. Both
 * are counted in the unit that goes without saying, requests: the draft (3.1.2 of version 11)
 * leaves it to the server which requests consume one, and has no other unit that would fit. What is
 * left of the second is told only when that is nothing, since it is another number by the time it
 * is read. Pure; any thread. */
#ifndef HTTP_CORE_RATELIMIT_FIELDS_H
#define HTTP_CORE_RATELIMIT_FIELDS_H

#include "http/core/reply.h"
#include "model/account.h"

#include <stdint.h>

/* Adds the two headers about paid lookups; nothing when there is no limit. */
void ratelimit_fields_write_day(struct reply *reply, const struct quota_status *allowance);

/* The same about requests, of which `rate` a second are allowed and none is left now. */
void ratelimit_fields_write_rate(struct reply *reply, int64_t rate);

#endif
