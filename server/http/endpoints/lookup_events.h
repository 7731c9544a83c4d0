/* SPDX-License-Identifier: MIT */
/* lookup_events.h - streams a lookup while it runs: its progress as events, then its result. NDJSON
 * has only the result. Worker thread of the request. */
#ifndef HTTP_ENDPOINTS_LOOKUP_EVENTS_H
#define HTTP_ENDPOINTS_LOOKUP_EVENTS_H

#include "http/core/request.h"
#include "http/endpoints/emails_query.h"
#include "http/protocol/negotiate.h"

#include <stdint.h>

/* GET /emails: sends the question to the engine. If the engine rejects it or has the result,
 * replies as without a stream; otherwise streams the lookup until it ends or the wait is over.
 * Takes the question out of `query`. */
void lookup_events_of_question(struct request *request, struct emails_query *query);

/* GET /lookups/{id}: streams the lookup with this id for at most `wait_ms`; replies with a problem
 * if there is none. */
void lookup_events_of_id(struct request *request, const char *id, enum format format,
                         int64_t wait_ms);

#endif
