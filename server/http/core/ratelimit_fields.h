/* SPDX-License-Identifier: MIT */
/* ratelimit_fields.h - writes the fields RateLimit and RateLimit-Policy as structured fields
 * (draft-ietf-httpapi-ratelimit-headers): the quoted name of a policy, then q = quota, w = window
 * in seconds, r = remaining, t = seconds until more is available.
 *
 * Policy "day" counts paid lookups per UTC day; policy "second" counts requests that require a key.
 * A hit spends no quota and carries neither field, because its response is shared by all clients.
 * Both policies use the default unit, requests: the draft (version 11, 3.1.2) lets the server
 * decide which requests count, and no other unit fits. The remaining per-second allowance is sent
 * only when it is zero, since any other value is outdated when it is read. Pure; any thread. */
#ifndef HTTP_CORE_RATELIMIT_FIELDS_H
#define HTTP_CORE_RATELIMIT_FIELDS_H

#include "http/core/reply.h"
#include "model/account.h"

#include <stdint.h>

/* Adds both fields for paid lookups. No-op if there is no limit. */
void ratelimit_fields_write_day(struct reply *reply, const struct quota_status *allowance);

/* Adds both fields for requests: `rate` per second are allowed and none is left. */
void ratelimit_fields_write_rate(struct reply *reply, int64_t rate);

#endif
