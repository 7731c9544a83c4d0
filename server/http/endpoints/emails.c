/* SPDX-License-Identifier: MIT */
/* emails.c - GET and HEAD /emails: serves from the cache, else asks the engine and waits.
 *
 * core/request_handler.c has already tried the response cache. Three paths are left, and hits of
 * all three end in emails_reply_stored(): the key known for the request's text (serve_known()), the
 * cache after parsing the query (serve()), and a result that the engine found.
 *
 * A request that must wait is parked: here, or in lookup_events.c if it asks for a stream. The
 * engine judges a stored result as serve() judges a cached one, and sends its outcome back to the
 * request's worker. If the engine hangs, the worker ends the wait itself, with answer_late(). */
#include "http/endpoints/endpoints.h"

#include "base/mem.h"
#include "http/core/app.h"
#include "http/endpoints/emails_query.h"
#include "http/endpoints/emails_reply.h"
#include "http/endpoints/lookup_events.h"
#include "http/endpoints/lookup_wait.h"
#include "http/endpoints/result_reply.h"

#include <stdlib.h>

/* ---- waiting ---- */

struct parked_lookup {
    struct lookup_wait wait;
    struct request *request; /* NULL = answer_late() has replied */
    struct worker *worker;   /* then, until the outcome arrives */
};

static void reply_outcome(struct lookup_wait *wait)
{
    struct parked_lookup *parked = container_of(wait, struct parked_lookup, wait);

    if (parked->request)
        emails_reply_outcome(parked->request, &wait->query, &wait->outcome);
    else
        request_release_worker(parked->worker);
    lookup_wait_done(wait);
    free(parked);
}

static void client_left(struct request *request)
{
    const struct parked_lookup *parked = request_state(request);

    lookup_wait_abandon(&parked->wait);
}

/* Replies at the request's deadline, because the engine does not. */
static void answer_late(struct request *request)
{
    struct parked_lookup *parked = request_state(request);

    parked->worker = request_hold_worker(request);
    if (!parked->worker)
        return;
    parked->request = NULL;
    emails_reply_late(request, &parked->wait.query);
}

static void wait_for_engine(struct request *request, struct emails_query *query)
{
    struct parked_lookup *parked = xcalloc(1, sizeof *parked);

    parked->request = request;
    request_park(request, client_left, parked);
    request_set_deadline(request, lookup_wait_late_ms(request, query), answer_late);
    lookup_wait_start(&parked->wait, request, query, reply_outcome);
}

/* ---- the endpoints ---- */

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
    enum result_format format;
    const unsigned char *key;

    if (!request_cached_key(request, &key, &format))
        return false;
    query.format = (enum format)format;
    const struct result *cached = cache_find(request_service(request)->cache, key);
    bool is_fresh = judge(request, &query, cached).disposition == DISPOSITION_FRESH;
    if (is_fresh)
        emails_reply_stored(request, &query, cached, DISPOSITION_FRESH);
    result_unref(cached);
    return is_fresh;
}

static void serve(struct request *request, struct emails_query *query, const struct result *cached)
{
    struct freshness verdict = judge(request, query, cached);

    if (verdict.disposition != DISPOSITION_MISS)
        emails_reply_stored(request, query, cached, verdict.disposition);
    else if (cached && query->cache.only_cached)
        emails_reply_not_cached(request, query); /* the store has no newer result */
    else if (format_is_stream(query->format))
        lookup_events_of_question(request, query);
    else
        wait_for_engine(request, query);
}

static void parse_and_serve(struct request *request)
{
    struct emails_query query;

    if (!emails_query_parse(request, &query))
        return;
    if (!answer_received(request, query.format)) {
        const struct result *cached =
            cache_find(request_service(request)->cache, query.question->key);
        serve(request, &query, cached);
        result_unref(cached);
    }
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
