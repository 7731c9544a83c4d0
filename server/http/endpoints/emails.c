/* SPDX-License-Identifier: MIT */
/* emails.c - GET and HEAD /emails: serves from the cache, else asks the engine and waits.
 *
 * core/request_handler.c has already tried the response cache. Three paths are left, and hits of
 * all three end in serve_stored(): the key known for the request's text (serve_known()), the cache
 * after parsing the query (serve()), and a result that the engine found (deliver()).
 *
 * A request that must wait is parked with a struct parked_lookup. The engine judges a stored result
 * as serve() judges a cached one; finish() copies its outcome and posts a message. The request's
 * worker then replies and frees. If the engine hangs, the worker ends the wait itself, with
 * answer_late(). */
#include "http/endpoints/endpoints.h"

#include "base/mem.h"
#include "base/metrics.h"
#include "http/core/app.h"
#include "http/endpoints/emails_query.h"
#include "http/endpoints/result_reply.h"
#include "lookup/engine.h"

#include <stdio.h>
#include <stdlib.h>

#define NOTE_TEXT    64
#define LATE_MS      1000 /* the engine is late this long after a deadline that it has to keep */
#define LATE_RETRY_S 5

/* A parked request. Owned by the engine from engine_lookup() to finish(), then by the worker. */
struct parked_lookup {
    struct lookup_request lookup;
    struct message message;
    struct inbox *inbox;                /* of the request's worker */
    struct request *request;            /* NULL = answer_late() has replied */
    struct worker *worker;              /* then, until deliver() */
    struct emails_query query;          /* owns the question */
    char account[ACCOUNT_NAME_MAX + 1]; /* copied: after answer_late(), there is no request */
    struct outcome outcome;             /* with its own references to the results */
    char *detail;                       /* owned copy; the outcome's own is borrowed */
};

/* ---- hits ---- */

static void note_outcome(struct request *request, enum metrics_outcome outcome, const char *word,
                         const char *lookup_id, enum charged charged)
{
    metrics_add(&metrics_mine()->cache_outcomes[outcome], 1);
    request_set_outcome(request, word, lookup_id, charged);
}

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

/* Serves a stored result that is not a DISPOSITION_MISS. */
static void serve_stored(struct request *request, struct emails_query *query,
                         const struct result *result, enum disposition disposition)
{
    int64_t left_ms = freshness_left_ms(result, request_clock(request)->wall_ms);
    bool is_fresh = disposition == DISPOSITION_FRESH;
    char cache_status[NOTE_TEXT];
    const struct answer_notes notes = {.cache_status = cache_status};

    snprintf(cache_status, sizeof cache_status, "emailsd; hit; ttl=%lld",
             (long long)clock_floor_s(left_ms));
    if (disposition != DISPOSITION_STALE_REFRESHING || !start_refresh(request, query, result))
        metrics_add(&metrics_mine()->cache_outcomes[is_fresh ? CACHE_HIT : CACHE_STALE], 1);
    request_set_outcome(request, is_fresh ? "hit" : "stale", NULL, CHARGED_NO);
    answer_result(request, result, query->format, &notes);
    if (is_fresh && !result->err && query->is_plain)
        request_cache_response(request, result, query->format);
}

static struct freshness judge(const struct request *request, const struct emails_query *query,
                              const struct result *cached)
{
    const struct clock *clock = request_clock(request);

    return freshness_judge(cached, &query->cache, &request_limits(request)->freshness,
                           clock->wall_ms, clock);
}

/* If this worker knows the question of the request's text and the cache holds a fresh result,
 * serves it without parsing the query. Returns whether it did. */
static bool serve_known(struct request *request)
{
    struct emails_query query = {.cache = CACHE_DIRECTIVES_NONE, .is_plain = true};
    const unsigned char *key;

    if (!request_cached_key(request, &key, &query.format))
        return false;
    const struct result *cached = cache_find(request_service(request)->cache, key);
    bool is_fresh = judge(request, &query, cached).disposition == DISPOSITION_FRESH;
    if (is_fresh)
        serve_stored(request, &query, cached, DISPOSITION_FRESH);
    result_unref(cached);
    return is_fresh;
}

/* ---- end of a wait ---- */

