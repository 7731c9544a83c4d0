/* SPDX-License-Identifier: MIT */
/* emails.c - GET and HEAD /emails: serves from the cache, else asks the engine and waits.
 *
 * There are three hit paths, tried in this order: the response cache (http/core/request.c), the key
 * known for the request's text (reply_known()), and the cache after parsing the query (serve()).
 *
 * A request that must wait is parked with a struct parked_lookup. On the engine thread, takes()
 * judges a stored result as serve() judges a cached one, and finish() copies the outcome and posts
 * a message. The request's worker then replies and frees. An expired result that may still be
 * served is served immediately and refreshed in the background. An older one is kept as a fallback
 * for an upstream failure. */
#include "http/endpoints/endpoints.h"

#include "base/mem.h"
#include "base/metrics.h"
#include "http/auth/client_keys.h"
#include "http/core/app.h"
#include "http/endpoints/emails_query.h"
#include "http/endpoints/result_reply.h"
#include "lookup/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_TEXT 64

/* A parked request. Owned by the engine from engine_lookup() to finish(), then by the worker. */
struct parked_lookup {
    struct lookup_request ask;
    struct message message;
    struct inbox *inbox; /* of the request's worker */
    struct request *request;
    struct freshness_limits freshness;
    struct emails_query wish; /* without its question, which is in `ask` */
    char domain[DOMAIN_MAX + 1];
    int64_t asked_wall_ms;      /* wall time */
    const char *forward;        /* why the stored result was not served (RFC 9211) */
    const struct result *stale; /* fallback if the upstream fails; NULL = none */
    bool refresh;               /* serve the stored result and refresh it */
    struct outcome outcome;
    char *detail; /* owned copy; the outcome's own is borrowed */
};

/* ---- log and metrics ---- */

static void note(struct request *request, enum metrics_outcome outcome, const char *word,
                 const char *lookup_id, enum charged charged)
{
    metrics_add(&metrics_mine()->cache_outcomes[outcome], 1);
    request_set_outcome(request, word, lookup_id, charged);
}

/* ---- hits ---- */

/* Rounds down to whole seconds, also for negative values. */
static long long whole_seconds(int64_t ms)
{
    return ms >= 0 ? ms / 1000 : -((-ms + 999) / 1000);
}

/* `refreshes`: the result has expired and this request starts its refresh. */
static void reply_stored(struct request *request, const struct result *result,
                         const struct emails_query *wish, bool refreshes)
{
    int64_t left_ms = freshness_left_ms(result, request_clock(request)->wall_ms);
    char cache_status[NOTE_TEXT];
    const struct answer_notes notes = {.cache_status = cache_status,
                                       .preference_applied = wish->applied};

    snprintf(cache_status, sizeof cache_status, "emailsd; hit; ttl=%lld", whole_seconds(left_ms));
    if (left_ms > 0)
        note(request, CACHE_HIT, "hit", NULL, CHARGED_NO);
    else
        note(request, refreshes ? CACHE_REFRESHING : CACHE_STALE, "stale", NULL, CHARGED_NO);
    answer_result(request, result, wish->format, &notes);
}

static void reply_hit(struct request *request, const struct result *result,
                      const struct emails_query *wish)
{
    reply_stored(request, result, wish, false);
}

/* Second of three hit paths, after the response cache (http/core/request.c): if this worker knows
 * the question key of the request's text and the cache holds a fresh result, replies without
 * parsing the query. Returns whether it replied. */
static bool reply_known(struct request *request)
{
    struct emails_query plain = {0};
    const unsigned char *key;

    if (!request_cached_key(request, &key, &plain.format))
        return false;
    const struct result *cached = cache_find(request_service(request)->cache, key);
    bool fresh =
        cached && !cached->err && freshness_left_ms(cached, request_clock(request)->wall_ms) > 0;
    if (fresh) {
        reply_hit(request, cached, &plain);
        request_cache_response(request, cached, plain.format);
    }
    result_unref(cached);
    return fresh;
}

