/* SPDX-License-Identifier: MIT */
/* lookup_wait.c - see lookup_wait.h. */
#include "http/endpoints/lookup_wait.h"

#include "base/mem.h"
#include "http/core/app.h"
#include "http/endpoints/engine_call.h"

#include <stdio.h>
#include <stdlib.h>

static void deliver(struct message *message)
{
    struct lookup_wait *wait = container_of(message, struct lookup_wait, message);

    wait->ended(wait);
}

/* Engine thread: copies the outcome and posts it back. */
static void finish(struct lookup_request *lookup, const struct outcome *outcome)
{
    struct lookup_wait *wait = container_of(lookup, struct lookup_wait, lookup);

    wait->outcome = *outcome;
    if (outcome->result)
        result_ref(outcome->result);
    if (outcome->fallback)
        result_ref(outcome->fallback);
    if (outcome->detail)
        wait->outcome.detail = xstrdup(outcome->detail);
    inbox_post(wait->inbox, &wait->message, deliver);
}

void lookup_wait_start(struct lookup_wait *wait, struct request *request,
                       struct emails_query *query, lookup_wait_ended_fn *ended)
{
    const struct clock *clock = request_clock(request);

    wait->inbox = request_inbox(request);
    wait->ended = ended;
    wait->query = *query;
    query->question = NULL;
    snprintf(wait->account, sizeof wait->account, "%s", query->account.name);
    wait->query.account.name = wait->account;
    wait->lookup = (struct lookup_request){.question = wait->query.question,
                                           .account = wait->query.account,
                                           .wait_until_ms =
                                               query->wait_ms ? clock->now_ms + query->wait_ms : 0,
                                           .max_waiters = query->max_waiters,
                                           .directives = query->cache,
                                           .limits = request_limits(request)->freshness,
                                           .asked_wall_ms = clock->wall_ms,
                                           .done = finish};
    engine_lookup(request_service(request)->engine, &wait->lookup);
}

void lookup_wait_abandon(const struct lookup_wait *wait)
{
    engine_abandon(wait->lookup.engine, wait->lookup.ticket);
}

int64_t lookup_wait_late_ms(const struct request *request, const struct emails_query *query)
{
    return request_clock(request)->now_ms + query->wait_ms + ENGINE_LATE_MS;
}

void lookup_wait_done(struct lookup_wait *wait)
{
    question_free(wait->query.question);
    result_unref(wait->outcome.result);
    result_unref(wait->outcome.fallback);
    free((char *)(uintptr_t)wait->outcome.detail);
}
