/* SPDX-License-Identifier: MIT */
/* usage.h - the credits of the caller's key, from GET /usage. Main thread only. */
#ifndef CLIENT_EMAILS_USAGE_H
#define CLIENT_EMAILS_USAGE_H

#include "client/emails/session.h"

#include <stdbool.h>
#include <stdint.h>

struct usage {
    int64_t credits;   /* spent today */
    int64_t remaining; /* -1 = no limit */
};

/* Reads it without messages. Returns whether the server has sent it. */
bool usage_read(struct session *session, struct usage *ret_usage);

/* Prints it on standard output, in the format of the options; or an error. */
void usage_print(struct session *session);

#endif
