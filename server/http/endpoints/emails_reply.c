/* SPDX-License-Identifier: MIT */
/* emails_reply.c - see emails_reply.h. Each outcome has one function that notes it, and one line;
 * a reply without a stream adds the headers. */
#include "http/endpoints/emails_reply.h"

#include "base/mem.h"
#include "base/metrics.h"
#include "http/core/app.h"
#include "http/endpoints/engine_call.h"
#include "http/endpoints/result_reply.h"
#include "http/endpoints/result_stream.h"

#include <stdio.h>

#define NOTE_TEXT 64

static void note(struct request *request, enum metrics_outcome outcome, const char *word,
                 const char *lookup_id, enum charged charged)
{
    metrics_add(&metrics_mine()->cache_outcomes[outcome], 1);
    request_set_outcome(request, word, lookup_id, charged);
}

/* Replies with a successful or a stored result; `line` is the same for a stream, which has its own
 * status also for a stored failure, as if the request had waited for it. */
static void reply_result(struct request *request, const struct emails_query *query,
                         const struct result *result, const struct bulk_line *line,
                         const struct answer_notes *notes)
{
    if (!format_is_stream(query->format))
        answer_result(request, result, (enum result_format)query->format, notes);
    else if (line->err || !answer_rejection(request, result, RESULT_JSON, notes))
        answer_line(request, query->format, line);
}

/* ---- stored results ---- */

/* Starts the refresh of an expired result in the background, on the account of this client. Returns
 * false if the client has no quota at all, or another one has started it. The engine counts the
 * outcome of this request: only it knows whether the client can pay. */
static bool start_refresh(struct request *request, struct emails_query *query,
                          const struct result *result)
{
    const struct clock *clock = request_clock(request);

    if (query->account.quota == 0 || !result_claim_refresh(result, clock->now_ms))
        return false;
    engine_refresh(request_service(request)->engine, TAKE(query->question), &query->account, result,
                   clock->wall_ms);
    return true;
}

/* Counts and notes a stored result, and returns its line. Starts a refresh that is due. */
static struct bulk_line note_stored(struct request *request, struct emails_query *query,
                                    const struct result *result, enum disposition disposition)
{
    bool is_fresh = disposition == DISPOSITION_FRESH;

    if (disposition != DISPOSITION_STALE_REFRESHING || !start_refresh(request, query, result))
        metrics_add(&metrics_mine()->cache_outcomes[is_fresh ? CACHE_HIT : CACHE_STALE], 1);
    request_set_outcome(request, is_fresh ? "hit" : "stale", NULL, CHARGED_NO);
    return bulk_line_of_stored(result, is_fresh ? BULK_HIT : BULK_STALE);
}

void emails_reply_stored(struct request *request, struct emails_query *query,
                         const struct result *result, enum disposition disposition)
{
    int64_t left_ms = freshness_left_ms(result, request_clock(request)->wall_ms);
    char cache_status[NOTE_TEXT];
    const struct answer_notes notes = {.cache_status = cache_status};
    struct bulk_line line = note_stored(request, query, result, disposition);

    snprintf(cache_status, sizeof cache_status, "emailsd; hit; ttl=%lld",
             (long long)clock_floor_s(left_ms));
    reply_result(request, query, result, &line, &notes);
    if (disposition == DISPOSITION_FRESH && !result->err && query->is_plain)
        request_cache_response(request, result, (enum result_format)query->format);
}

void emails_reply_not_cached(struct request *request, const struct emails_query *query)
{
    const struct problem problem =
        problem_of(query->never_spends->err, query->never_spends->detail);
    const struct answer_notes notes = {.cache_status = "emailsd; fwd=uri-miss"};

    note(request, CACHE_REFUSED, "not-cached", NULL, CHARGED_NO);
    answer_problem(request, &problem, &notes);
}

/* ---- lookups ---- */

/* Counts and notes the end of a lookup, and returns its line. If it has failed, that is of the
 * fallback, if there is one. */
static struct bulk_line note_lookup(struct request *request, const struct outcome *outcome)
{
    struct bulk_line line = {.timing = *outcome->lookup_id ? &outcome->timing : NULL};

    if (outcome->fallback) {
        note(request, CACHE_STALE, "stale", outcome->lookup_id, outcome->charged);
        line.outcome = BULK_STALE;
        line.result = outcome->fallback;
        line.charged = outcome->charged;
        return line;
    }
    line.outcome = outcome->err ? BULK_FAILED : outcome->collapsed ? BULK_JOINED : BULK_LOOKED_UP;
    line.charged = outcome->err ? outcome->charged : outcome->collapsed ? CHARGED_NO : CHARGED_YES;
    line.err = outcome->err;
    line.result = outcome->err ? NULL : outcome->result;
    line.detail = outcome->detail;
    note(request, CACHE_MISS, outcome->collapsed ? "joined" : "looked-up", outcome->lookup_id,
         line.charged);
    if (*outcome->lookup_id && !outcome->collapsed)
        request_started_lookup(request);
    return line;
}

