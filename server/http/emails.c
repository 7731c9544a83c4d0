/* SPDX-License-Identifier: MIT */
/* emails.c - GET and HEAD /emails: parse everything, look into the cache, else ask the engine.
 *
 * Errors of the caller are answered before anything can cost. A question that must wait lives in a
 * struct waiting: the engine ends it on its own thread, where the outcome is copied and a letter
 * posted to the request's worker; the worker answers and frees. The body of an answer is the same
 * for everybody; what belongs to one request is in its headers. */
#include "http/emails.h"

#include "base/mem.h"
#include "http/answer.h"
#include "http/negotiate.h"
#include "http/parameters.h"
#include "http/prefer.h"
#include "http/service.h"
#include "lookup/engine.h"
#include "lookup/question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_TEXT 64

/* What a request asks for, parsed. */
struct wish {
    struct question *question;
    enum result_format format;
    int64_t wait_ms;
    bool async;              /* 202 instead of 504 when the wait is over */
    char applied[NOTE_TEXT]; /* Preference-Applied */
};

/* A parked request. The engine's from engine_ask() to finish(), then the worker's. */
struct waiting {
    struct ask ask;
    struct letter letter;
    struct mailbox *inbox; /* of the request's worker */
    struct request *request;
    struct wish wish; /* its question went with the ask */
    char domain[DOMAIN_MAX + 1];
    struct outcome outcome;
    char *detail; /* a copy; the outcome's own is borrowed */
};

/* ---- from the request to a wish ---- */

static void note_applied(struct wish *wish, bool async, bool wait)
{
    snprintf(wish->applied, sizeof wish->applied, "%s%s", async ? "respond-async" : "",
             async && wait ? ", " : "");
    size_t len = strlen(wish->applied);
    if (wait)
        snprintf(wish->applied + len, sizeof wish->applied - len, "wait=%lld",
                 (long long)(wish->wait_ms / 1000));
}

/* The parameter wins over the header. Asynchronous without a wait does not hold at all. A wait past
 * the maximum is cut, and the caller is told. */
static void set_wait(const struct request *request, const struct parameters *parameters,
                     struct wish *wish)
{
    const struct service *service = request_service(request);
    struct prefer prefer = prefer_read(request_header(request, "Prefer"));
    bool prefers_wait = prefer.has_wait && !parameters->has_wait;
    bool prefers_async = prefer.respond_async && !parameters->async;

    wish->async = parameters->async || prefer.respond_async;
    wish->wait_ms = parameters->has_wait ? parameters->wait_ms
                    : prefer.has_wait    ? prefer.wait_s * 1000
                    : wish->async        ? 0
                                         : service->wait_ms;
    bool cut = wish->wait_ms > service->max_wait_ms;
    if (cut)
        wish->wait_ms = service->max_wait_ms;
    note_applied(wish, prefers_async, prefers_wait || cut);
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
    set_wait(request, &parameters, &wish);
    *ret_wish = wish;
    return true;
}

/* ---- hits ---- */

static void reply_hit(struct request *request, const struct result *result, const struct wish *wish)
{
    int64_t left_ms = result->expires_ms - request_clock(request)->wall_ms;
    char cache_status[NOTE_TEXT];
    const struct answer_notes notes = {.cache_status = cache_status,
                                       .preference_applied = wish->applied};

    snprintf(cache_status, sizeof cache_status, "emailsd; hit; ttl=%lld",
             (long long)(left_ms / 1000));
    answer_result(request, result, wish->format, &notes);
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

static void reply_progress(const struct waiting *waiting, const struct answer_notes *notes)
{
    const struct outcome *outcome = &waiting->outcome;
    const struct progress progress = {outcome->lookup_id, waiting->domain, outcome->phase,
                                      outcome->elapsed_ms, outcome->expected_ms};
    struct answer_notes told = *notes;

    if (!*told.preference_applied && waiting->wish.async)
        told.preference_applied = "respond-async";
    answer_progress(waiting->request, &progress, outcome->retry_after_s, &told);
}

static void reply_failure(const struct waiting *waiting, const struct answer_notes *notes)
{
    const struct outcome *outcome = &waiting->outcome;
    struct problem problem = problem_of(outcome->err, waiting->detail);

    problem.charged = outcome->charged;
    problem.retry_after_s = outcome->retry_after_s;
    answer_problem(waiting->request, &problem, notes);
}

static void reply_outcome(const struct waiting *waiting)
{
    const struct outcome *outcome = &waiting->outcome;
    char cache_status[NOTE_TEXT];
    const struct answer_notes notes = {
        .cache_status = cache_status,
        .preference_applied = waiting->wish.applied,
        .lookup_id = outcome->err == ERR_STILL_PROCESSING ? outcome->lookup_id : NULL};

    snprintf(cache_status, sizeof cache_status, "emailsd; fwd=uri-miss%s%s",
             outcome->collapsed ? "; collapsed" : "", outcome->stored ? "; stored" : "");
    if (outcome->from_cache)
        reply_hit(waiting->request, outcome->result, &waiting->wish);
    else if (!outcome->err)
        answer_result(waiting->request, outcome->result, waiting->wish.format, &notes);
    else if (outcome->err == ERR_STILL_PROCESSING && waiting->wish.async)
        reply_progress(waiting, &notes);
    else
        reply_failure(waiting, &notes);
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
    memcpy(waiting->domain, question->domain.name, sizeof waiting->domain);
    waiting->ask = (struct ask){.question = question,
                                .wait_ms = wish->wait_ms,
                                .client = request_peer(request),
                                .done = finish};
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
        const struct problem problem = problem_of(ERR_NOT_CACHED, NULL);
        const struct answer_notes notes = {.cache_status = "emailsd; fwd=uri-miss"};
        answer_problem(request, &problem, &notes);
    }
    result_unref(result);
    question_free(wish.question);
}