/* Writes the value of Preference-Applied (RFC 7240, 3), "" = no header. */
static void write_preferences(const struct emails_query *query, bool is_async,
                              char text[static NOTE_TEXT])
{
    size_t len = (size_t)snprintf(text, NOTE_TEXT, "%s", is_async ? "respond-async" : "");

    if (query->names_wait)
        snprintf(text + len, NOTE_TEXT - len, "%swait=%lld", is_async ? ", " : "",
                 (long long)(query->wait_ms / 1000));
}

static void reply_progress(const struct parked_lookup *parked, const struct answer_notes *notes)
{
    const struct outcome *outcome = &parked->outcome;
    const struct progress progress = {outcome->lookup_id, parked->query.question->parts.domain,
                                      outcome->progress.phase, outcome->progress.elapsed_ms,
                                      outcome->progress.expected_ms};

    answer_progress(parked->request, &progress, outcome->retry_after_s, notes);
}

static void reply_failure(const struct parked_lookup *parked, const struct answer_notes *notes)
{
    const struct outcome *outcome = &parked->outcome;
    struct problem problem = problem_of(outcome->err, parked->detail);

    problem.charged = outcome->charged;
    problem.retry_after_s = outcome->retry_after_s;
    answer_problem(parked->request, &problem, notes);
}

