/* SPDX-License-Identifier: MIT */
/* openmart_verdict.h - what the end of a call means, decided in one table.
 *
 * The table is the heart of not paying twice: a submit is DONE, REFUSED or RETRYABLE only where the
 * wire or the vendor's answer proves it, and UNKNOWN in every other case, one that nobody thought
 * of included. Reads are free, so all that may pass is RETRYABLE. Pure; any thread. */
#ifndef CLIENT_OPENMART_OPENMART_VERDICT_H
#define CLIENT_OPENMART_OPENMART_VERDICT_H

#include "base/err.h"
#include "client/openmart/openmart.h"
#include "client/transport.h"

#include <stdbool.h>

/* The status of a call that was not even tried, because it could only be refused. */
#define OPENMART_UNSENDABLE (-1)

/* What was seen of one call. `readable` and `told_when` count only when it was answered. */
struct openmart_seen {
    bool is_submit;
    enum transport_end end;
    int status;
    bool readable;  /* the body holds what the call asks for */
    bool told_when; /* there was a Retry-After that makes sense */
};

struct openmart_meaning {
    enum verdict verdict;
    enum err err; /* ERR_OK only with VERDICT_DONE */
};

struct openmart_meaning openmart_verdict(const struct openmart_seen *seen);

#endif
