/* SPDX-License-Identifier: MIT */
/* spending.h - keeps --max-credits over all requests of a run.
 *
 * The server knows the limit of a single request only, so each request gets what is left. After a
 * broken connection, lookups may have been paid for whose results did not arrive; /usage counts
 * them. If it cannot be read, every entry in flight counts. Main thread only. */
#ifndef CLIENT_EMAILS_SPENDING_H
#define CLIENT_EMAILS_SPENDING_H

#include "client/emails/session.h"

#include <stddef.h>
#include <stdint.h>

struct spending {
    int64_t used_before; /* of the account, at the start; -1 = not known */
    int64_t spent;       /* until the last broken connection, and the counts at that time */
    int64_t counted;
    size_t in_flight; /* entries that may have been paid for since; 0 = nothing to count */
};

/* Reads /usage, if there is a limit. */
void spending_start(struct spending *spending, struct session *session);

/* Notes that the entry may have been paid for without a result. */
void spending_lost(struct spending *spending, struct entry *entry);

/* Counts what has been paid for without a result, before the next request. */
void spending_count(struct spending *spending, struct session *session);

/* Returns what of --max-credits is left; -1 = no limit. */
int64_t spending_left(const struct spending *spending, const struct session *session);

#endif