/* Returns the account that pays. Its name is borrowed from the request. Not for a request that was
 * parked: a reload may have freed its client. */
static struct account_ref payer_of(struct request *request)
{
    const struct client *client = request_client(request);

    return (struct account_ref){request_account(request), client->quota, client->weight};
}

/* A background lookup without a waiting request. Owned by the engine until refreshed(). */
struct refresh {
    struct lookup_request ask;
    char *account;
    int64_t asked_wall_ms;
};

/* Engine thread. Only a result fetched after this refresh began saves the lookup. */
static bool refresh_takes(struct lookup_request *ask, const struct result *kept, int64_t wall_ms)
{
    (void)wall_ms;
    return kept->fetched_ms >= container_of(ask, struct refresh, ask)->asked_wall_ms;
}

/* Engine thread. */
static void refreshed(struct lookup_request *ask, const struct outcome *outcome)
{
    struct refresh *refresh = container_of(ask, struct refresh, ask);

    (void)outcome;
    question_free(ask->question);
    free(refresh->account);
    free(refresh);
}

/* Starts a background refresh. No client waits for it, and the lookup is never dropped. It counts
 * against the account of the client that is served the expired result. If that account has no quota
 * left, the next client starts a refresh a minute later. */
static void refresh_behind(struct request *request, struct question *question,
                           const struct account_ref *payer)
{
    struct refresh *refresh = xcalloc(1, sizeof *refresh);

    refresh->asked_wall_ms = request_clock(request)->wall_ms;
    refresh->account = xstrdup(payer->name);
    refresh->ask.question = question;
    refresh->ask.payer = (struct account_ref){refresh->account, payer->quota, payer->weight};
    refresh->ask.takes = refresh_takes;
    refresh->ask.done = refreshed;
    engine_lookup(request_service(request)->engine, &refresh->ask);
}

/* Of all clients served the same expired result, one starts its refresh. Takes ownership of
 * `question`. */
static void reply_expired(struct request *request, const struct result *result,
                          const struct emails_query *wish, struct question *question,
                          const struct account_ref *payer)
{
    bool refreshes =
        payer->quota != 0 && result_claim_refresh(result, request_clock(request)->now_ms);

    if (refreshes)
        refresh_behind(request, question, payer);
    else
        question_free(question);
    reply_stored(request, result, wish, refreshes);
}

/* ---- end of a wait ---- */

static void reply_progress(const struct parked_lookup *waiting, const struct answer_notes *notes)
{
    const struct outcome *outcome = &waiting->outcome;
    const struct progress progress = {outcome->lookup_id, waiting->domain, outcome->phase,
                                      outcome->elapsed_ms, outcome->expected_ms};
    struct answer_notes told = *notes;

    if (!*told.preference_applied && waiting->wish.async)
        told.preference_applied = "respond-async";
    answer_progress(waiting->request, &progress, outcome->retry_after_s, &told);
}

static void reply_failure(const struct parked_lookup *waiting, const struct answer_notes *notes)
{
    const struct outcome *outcome = &waiting->outcome;
    struct problem problem = problem_of(outcome->err, waiting->detail);

    problem.charged = outcome->charged;
    problem.retry_after_s = outcome->retry_after_s;
    answer_problem(waiting->request, &problem, notes);
}

static void reply_stale(const struct parked_lookup *waiting)
{
    int64_t left_ms = freshness_left_ms(waiting->stale, request_clock(waiting->request)->wall_ms);
    char cache_status[NOTE_TEXT];
    const struct answer_notes notes = {.cache_status = cache_status,
                                       .preference_applied = waiting->wish.applied};

    snprintf(cache_status, sizeof cache_status, "emailsd; fwd=stale; fwd-status=%d; ttl=%lld",
             err_row(waiting->outcome.err)->status, whole_seconds(left_ms));
    note(waiting->request, CACHE_STALE, "stale", waiting->outcome.lookup_id,
         waiting->outcome.charged);
    answer_result(waiting->request, waiting->stale, waiting->wish.format, &notes);
}

