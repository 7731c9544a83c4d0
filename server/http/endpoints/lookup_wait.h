/* SPDX-License-Identifier: MIT */
/* lookup_wait.h - sends a question to the engine and brings the outcome back to the worker.
 *
 * Embedded in what waits: a parked request (emails.c) or a stream (lookup_events.c). The engine
 * owns it from lookup_wait_start() until `ended` runs. That can be after its request has ended, so
 * the owner then holds the worker (request_hold_worker()). */
#ifndef HTTP_ENDPOINTS_LOOKUP_WAIT_H
#define HTTP_ENDPOINTS_LOOKUP_WAIT_H

#include "http/core/request.h"
#include "http/endpoints/emails_query.h"
#include "lookup/engine.h"

struct lookup_wait;

/* Worker thread, exactly once. */
typedef void lookup_wait_ended_fn(struct lookup_wait *wait);

struct lookup_wait {
    struct emails_query query; /* owns the question */
    struct outcome outcome;    /* for `ended`, with its own references and text */
    /* Private: */
    struct lookup_request lookup;
    struct message message;
    struct inbox *inbox;                /* of the request's worker */
    char account[ACCOUNT_NAME_MAX + 1]; /* copied: the request may end before */
    lookup_wait_ended_fn *ended;
};

/* Worker thread of a request that is parked already, because the outcome may arrive before this
 * returns. Takes the question out of `query`. `wait` is zeroed. */
void lookup_wait_start(struct lookup_wait *wait, struct request *request,
                       struct emails_query *query, lookup_wait_ended_fn *ended);

/* Any time after lookup_wait_start(): the client has gone. */
void lookup_wait_abandon(const struct lookup_wait *wait);

/* Returns when the wait is over for certain, on the worker's clock: if there is no outcome then,
 * the engine hangs. It will handle the question when it continues, and start its lookup. */
int64_t lookup_wait_late_ms(const struct request *request, const struct emails_query *query);

/* In or after `ended`: frees the question and the outcome. No-op if `wait` was never started. */
void lookup_wait_done(struct lookup_wait *wait);

#endif
