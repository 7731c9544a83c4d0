/* SPDX-License-Identifier: MIT */
/* engine_call.c - see engine_call.h. */
#include "http/endpoints/engine_call.h"

#include "base/mem.h"
#include "http/core/app.h"
#include "http/core/problem.h"

#include <stdlib.h>

struct parked_call {
    struct request *request; /* NULL = answer_late() has replied */
    struct worker *worker;   /* held then, until the call returns */
    struct engine_call *call;
    engine_call_reply_fn *reply, *late;
    engine_call_release_fn *release; /* NULL = none */
};

static void call_returned(struct engine_call *call)
{
    autofree struct parked_call *parked = call->arg;

    if (parked->request)
        parked->reply(parked->request, call);
    else
        request_release_worker(parked->worker);
    if (parked->release)
        parked->release(call);
    free(call);
}

/* The call returns soon, so there is nothing to cancel. */
static void client_left(struct request *request)
{
    (void)request;
}

void engine_call_reply_late(struct request *request)
{
    struct problem problem =
        problem_of(ERR_OVERLOADED, "the server is slow at the moment; repeat the request");
    struct reply reply;

    problem.retry_after_s = ENGINE_LATE_RETRY_S;
    problem_reply(request, &problem, &reply);
    request_reply(request, &reply);
}

static void answer_late(struct request *request)
{
    struct parked_call *parked = request_state(request);

    parked->worker = request_hold_worker(request);
    if (!parked->worker)
        return;
    parked->request = NULL;
    parked->late(request, parked->call);
}

static void reply_late(struct request *request, struct engine_call *call)
{
    (void)call;
    engine_call_reply_late(request);
}

void engine_call_send(struct request *request, struct engine_call *call,
                      engine_call_reply_fn *reply, engine_call_release_fn *release)
{
    engine_call_send_or(request, call, reply, reply_late, release);
}

void engine_call_send_or(struct request *request, struct engine_call *call,
                         engine_call_reply_fn *reply, engine_call_reply_fn *late,
                         engine_call_release_fn *release)
{
    struct parked_call *parked = xcalloc(1, sizeof *parked);

    *parked = (struct parked_call){request, NULL, call, reply, late, release};
    call->reply_to = request_inbox(request);
    call->done = call_returned;
    call->arg = parked;
    request_park(request, client_left, parked);
    request_set_deadline(request, request_clock(request)->now_ms + ENGINE_CALL_MS + ENGINE_LATE_MS,
                         answer_late);
    engine_post(request_service(request)->engine, call);
}