static void reply_forwarded(const struct parked_lookup *waiting)
{
    const struct outcome *outcome = &waiting->outcome;
    bool running = outcome->err == ERR_STILL_PROCESSING;
    bool goes_on = running || outcome->err == ERR_DRAINING;
    char cache_status[NOTE_TEXT];
    const struct answer_notes notes = {.cache_status = cache_status,
                                       .preference_applied = waiting->wish.applied,
                                       .lookup_id = goes_on ? outcome->lookup_id : NULL,
                                       .allowance = &outcome->allowance};

    snprintf(cache_status, sizeof cache_status, "emailsd; fwd=%s%s%s", waiting->forward,
             outcome->collapsed ? "; collapsed" : "", outcome->stored ? "; stored" : "");
    note(waiting->request, CACHE_MISS, outcome->collapsed ? "joined" : "looked-up",
         outcome->lookup_id,
         outcome->err         ? outcome->charged
         : outcome->collapsed ? CHARGED_NO
                              : CHARGED_YES);
    if (!outcome->err)
        answer_result(waiting->request, outcome->result, waiting->wish.format, &notes);
    else if (running && waiting->wish.async)
        reply_progress(waiting, &notes);
    else
        reply_failure(waiting, &notes);
}

static void reply_not_cached(struct request *request)
{
    const struct problem problem = problem_of(ERR_NOT_CACHED, NULL);
    const struct answer_notes notes = {.cache_status = "emailsd; fwd=uri-miss"};

    note(request, CACHE_REFUSED, "not-cached", NULL, CHARGED_NO);
    answer_problem(request, &problem, &notes);
}

static void reply_kept(struct parked_lookup *waiting)
{
    const struct result *kept = waiting->outcome.result;

    if (waiting->refresh)
        reply_expired(waiting->request, kept, &waiting->wish, TAKE(waiting->ask.question),
                      &waiting->ask.payer);
    else
        reply_hit(waiting->request, kept, &waiting->wish);
}

/* Worker thread. */
static void deliver(struct message *message)
{
    struct parked_lookup *waiting = container_of(message, struct parked_lookup, message);
    const struct outcome *outcome = &waiting->outcome;

    if (outcome->from_cache)
        reply_kept(waiting);
    else if (outcome->err == ERR_NOT_CACHED)
        reply_not_cached(waiting->request);
    else if (outcome->err && outcome->err != ERR_STILL_PROCESSING && waiting->stale)
        reply_stale(waiting);
    else
        reply_forwarded(waiting);
    question_free(waiting->ask.question);
    result_unref(outcome->result);
    result_unref(waiting->stale);
    free(waiting->detail);
    free(waiting);
}

/* ---- waiting ---- */

/* Engine thread. */
static void finish(struct lookup_request *ask, const struct outcome *outcome)
{
    struct parked_lookup *waiting = container_of(ask, struct parked_lookup, ask);

    waiting->outcome = *outcome;
    if (outcome->result)
        result_ref(outcome->result);
    if (outcome->detail)
        waiting->detail = xstrdup(outcome->detail);
    inbox_post(waiting->inbox, &waiting->message, deliver);
}

static void client_left(struct request *request)
{
    const struct parked_lookup *waiting = request_state(request);

    engine_abandon(request_service(request)->engine, waiting->ask.ticket);
}

static const char *forward_word(const struct result *kept, const struct emails_query *wish,
                                int64_t wall_ms)
{
    bool expired = freshness_left_ms(kept, wall_ms) <= 0;

    return wish->cache.no_cache || !expired ? "request" : "stale";
}

/* Records why a stored result is not served, and keeps it as a fallback if it may be one. */
static void note_refused(struct parked_lookup *waiting, const struct result *kept, int64_t wall_ms)
{
    waiting->forward = forward_word(kept, &waiting->wish, wall_ms);
    if (freshness_on_error(kept, &waiting->wish.cache, &waiting->freshness, wall_ms)) {
        result_unref(waiting->stale);
        waiting->stale = result_ref(kept);
    }
}

