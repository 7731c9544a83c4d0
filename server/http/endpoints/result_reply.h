/* SPDX-License-Identifier: MIT */
/* result_reply.h - the responses that /emails and /lookups/{id} share: a result, a problem, the
 * progress of a lookup. Each carries the headers for caches and retries. Worker thread of the
 * request; each answer_...() function replies to it. */
#ifndef HTTP_ENDPOINTS_RESULT_REPLY_H
#define HTTP_ENDPOINTS_RESULT_REPLY_H

#include "http/core/problem.h"
#include "http/core/reply.h"
#include "http/core/request.h"
#include "http/protocol/negotiate.h"
#include "model/lookup_timing.h"
#include "model/result.h"
#include "model/task_phase.h"

#include <stdbool.h>
#include <stdint.h>

/* Per-request response headers. Strings are borrowed; NULL or "" = no header. */
struct answer_notes {
    const char *cache_status;       /* RFC 9211 */
    const char *preference_applied; /* RFC 7240 */
    const char *lookup_id;          /* a lookup to monitor, for Link */
    const struct quota_status *allowance;
    const struct lookup_timing *timing; /* of the lookup that the request waited for */
};

/* Replies with 200, with 304 if If-None-Match matches, or with 412 if a precondition fails; for a
 * failed result, with its problem. */
void answer_result(struct request *request, const struct result *result, enum result_format format,
                   const struct answer_notes *notes);

/* Does the same with what answer_result() does not reply 200 or 304 to, and returns true; false for
 * a result that may be served. */
bool answer_rejection(struct request *request, const struct result *result,
                      enum result_format format, const struct answer_notes *notes);

void answer_problem(struct request *request, const struct problem *problem,
                    const struct answer_notes *notes);

/* Progress of a lookup in flight: the body of every 202. */
struct progress {
    const char *id, *domain;
    enum task_phase phase;
    int64_t elapsed_ms, expected_ms;
    struct lookup_timing timing;
};

#define PROGRESS_MAX      1024
#define PROGRESS_EVERY_MS 5000 /* between two events, if nothing changes */

/* Writes the progress as JSON and a newline. Pure; any thread:
 *   {"id":..,"domain":..,"phase":"queued|submitting|processing|fetching","elapsed_s":31.2,
 *    "expected_s":48,"timing":{..}} */
void progress_write(const struct progress *progress, struct buf *out);

/* Replies with 202, Location and Retry-After (in seconds). */
void answer_progress(struct request *request, const struct progress *progress, int retry_after_s,
                     const struct answer_notes *notes);

/* If the client of an event stream has received its last event already (`Last-Event-ID: end`),
 * replies with 204, which ends the reconnecting of a browser, and returns true. */
bool answer_received(struct request *request, enum format format);

/* Replies that there is no lookup with that id (ERR_NOT_FOUND), or that it could not be found. */
void answer_no_lookup(struct request *request, enum err err);

#endif
