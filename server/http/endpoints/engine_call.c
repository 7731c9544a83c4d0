/* SPDX-License-Identifier: MIT */
/* engine_call.c - see engine_call.h. */
#include "http/endpoints/engine_call.h"

#include "base/mem.h"
#include "http/core/app.h"

#include <stdlib.h>

struct parked_call {
    struct request *request;
    engine_call_reply_fn *reply;
};

static void call_returned(struct engine_call *call)
{
    autofree struct parked_call *parked = call->arg;

    parked->reply(parked->request, call);
    free(call);
}

/* The call returns soon, so there is nothing to cancel. */
static void client_left(struct request *request)
{
    (void)request;
}

void engine_call_send(struct request *request, struct engine_call *call,
                      engine_call_reply_fn *reply)
{
    struct parked_call *parked = xcalloc(1, sizeof *parked);

    *parked = (struct parked_call){request, reply};
    call->reply_to = request_inbox(request);
    call->done = call_returned;
    call->arg = parked;
    request_park(request, client_left, parked);
    engine_post(request_service(request)->engine, call);
}
