/* SPDX-License-Identifier: MIT */
/* emails.c - GET and HEAD /emails: parse everything, look into the cache, else ask the engine.
 *
 * Errors of the caller are answered before anything can cost. A question that must wait lives in a
 * struct waiting: the engine ends it on its own thread, where the outcome is copied and a letter
 * posted to the request's worker; the worker answers and frees. The body of an answer is the same
 * for everybody; what belongs to one request is in its headers. */
#include "http/emails.h"

#include "base/mem.h"
#include "http/negotiate.h"
#include "http/parameters.h"
#include "http/problem.h"
#include "http/service.h"
#include "lookup/engine.h"
#include "lookup/question.h"

#include <stdio.h>
#include <stdlib.h>

/* What a request asks for, parsed. */
struct wish {
    struct question *question;
    enum result_format format;
    int64_t wait_ms;
    bool clamped; /* the caller asked for a longer wait than is allowed */
};

/* A parked request. The engine's from engine_ask() to finish(), then the worker's. */
struct waiting {
    struct ask ask;
    struct letter letter;
    struct mailbox *inbox; /* of the request's worker */
    struct request *request;
    struct wish wish; /* its question went with the ask */
    struct outcome outcome;
    char *detail; /* a copy; the outcome's own is borrowed */
};

/* ---- from the request to a wish ---- */

static void set_wait(const struct service *service, const struct parameters *parameters,
                     struct wish *wish)
{
    wish->wait_ms = parameters->has_wait ? parameters->wait_ms : service->wait_ms;
    if (wish->wait_ms > service->max_wait_ms) {
        wish->wait_ms = service->max_wait_ms;
        wish->clamped = true;
    }
}

/* False when the request has been answered with what is wrong with it. */
static bool parse(struct request *request, struct wish *ret_wish)
{
    struct parameters parameters;
    struct wish wish = {0};
    char why[PARAMETERS_WHY] = "";
    _Static_assert(PARAMETERS_WHY >= QUESTION_WHY, "one buffer serves both");

    enum err err = parameters_read(request, &parameters, why);
    if (!err)
        err = negotiate_format(request_header(request, "Accept"), &wish.format);
    if (!err)
        err = question_new(parameters.fields, &wish.question, why);
    if (err) {
        problem_send(request, err, *why ? why : NULL);
        return false;
    }
    set_wait(request_service(request), &parameters, &wish);
    *ret_wish = wish;
    return true;
}

/* ---- from a result to an answer ---- */

static int64_t seconds(int64_t ms)
{
    return ms > 0 ? ms / 1000 : 0;
}

static void add_clamped(struct reply *reply, const struct wish *wish)
{
    if (wish->clamped)
        reply_header(reply, "Preference-Applied", "wait=%lld", (long long)(wish->wait_ms / 1000));
}

static void reply_answer(struct request *request, const struct result *result,
                         const struct wish *wish, const char *cache_status)
{
    int64_t now = request_clock(request)->wall_ms;
    const struct result_body *body = &result->bodies[wish->format];
    bool has_it = negotiate_matches(request_header(request, "If-None-Match"), body->etag);
    struct reply reply;

    reply_init(&reply, has_it ? 304 : 200);
    if (!has_it) {
        reply_header(&reply, "Content-Type", "%s", negotiate_content_type(wish->format));
        reply_body_of(&reply, result, wish->format);
    }
    reply_header(&reply, "ETag", "%s", body->etag);
    reply_header(&reply, "Cache-Control", "private, max-age=%lld",
                 (long long)seconds(result->expires_ms - now));
    reply_header(&reply, "Age", "%lld", (long long)seconds(now - result->fetched_ms));
    reply_header(&reply, "Cache-Status", "%s", cache_status);
    reply_header(&reply, "Vary", "Accept, Prefer");
    add_clamped(&reply, wish);
    request_reply(request, &reply);
}

static void reply_problem(struct request *request, const struct problem *problem,
                          const struct wish *wish, const char *cache_status)
{
    struct reply reply;

    problem_reply(request, problem, &reply);
    reply_header(&reply, "Cache-Status", "%s", cache_status);
    add_clamped(&reply, wish);
    request_reply(request, &reply);
}

