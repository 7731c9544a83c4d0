/* SPDX-License-Identifier: MIT */
/* result_reply.h - the answers that /emails and /lookups/{id} share: a result, a problem, the
 * progress of a lookup; each with the headers that caches and polite clients go by. Worker thread
 * of the request; each function answers it. */
#ifndef HTTP_ENDPOINTS_RESULT_REPLY_H
#define HTTP_ENDPOINTS_RESULT_REPLY_H

#include "http/core/problem.h"
#include "http/core/ratelimit_fields.h"
#include "http/core/request.h"
#include "http/endpoints/progress.h"
#include "model/result.h"

/* What belongs to this request and not to the answer. Strings are borrowed; NULL or "" = no header.
 */
struct answer_notes {
    const char *cache_status;       /* RFC 9211 */
    const char *preference_applied; /* RFC 7240 */
    const char *lookup_id;          /* a lookup to watch: Link, or Location of a 202 */
    const struct allowance *allowance;
};

/* 200, or 304 when the caller has these bytes; for a failed result its problem. */
void answer_result(struct request *request, const struct result *result, enum result_format format,
                   const struct answer_notes *notes);

void answer_problem(struct request *request, const struct problem *problem,
                    const struct answer_notes *notes);

/* 202 with Location and Retry-After. */
void answer_progress(struct request *request, const struct progress *progress, int retry_after_s,
                     const struct answer_notes *notes);

#endif
