/* SPDX-License-Identifier: MIT */
/* openmart_verdict.h - decides what the end of a request means, by one table.
 *
 * The table prevents paying twice. A submit is not idempotent, so it may be sent again only if it
 * certainly was not applied (RFC 9110, 9.2.2). That is certain if no byte of it was sent, if
 * Openmart itself rejected it (400, 401, 402, 403, 422 with its JSON), and for 429, which is sent
 * before a request is handled. It is never certain for a 3xx or a 5xx, with Retry-After or without:
 * a proxy may answer so after the handler ran and created the batch. Everything else after the
 * first byte, unforeseen cases included, is VERDICT_UNKNOWN. The one exception is a 401, 402 or 403
 * of something in front of Openmart, which answers so in place of passing the request on.
 *
 * Reads are free, so every failure that may be temporary is VERDICT_RETRYABLE. Pure; any thread. */
#ifndef CLIENT_OPENMART_OPENMART_VERDICT_H
#define CLIENT_OPENMART_OPENMART_VERDICT_H

#include "base/err.h"
#include "client/openmart/openmart_types.h"
#include "client/transport.h"

#include <stdbool.h>

/* The status of a request that was not tried, because it could only be rejected. */
#define OPENMART_UNSENDABLE (-1)

/* What was observed of one request. */
struct openmart_seen {
    bool is_submit;
    enum transport_end end;
    int status;
    bool readable;     /* the body contains what was requested */
    bool is_rejection; /* the body is JSON with a reason, as Openmart sends it with an error */
};

struct openmart_meaning {
    enum verdict verdict;
    enum err err; /* ERR_OK only with VERDICT_DONE */
};

/* Returns the meaning of what was observed. */
struct openmart_meaning openmart_verdict(const struct openmart_seen *seen);

#endif