struct bulk_line emails_take_line(struct request *request, struct emails_query *query,
                                  const struct outcome *outcome)
{
    struct bulk_line line =
        outcome->disposition == DISPOSITION_MISS
            ? note_lookup(request, outcome)
            : note_stored(request, query, outcome->result, outcome->disposition);

    if (line.err)
        request_set_outcome(request, err_row(line.err)->code, NULL, line.charged);
    return line;
}

static void reply_progress(struct request *request, const struct emails_query *query,
                           const struct outcome *outcome, const struct answer_notes *notes)
{
    const struct lookup_progress *lookup = &outcome->progress;
    const struct progress progress = {outcome->lookup_id,  query->question->parts.domain,
                                      lookup->phase,       lookup->elapsed_ms,
                                      lookup->expected_ms, lookup->timing};

    answer_progress(request, &progress, outcome->retry_after_s, notes);
}

static void reply_failure(struct request *request, const struct outcome *outcome,
                          const struct answer_notes *notes)
{
    struct problem problem = problem_of(outcome->err, outcome->detail);

    problem.charged = outcome->charged;
    problem.retry_after_s = outcome->retry_after_s;
    answer_problem(request, &problem, notes);
}

/* Serves the fallback, because the lookup failed. */
static void reply_fallback(struct request *request, const struct emails_query *query,
                           const struct outcome *outcome)
{
    int64_t left_ms = freshness_left_ms(outcome->fallback, request_clock(request)->wall_ms);
    struct bulk_line line = note_lookup(request, outcome);
    char cache_status[NOTE_TEXT], preferences[PREFERENCES_TEXT];
    const struct answer_notes notes = {
        .cache_status = cache_status, .preference_applied = preferences, .timing = line.timing};

    emails_query_preferences(query, false, preferences);
    snprintf(cache_status, sizeof cache_status, "emailsd; fwd=stale; fwd-status=%d; ttl=%lld",
             err_row(outcome->err)->status, (long long)clock_floor_s(left_ms));
    reply_result(request, query, outcome->fallback, &line, &notes);
}

/* RFC 9211, 2.2. */
static const char *forward_word(enum miss_reason reason)
{
    switch (reason) {
    case MISS_ABSENT:
        return "uri-miss";
    case MISS_EXPIRED:
        return "stale";
    case MISS_EXCLUDED:
        return "request";
    }
    return "uri-miss";
}

static void reply_looked_up(struct request *request, const struct emails_query *query,
                            const struct outcome *outcome)
{
    bool running = outcome->err == ERR_STILL_PROCESSING;
    bool goes_on = running || outcome->err == ERR_DRAINING;
    bool is_async = running && query->async;
    struct bulk_line line = note_lookup(request, outcome);
    char cache_status[NOTE_TEXT], preferences[PREFERENCES_TEXT];
    const struct answer_notes notes = {.cache_status = cache_status,
                                       .preference_applied = preferences,
                                       .lookup_id = goes_on ? outcome->lookup_id : NULL,
                                       .allowance = &outcome->allowance,
                                       .timing = line.timing};

    emails_query_preferences(query, is_async, preferences);
    snprintf(cache_status, sizeof cache_status, "emailsd; fwd=%s%s%s", forward_word(outcome->miss),
             outcome->collapsed ? "; collapsed" : "", outcome->stored ? "; stored" : "");
    if (!outcome->err)
        reply_result(request, query, outcome->result, &line, &notes);
    else if (format_is_stream(query->format) && *outcome->lookup_id)
        answer_line(request, query->format, &line);
    else if (is_async)
        reply_progress(request, query, outcome, &notes);
    else
        reply_failure(request, outcome, &notes);
}

void emails_reply_outcome(struct request *request, struct emails_query *query,
                          const struct outcome *outcome)
{
    if (outcome->disposition != DISPOSITION_MISS)
        emails_reply_stored(request, query, outcome->result, outcome->disposition);
    else if (outcome->err == ERR_NOT_CACHED)
        emails_reply_not_cached(request, query);
    else if (outcome->fallback)
        reply_fallback(request, query, outcome);
    else
        reply_looked_up(request, query, outcome);
}

/* The id of the lookup is not known yet, so there is no link to it. */
void emails_reply_late(struct request *request, const struct emails_query *query)
{
    bool only_cached = query->cache.only_cached;
    char preferences[PREFERENCES_TEXT];
    struct problem problem =
        problem_of(only_cached ? ERR_OVERLOADED : ERR_STILL_PROCESSING,
                   "the server is slow at the moment; repeat the request to join the lookup");
    const struct answer_notes notes = {.cache_status = "emailsd; fwd=uri-miss",
                                       .preference_applied = preferences};

    problem.retry_after_s = ENGINE_LATE_RETRY_S;
    emails_query_preferences(query, false, preferences);
    note(request, only_cached ? CACHE_REFUSED : CACHE_MISS, err_row(problem.err)->code, NULL,
         problem.charged);
    answer_problem(request, &problem, &notes);
}
