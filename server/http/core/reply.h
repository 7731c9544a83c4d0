/* SPDX-License-Identifier: MIT */
/* reply.h - builds the reply to one request: status, headers, body. Memory only, no I/O; any
 * thread. */
#ifndef HTTP_CORE_REPLY_H
#define HTTP_CORE_REPLY_H

#include "base/buf.h"
#include "base/slice.h"
#include "model/account.h"
#include "model/result.h"

#include <stddef.h>
#include <stdint.h>

#define REPLY_HEADERS      12
#define REPLY_HEADER_BYTES 768

/* Created on the stack, filled by reply_...(), consumed by request_reply(). */
struct reply {
    int status;
    struct slice body;
    char *owned_body;            /* owned, on the heap; or NULL */
    const struct result *keeper; /* owned reference that keeps `body` alive; or NULL */
    size_t n_headers, n_bytes;
    struct {
        const char *name; /* static */
        size_t value_at;  /* in `bytes`; an offset, so that a reply can be copied */
    } headers[REPLY_HEADERS];
    char bytes[REPLY_HEADER_BYTES];
};

void reply_init(struct reply *reply, int status);

/* Adds a header. `name` must be static. Exceeding the limits above is a programming error:
 * asserted. */
void reply_header(struct reply *reply, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a header without formatting; much faster. Copies `value`. */
void reply_text(struct reply *reply, const char *name, const char *value);

/* Adds RateLimit and RateLimit-Policy as structured fields (draft-ietf-httpapi-ratelimit-headers,
 * version 11): the quoted name of a policy, then q = quota, w = window in seconds, r = remaining, t
 * = seconds until more is available. Policy "day" counts paid lookups per UTC day; policy "second"
 * counts requests that require a key. Both use the default unit, requests: the draft (3.1.2) lets
 * the server decide which requests count, and no other unit fits. A hit spends no quota and carries
 * neither field, because its response is shared by all clients. */

/* Policy "day"; no-op if there is no limit. */
void reply_quota(struct reply *reply, const struct quota_status *quota);

/* Policy "second": `rate` requests per second are allowed and none is left. Only sent then, since
 * any other value is outdated when it is read. */
void reply_rate_exceeded(struct reply *reply, int64_t rate);

/* Returns the value of the i-th header, borrowed from the reply. */
const char *reply_value(const struct reply *reply, size_t i);

/* Uses `data` without a copy; it must be static. */
void reply_body_static(struct reply *reply, const char *data, size_t len);
void reply_body_take(struct reply *reply, struct buf *buf); /* takes the contents */
/* Uses the result's body of that format and takes a reference to the result. */
void reply_body_of(struct reply *reply, const struct result *result, enum result_format format);

#endif