/* Engine thread. Returns whether the stored result `kept` satisfies the request. */
static bool takes(struct lookup_request *ask, const struct result *kept, int64_t wall_ms)
{
    struct parked_lookup *waiting = container_of(ask, struct parked_lookup, ask);
    const struct cache_directives *wish = &waiting->wish.cache;

    /* Fetched after this request arrived, so it satisfies no-cache. */
    if (wish->no_cache && kept->fetched_ms >= waiting->asked_wall_ms)
        return true;
    switch (freshness_judge(kept, wish, &waiting->freshness, wall_ms)) {
    case SERVE_REFRESH:
        waiting->refresh = true;
        return true;
    case SERVE_FRESH:
    case SERVE_STALE:
        return true;
    case SERVE_ASK:
    case SERVE_NOTHING:
        break;
    }
    note_refused(waiting, kept, wall_ms);
    return false;
}

/* `cached` was found but does not satisfy the request; may be NULL. */
static void wait_for_engine(struct request *request, struct emails_query *wish,
                            const struct result *cached)
{
    const struct service *service = request_service(request);
    struct parked_lookup *waiting = xcalloc(1, sizeof *waiting);
    struct question *question = TAKE(wish->question);

    waiting->inbox = request_inbox(request);
    waiting->request = request;
    waiting->freshness = request_limits(request)->freshness;
    waiting->wish = *wish;
    waiting->asked_wall_ms = request_clock(request)->wall_ms;
    waiting->forward = "uri-miss";
    if (cached)
        note_refused(waiting, cached, waiting->asked_wall_ms);
    memcpy(waiting->domain, question->domain.name, sizeof waiting->domain);
    waiting->ask = (struct lookup_request){.question = question,
                                           .wait_ms = wish->wait_ms,
                                           .payer = payer_of(request),
                                           .only_kept = wish->cache.only_cached,
                                           .no_store = wish->cache.no_store,
                                           .takes = takes,
                                           .done = finish};
    /* Park before posting: the result may arrive before this function returns. */
    request_park(request, client_left, waiting);
    engine_lookup(service->engine, &waiting->ask);
}

/* ---- the endpoints ---- */

/* Returns whether a fresh result is sufficient for this request, without other conditions. */
static bool is_plain(const struct emails_query *wish)
{
    return wish->cache.max_age_s < 0 && !*wish->applied;
}

/* Third of three hit paths, after parsing: judges the cached result (NULL = none) by the request's
 * directives. If it is fresh and the request is plain, the response cache serves the next one. */
static void serve(struct request *request, struct emails_query *wish, const struct result *cached)
{
    int64_t wall_ms = request_clock(request)->wall_ms;
    struct account_ref payer;

    switch (freshness_judge(cached, &wish->cache, &request_limits(request)->freshness, wall_ms)) {
    case SERVE_FRESH:
        reply_hit(request, cached, wish);
        if (is_plain(wish) && !cached->err)
            request_cache_response(request, cached, wish->format);
        break;
    case SERVE_STALE:
        reply_hit(request, cached, wish);
        break;
    case SERVE_REFRESH:
        payer = payer_of(request);
        reply_expired(request, cached, wish, TAKE(wish->question), &payer);
        break;
    case SERVE_ASK:
        wait_for_engine(request, wish, cached);
        break;
    case SERVE_NOTHING:
        if (cached)
            reply_not_cached(request); /* the store has no newer result */
        else
            wait_for_engine(request, wish, NULL);
        break;
    }
}

static void get(struct request *request, bool only_cached)
{
    struct emails_query wish;

    if (!emails_query_parse(request, &wish))
        return;
    wish.cache.only_cached = wish.cache.only_cached || only_cached;
    const struct result *cached = cache_find(request_service(request)->cache, wish.question->key);
    serve(request, &wish, cached);
    result_unref(cached);
    question_free(wish.question);
}

void emails_get(struct request *request)
{
    if (!reply_known(request))
        get(request, false);
}

void emails_head(struct request *request)
{
    get(request, true); /* HEAD never spends */
}
