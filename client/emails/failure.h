/* SPDX-License-Identifier: MIT */
/* failure.h - what it means if a request fails as a whole. Main thread only. */
#ifndef CLIENT_EMAILS_FAILURE_H
#define CLIENT_EMAILS_FAILURE_H

#include "base/errmsg.h"
#include "client/emails/http.h"
#include "client/emails/session.h"

#include <stdbool.h>

/* Says why it failed, for a message, and returns the exit status. */
enum status failure_of(const struct session *session, enum http_end end,
                       const struct http_reply *reply, struct errmsg *ret_why);

/* Returns whether the same request may succeed soon: the server stops or starts, has no room, or
 * permits no more requests in this second; or a proxy does not reach it. */
bool failure_passes(enum http_end end, const struct http_reply *reply);

/* Returns whether the request may have cost credits all the same: the connection broke, or the
 * server or a proxy gave up waiting for the results. */
bool failure_may_cost(enum http_end end, const struct http_reply *reply);

/* Prints it, and makes the exit status worse. No-op if the request was stopped. */
void failure_report(struct session *session, enum http_end end, const struct http_reply *reply);

#endif