/* Serves the fallback, because the lookup failed. */
static void reply_fallback(const struct parked_lookup *parked)
{
    const struct outcome *outcome = &parked->outcome;
    int64_t left_ms = freshness_left_ms(outcome->fallback, request_clock(parked->request)->wall_ms);
    char cache_status[NOTE_TEXT], preferences[NOTE_TEXT];
    const struct answer_notes notes = {.cache_status = cache_status,
                                       .preference_applied = preferences};

    write_preferences(&parked->query, false, preferences);
    snprintf(cache_status, sizeof cache_status, "emailsd; fwd=stale; fwd-status=%d; ttl=%lld",
             err_row(outcome->err)->status, (long long)clock_floor_s(left_ms));
    note_outcome(parked->request, CACHE_STALE, "stale", outcome->lookup_id, outcome->charged);
    answer_result(parked->request, outcome->fallback, parked->query.format, &notes);
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

static void reply_looked_up(const struct parked_lookup *parked)
{
    const struct outcome *outcome = &parked->outcome;
    bool running = outcome->err == ERR_STILL_PROCESSING;
    bool goes_on = running || outcome->err == ERR_DRAINING;
    bool is_async = running && parked->query.async;
    char cache_status[NOTE_TEXT], preferences[NOTE_TEXT];
    const struct answer_notes notes = {.cache_status = cache_status,
                                       .preference_applied = preferences,
                                       .lookup_id = goes_on ? outcome->lookup_id : NULL,
                                       .allowance = &outcome->allowance};

    write_preferences(&parked->query, is_async, preferences);
    snprintf(cache_status, sizeof cache_status, "emailsd; fwd=%s%s%s", forward_word(outcome->miss),
             outcome->collapsed ? "; collapsed" : "", outcome->stored ? "; stored" : "");
    note_outcome(parked->request, CACHE_MISS, outcome->collapsed ? "joined" : "looked-up",
                 outcome->lookup_id,
                 outcome->err         ? outcome->charged
                 : outcome->collapsed ? CHARGED_NO
                                      : CHARGED_YES);
    if (*outcome->lookup_id && !outcome->collapsed)
        request_started_lookup(parked->request);
    if (!outcome->err)
        answer_result(parked->request, outcome->result, parked->query.format, &notes);
    else if (is_async)
        reply_progress(parked, &notes);
    else
        reply_failure(parked, &notes);
}

static void reply_not_cached(struct request *request, const struct never_spends *why)
{
    const struct problem problem = problem_of(why->err, why->detail);
    const struct answer_notes notes = {.cache_status = "emailsd; fwd=uri-miss"};

    note_outcome(request, CACHE_REFUSED, "not-cached", NULL, CHARGED_NO);
    answer_problem(request, &problem, &notes);
}

static void reply_outcome(struct parked_lookup *parked)
{
    const struct outcome *outcome = &parked->outcome;

    if (outcome->disposition != DISPOSITION_MISS)
        serve_stored(parked->request, &parked->query, outcome->result, outcome->disposition);
    else if (outcome->err == ERR_NOT_CACHED)
        reply_not_cached(parked->request, parked->query.never_spends);
    else if (outcome->fallback)
        reply_fallback(parked);
    else
        reply_looked_up(parked);
}

/* Worker thread. */
static void deliver(struct message *message)
{
    struct parked_lookup *parked = container_of(message, struct parked_lookup, message);
    const struct outcome *outcome = &parked->outcome;

    if (parked->request)
        reply_outcome(parked);
    else
        request_release_worker(parked->worker);
    question_free(parked->query.question);
    result_unref(outcome->result);
    result_unref(outcome->fallback);
    free(parked->detail);
    free(parked);
}

/* ---- waiting ---- */

/* Engine thread: copies the outcome and posts it back. */
static void finish(struct lookup_request *lookup, const struct outcome *outcome)
{
    struct parked_lookup *parked = container_of(lookup, struct parked_lookup, lookup);

    parked->outcome = *outcome;
    if (outcome->result)
        result_ref(outcome->result);
    if (outcome->fallback)
        result_ref(outcome->fallback);
    if (outcome->detail)
        parked->detail = xstrdup(outcome->detail);
    inbox_post(parked->inbox, &parked->message, deliver);
}

static void client_left(struct request *request)
{
    const struct parked_lookup *parked = request_state(request);

    engine_abandon(request_service(request)->engine, parked->lookup.ticket);
}

/* Replies at the request's deadline, because the engine does not: it hangs. It will handle the
 * request when it continues, and start its lookup. Its id is not known yet, so there is no link to
 * it. */
static void answer_late(struct request *request)
{
    struct parked_lookup *parked = request_state(request);
    bool only_cached = parked->query.cache.only_cached;
    char preferences[NOTE_TEXT];
    struct problem problem =
        problem_of(only_cached ? ERR_OVERLOADED : ERR_STILL_PROCESSING,
                   "the server is slow at the moment; repeat the request to join the lookup");
    const struct answer_notes notes = {.cache_status = "emailsd; fwd=uri-miss",
                                       .preference_applied = preferences};

    parked->worker = request_hold_worker(request);
    if (!parked->worker)
        return;
    parked->request = NULL;
    problem.retry_after_s = LATE_RETRY_S;
    write_preferences(&parked->query, false, preferences);
    note_outcome(request, only_cached ? CACHE_REFUSED : CACHE_MISS, err_row(problem.err)->code,
                 NULL, problem.charged);
    answer_problem(request, &problem, &notes);
}

static void wait_for_engine(struct request *request, struct emails_query *query)
{
    struct parked_lookup *parked = xcalloc(1, sizeof *parked);
    int64_t deadline_ms = request_clock(request)->now_ms + query->wait_ms;

    parked->inbox = request_inbox(request);
    parked->request = request;
    parked->query = *query;
    query->question = NULL;
    snprintf(parked->account, sizeof parked->account, "%s", query->account.name);
    parked->query.account.name = parked->account;
    parked->lookup = (struct lookup_request){.question = parked->query.question,
                                             .account = parked->query.account,
                                             .wait_until_ms = query->wait_ms ? deadline_ms : 0,
                                             .max_waiters = query->max_waiters,
                                             .directives = query->cache,
                                             .limits = request_limits(request)->freshness,
                                             .asked_wall_ms = request_clock(request)->wall_ms,
                                             .done = finish};
    /* Park before posting: the result may arrive before this function returns. */
    request_park(request, client_left, parked);
    request_set_deadline(request, deadline_ms + LATE_MS, answer_late);
    engine_lookup(request_service(request)->engine, &parked->lookup);
}

/* ---- the endpoints ---- */

static void serve(struct request *request, struct emails_query *query, const struct result *cached)
{
    struct freshness verdict = judge(request, query, cached);

    if (verdict.disposition != DISPOSITION_MISS)
        serve_stored(request, query, cached, verdict.disposition);
    else if (cached && query->cache.only_cached)
        reply_not_cached(request, query->never_spends); /* the store has no newer result */
    else
        wait_for_engine(request, query);
}

static void parse_and_serve(struct request *request)
{
    struct emails_query query;

    if (!emails_query_parse(request, &query))
        return;
    const struct result *cached = cache_find(request_service(request)->cache, query.question->key);
    serve(request, &query, cached);
    result_unref(cached);
    question_free(query.question);
}

void emails_get(struct request *request)
{
    if (!serve_known(request))
        parse_and_serve(request);
}

void emails_head(struct request *request)
{
    parse_and_serve(request); /* never spends; see emails_query.c */
}
