/* SPDX-License-Identifier: MIT */
/* emails_reply.h - turns what was found for a request to /emails into its response: a body, a
 * problem, or a stream of one result. Counts it, and notes it for the access log. Worker thread of
 * the request; each emails_reply...() function replies to it. */
#ifndef HTTP_ENDPOINTS_EMAILS_REPLY_H
#define HTTP_ENDPOINTS_EMAILS_REPLY_H

#include "http/core/request.h"
#include "http/endpoints/bulk_line.h"
#include "http/endpoints/emails_query.h"
#include "lookup/engine.h"

/* A stored result that is not a DISPOSITION_MISS; starts its refresh if that is due, and then takes
 * the question out of `query`. */
void emails_reply_stored(struct request *request, struct emails_query *query,
                         const struct result *result, enum disposition disposition);

/* No stored result satisfies a request that never spends. */
void emails_reply_not_cached(struct request *request, const struct emails_query *query);

/* The outcome of the engine. A lookup that was started or joined becomes a stream, if the request
 * asks for one, also if it has failed. */
void emails_reply_outcome(struct request *request, struct emails_query *query,
                          const struct outcome *outcome);

/* The engine has no outcome in time: it hangs. */
void emails_reply_late(struct request *request, const struct emails_query *query);

/* For a stream that has begun, in place of emails_reply_outcome(): counts and notes the outcome,
 * and returns its line, which borrows from it. */
struct bulk_line emails_take_line(struct request *request, struct emails_query *query,
                                  const struct outcome *outcome);

#endif
