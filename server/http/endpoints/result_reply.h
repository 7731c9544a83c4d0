/* SPDX-License-Identifier: MIT */
/* result_reply.h - the answers that /emails and /lookups/{id} share: a result, a problem, the
 * progress of a lookup; each with the headers that caches and polite clients go by. Worker thread
 * of the request; each function answers it. */
#ifndef HTTP_ENDPOINTS_RESULT_REPLY_H
#define HTTP_ENDPOINTS_RESULT_REPLY_H

#include "http/core/problem.h"
#include "http/core/ratelimit_fields.h"
#include "http/core/request.h"
#include "model/result.h"
#include "model/task_phase.h"

#include <stdint.h>

/* What belongs to this request and not to the answer. Strings are borrowed; NULL or "" = no header.
 */
struct answer_notes {
    const char *cache_status;       /* RFC 9211 */
    const char *preference_applied; /* RFC 7240 */
    const char *lookup_id;          /* a lookup to watch: Link, or Location of a 202 */
    const struct quota_status *allowance;
};

/* 200, or 304 when the caller has these bytes; for a failed result its problem. */
void answer_result(struct request *request, const struct result *result, enum result_format format,
                   const struct answer_notes *notes);

void answer_problem(struct request *request, const struct problem *problem,
                    const struct answer_notes *notes);

/* How a lookup that still runs is told: the body of every 202. */
struct progress {
    const char *id, *domain;
    enum task_phase phase;
    int64_t elapsed_ms, expected_ms;
};

#define PROGRESS_MAX 512

/* Pure; any thread:
 * {"id":..,"domain":..,"phase":"queued|submitting|processing|fetching","elapsed_s":31.2,
 *  "expected_s":48} and a newline. */
void progress_write(const struct progress *progress, struct buf *out);

/* 202 with Location and Retry-After. */
void answer_progress(struct request *request, const struct progress *progress, int retry_after_s,
                     const struct answer_notes *notes);

#endif
