/* SPDX-License-Identifier: MIT */
/* bulk_reply.c - see bulk_reply.h. */
#include "http/endpoints/bulk_reply.h"

#include "http/core/problem.h"
#include "http/endpoints/bulk_body.h"
#include "http/endpoints/engine_call.h"
#include "http/endpoints/timing_text.h"
#include "http/protocol/negotiate.h"

/* Of all requests for the bulk together. */
static enum charged charged_of(const struct bulk_progress *progress)
{
    if (progress->charged_maybe)
        return CHARGED_MAYBE;
    return progress->charged_yes ? CHARGED_YES : CHARGED_NO;
}

static bool may_spend(const struct bulk_query *query)
{
    return query->is_list && !query->common.cache.only_cached;
}

void bulk_reply_note(struct request *request, const struct bulk_query *query,
                     const struct bulk_progress *progress)
{
    enum charged charged = query->is_list ? charged_of(progress) : CHARGED_NO;

    request_set_outcome(request, "bulk", NULL, charged);
    if (query->is_list)
        request_set_bulk(request, progress->id);
    if (may_spend(query))
        request_started_lookup(request);
}

/* ---- headers ---- */

static void add_monitor(struct reply *reply, const struct bulk_progress *progress)
{
    reply_header(reply, "Link", "</bulks/%s>; rel=\"monitor\"", progress->id);
}

static void add_preferences(struct reply *reply, const struct bulk_query *query, bool is_async)
{
    char text[PREFERENCES_TEXT];

    emails_query_preferences(&query->common, is_async, text);
    if (*text)
        reply_text(reply, "Preference-Applied", text);
}

/* Only of a request that has waited for a lookup: stored results take no time. */
static void add_timing(struct reply *reply, const struct bulk_query *query,
                       const struct bulk_progress *progress)
{
    char text[SERVER_TIMING_TEXT];

    if (!query->has_waited || !progress->has_lookups)
        return;
    timing_write_header(&progress->timing, text);
    reply_text(reply, "Server-Timing", text);
}

void bulk_reply_head(struct request *request, const struct bulk_query *query,
                     const struct bulk_progress *progress, struct reply *ret_head)
{
    bulk_reply_note(request, query, progress);
    reply_init(ret_head, 200);
    reply_text(ret_head, "Content-Type", negotiate_content_type(query->common.format));
    reply_text(ret_head, "Vary", "Accept, Prefer");
    add_monitor(ret_head, progress);
    add_preferences(ret_head, query, false);
    if (format_is_stream(query->common.format))
        return;
    add_timing(ret_head, query, progress);
    reply_quota(ret_head, &progress->allowance);
}

/* ---- without results ---- */

static void reply_progress(struct request *request, const struct bulk_query *query,
                           const struct bulk_progress *progress)
{
    struct buf autobuf out = BUF_INIT(BULK_PROGRESS_MAX);
    struct reply reply;

    bulk_reply_note(request, query, progress);
    bulk_progress_write(progress, &out);
    reply_init(&reply, 202);
    reply_text(&reply, "Content-Type", "application/json");
    reply_text(&reply, "Cache-Control", "no-store");
    reply_header(&reply, "Location", "/bulks/%s", progress->id);
    reply_header(&reply, "Retry-After", "%d", progress->retry_after_s);
    add_preferences(&reply, query, query->common.async);
    add_timing(&reply, query, progress);
    reply_quota(&reply, &progress->allowance);
    reply_body_take(&reply, &out);
    request_reply(request, &reply);
}

/* Replies with a problem of the whole bulk; `progress` NULL = nothing is known of it. A shutdown
 * leaves no bulk to watch. */
static void reply_problem(struct request *request, struct problem *problem,
                          const struct bulk_query *query, const struct bulk_progress *progress)
{
    struct reply reply;

    if (progress)
        bulk_reply_note(request, query, progress);
    problem_reply(request, problem, &reply);
    add_preferences(&reply, query, false);
    if (progress && problem->err != ERR_DRAINING)
        add_monitor(&reply, progress);
    if (progress) {
        add_timing(&reply, query, progress);
        reply_quota(&reply, &progress->allowance);
    }
    request_reply(request, &reply);
}

void bulk_reply_unfinished(struct request *request, const struct bulk_query *query,
                           const struct bulk_progress *progress)
{
    struct problem problem =
        problem_of(ERR_STILL_PROCESSING,
                   "the list is still being processed; send it again to join it at no cost");

    if (query->reports_progress) {
        reply_progress(request, query, progress);
        return;
    }
    problem.retry_after_s = progress->retry_after_s;
    reply_problem(request, &problem, query, progress);
}

void bulk_reply_drained(struct request *request, const struct bulk_query *query,
                        const struct bulk_progress *progress)
{
    struct problem problem =
        problem_of(ERR_DRAINING, "the server is shutting down; send the list again later: what has "
                                 "been paid for is stored and costs nothing");

    problem.charged = charged_of(progress);
    reply_problem(request, &problem, query, progress);
}

void bulk_reply_failure(struct request *request, const struct bulk_open_call *open)
{
    struct problem problem = problem_of(open->err, open->detail);
    struct reply reply;

    problem.retry_after_s = open->retry_after_s;
    problem_reply(request, &problem, &reply);
    request_reply(request, &reply);
}

void bulk_reply_late(struct request *request, const struct bulk_query *query)
{
    struct problem problem =
        problem_of(may_spend(query) ? ERR_STILL_PROCESSING : ERR_OVERLOADED,
                   "the server is slow at the moment; repeat the request to join the list");

    problem.retry_after_s = ENGINE_LATE_RETRY_S;
    if (may_spend(query))
        request_started_lookup(request);
    reply_problem(request, &problem, query, NULL);
}
