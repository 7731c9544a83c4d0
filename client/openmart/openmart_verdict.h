/* SPDX-License-Identifier: MIT */
/* openmart_verdict.h - decides what the end of a request means, by one table.
 *
 * The table prevents paying twice. A submit is VERDICT_DONE, VERDICT_REFUSED or VERDICT_RETRYABLE
 * only if the wire or Openmart's response proves it, and VERDICT_UNKNOWN in every other case,
 * unforeseen ones included. Reads are free, so every failure that may be temporary is
 * VERDICT_RETRYABLE. Pure; any thread. */
#ifndef CLIENT_OPENMART_OPENMART_VERDICT_H
#define CLIENT_OPENMART_OPENMART_VERDICT_H

#include "base/err.h"
#include "client/openmart/openmart_types.h"
#include "client/transport.h"

#include <stdbool.h>

/* The status of a request that was not tried, because it could only be rejected. */
#define OPENMART_UNSENDABLE (-1)

/* What was observed of one request. `readable` and `has_retry_after` count only if a response
 * arrived. */
struct openmart_seen {
    bool is_submit;
    enum transport_end end;
    int status;
    bool readable;        /* the body contains what was requested */
    bool has_retry_after; /* the response had a valid Retry-After */
};

struct openmart_meaning {
    enum verdict verdict;
    enum err err; /* ERR_OK only with VERDICT_DONE */
};

/* Returns the meaning of what was observed. */
struct openmart_meaning openmart_verdict(const struct openmart_seen *seen);

#endif