static void reply_hit(struct request *request, const struct result *result, const struct wish *wish)
{
    int64_t left_s = seconds(result->expires_ms - request_clock(request)->wall_ms);
    char cache_status[64];

    snprintf(cache_status, sizeof cache_status, "emailsd; hit; ttl=%lld", (long long)left_s);
    if (!result->err) {
        reply_answer(request, result, wish, cache_status);
        return;
    }
    struct problem problem = problem_of(result->err, result->detail);
    problem.charged = result->charged;
    problem.retry_after_s = (int)left_s + 1;
    reply_problem(request, &problem, wish, cache_status);
}

/* A fresh result, with a reference for the caller, or NULL. */
static const struct result *find_fresh(const struct request *request, const struct wish *wish)
{
    const struct result *result = cache_find(request_service(request)->cache, wish->question->key);

    if (result && request_clock(request)->wall_ms < result->expires_ms)
        return result;
    result_unref(result);
    return NULL;
}

/* ---- waiting ---- */

static void reply_outcome(struct waiting *waiting)
{
    const struct outcome *outcome = &waiting->outcome;
    struct request *request = waiting->request;
    char cache_status[64];

    if (outcome->from_cache) {
        reply_hit(request, outcome->result, &waiting->wish);
        return;
    }
    snprintf(cache_status, sizeof cache_status, "emailsd; fwd=uri-miss%s%s",
             outcome->collapsed ? "; collapsed" : "", outcome->result ? "; stored" : "");
    if (!outcome->err) {
        reply_answer(request, outcome->result, &waiting->wish, cache_status);
        return;
    }
    struct problem problem = problem_of(outcome->err, waiting->detail);
    problem.charged = outcome->charged;
    problem.retry_after_s = outcome->retry_after_s;
    reply_problem(request, &problem, &waiting->wish, cache_status);
}

/* Worker thread. */
static void deliver(struct letter *letter)
{
    struct waiting *waiting = container_of(letter, struct waiting, letter);

    reply_outcome(waiting);
    result_unref(waiting->outcome.result);
    free(waiting->detail);
    free(waiting);
}

/* Engine thread. */
static void finish(struct ask *ask, const struct outcome *outcome)
{
    struct waiting *waiting = container_of(ask, struct waiting, ask);

    waiting->outcome = *outcome;
    if (outcome->result)
        result_ref(outcome->result);
    if (outcome->detail)
        waiting->detail = xstrdup(outcome->detail);
    mailbox_post(waiting->inbox, &waiting->letter, deliver);
}

static void client_left(struct request *request)
{
    const struct waiting *waiting = request_state(request);

    engine_leave(request_service(request)->engine, waiting->ask.number);
}

static void wait_for_lookup(struct request *request, struct wish *wish)
{
    struct waiting *waiting = xcalloc(1, sizeof *waiting);
    struct question *question = TAKE(wish->question);

    waiting->inbox = request_inbox(request);
    waiting->request = request;
    waiting->wish = *wish;
    waiting->ask = (struct ask){.question = question, .wait_ms = wish->wait_ms, .done = finish};
    request_park(request, client_left, waiting); /* first: the end may come before we return */
    engine_ask(request_service(request)->engine, &waiting->ask);
}

/* ---- the endpoints ---- */

void emails_get(struct request *request)
{
    struct wish wish;

    if (!parse(request, &wish))
        return;
    const struct result *result = find_fresh(request, &wish);
    if (result)
        reply_hit(request, result, &wish);
    else
        wait_for_lookup(request, &wish);
    result_unref(result);
    question_free(wish.question);
}

void emails_head(struct request *request)
{
    struct wish wish;

    if (!parse(request, &wish))
        return;
    const struct result *result = find_fresh(request, &wish);
    if (result) {
        reply_hit(request, result, &wish);
    } else {
        struct problem problem = problem_of(ERR_NOT_CACHED, NULL);
        reply_problem(request, &problem, &wish, "emailsd; fwd=uri-miss");
    }
    result_unref(result);
    question_free(wish.question);
}
