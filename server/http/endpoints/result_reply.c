/* SPDX-License-Identifier: MIT */
/* result_reply.c - see result_reply.h. A result holds its bodies ready-made; this file adds the
 * headers. */
#include "http/endpoints/result_reply.h"

#include "base/json.h"
#include "http/endpoints/timing_text.h"
#include "http/protocol/conditional.h"
#include "http/protocol/event_stream.h"
#include "model/freshness.h"

#include <string.h>

static int64_t seconds(int64_t ms)
{
    return ms > 0 ? clock_floor_s(ms) : 0;
}

static void add_notes(struct reply *reply, const struct answer_notes *notes)
{
    char timing[SERVER_TIMING_TEXT];

    if (notes->cache_status && *notes->cache_status)
        reply_text(reply, "Cache-Status", notes->cache_status);
    if (notes->preference_applied && *notes->preference_applied)
        reply_text(reply, "Preference-Applied", notes->preference_applied);
    if (notes->allowance)
        reply_quota(reply, notes->allowance);
    if (notes->timing) {
        timing_write_header(notes->timing, timing);
        reply_text(reply, "Server-Timing", timing);
    }
}

/* Returns whether the result fails If-Match or If-Unmodified-Since. */
static bool fails_precondition(const struct request *request, const struct result *result,
                               enum result_format format)
{
    struct precondition precondition;

    conditional_read(request_header(request, "If-Match"),
                     request_header(request, "If-Unmodified-Since"), &precondition);
    return !precondition_holds(&precondition, result, format);
}

static void answer_success(struct request *request, const struct result *result,
                           enum result_format format, const struct answer_notes *notes)
{
    int64_t now = request_clock(request)->wall_ms;
    const struct result_body *body = &result->bodies[format];
    bool has_it = conditional_none_match(request_header(request, "If-None-Match"), body->etag);
    struct reply reply;

    reply_init(&reply, has_it ? 304 : 200);
    if (!has_it)
        reply_text(&reply, "Content-Type", negotiate_content_type((enum format)format));
    reply_body_of(&reply, result, format); /* a 304 carries only its length */
    reply_text(&reply, "ETag", body->etag);
    /* The whole life: a cache subtracts Age itself (RFC 9111, 4.2.3). An expired result has an Age
     * beyond it, so no cache reuses that either. */
    reply_header(&reply, "Cache-Control", "private, max-age=%lld",
                 (long long)seconds(freshness_life_ms(result)));
    reply_header(&reply, "Age", "%lld", (long long)seconds(freshness_age_ms(result, now)));
    reply_text(&reply, "Vary", "Accept, Prefer");
    add_notes(&reply, notes);
    request_reply(request, &reply);
}

static void answer_failed(struct request *request, const struct result *result,
                          const struct answer_notes *notes)
{
    struct problem problem = problem_of(result->err, result->detail);

    problem.charged = result->charged;
    problem.retry_after_s =
        1 + (int)seconds(freshness_left_ms(result, request_clock(request)->wall_ms));
    answer_problem(request, &problem, notes);
}

bool answer_rejection(struct request *request, const struct result *result,
                      enum result_format format, const struct answer_notes *notes)
{
    static const struct problem changed = {
        .err = ERR_PRECONDITION_FAILED,
        .detail = "the stored result does not satisfy If-Match or If-Unmodified-Since",
        .charged = CHARGED_NO};

    if (!result->err && !fails_precondition(request, result, format))
        return false;
    if (result->err)
        answer_failed(request, result, notes);
    else
        answer_problem(request, &changed, notes);
    return true;
}

void answer_result(struct request *request, const struct result *result, enum result_format format,
                   const struct answer_notes *notes)
{
    if (!answer_rejection(request, result, format, notes))
        answer_success(request, result, format, notes);
}

void answer_problem(struct request *request, const struct problem *problem,
                    const struct answer_notes *notes)
{
    struct reply reply;

    problem_reply(request, problem, &reply);
    if (notes->lookup_id && *notes->lookup_id)
        reply_header(&reply, "Link", "</lookups/%s>; rel=\"monitor\"", notes->lookup_id);
    add_notes(&reply, notes);
    request_reply(request, &reply);
}

void progress_write(const struct progress *progress, struct buf *out)
{
    buf_add_str(out, "{\"id\":");
    json_add_text(out, progress->id);
    buf_add_str(out, ",\"domain\":");
    json_add_text(out, progress->domain);
    buf_addf(out, ",\"phase\":\"%s\"", timing_phase_word(progress->phase));
    timing_write_progress(progress->elapsed_ms, progress->expected_ms, out);
    buf_add_str(out, ",\"timing\":");
    timing_write_json(&progress->timing, progress->phase, out);
    buf_add_str(out, "}\n");
}

void answer_progress(struct request *request, const struct progress *progress, int retry_after_s,
                     const struct answer_notes *notes)
{
    struct buf autobuf out = BUF_INIT(PROGRESS_MAX);
    struct reply reply;

    progress_write(progress, &out);
    reply_init(&reply, 202);
    reply_text(&reply, "Content-Type", "application/json");
    reply_text(&reply, "Cache-Control", "no-store");
    reply_header(&reply, "Location", "/lookups/%s", progress->id);
    reply_header(&reply, "Retry-After", "%d", retry_after_s);
    reply_body_take(&reply, &out);
    add_notes(&reply, notes);
    request_reply(request, &reply);
}

bool answer_received(struct request *request, enum format format)
{
    const char *last_id = format == FORMAT_SSE ? request_header(request, "Last-Event-ID") : NULL;
    struct reply reply;

    if (!last_id || strcmp(last_id, EVENT_LAST_ID) != 0)
        return false;
    reply_init(&reply, 204);
    request_reply(request, &reply);
    return true;
}

void answer_no_lookup(struct request *request, enum err err)
{
    problem_send(request, err, err == ERR_NOT_FOUND ? "unknown or expired lookup id" : NULL);
}
