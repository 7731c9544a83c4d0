/* SPDX-License-Identifier: MIT */
/* lookups.c - GET /lookups/{id}. Only the engine knows its lookups, so the request is parked until
 * the engine has replied. */
#include "http/endpoints/endpoints.h"

#include "base/mem.h"
#include "http/core/app.h"
#include "http/endpoints/result_reply.h"
#include "http/protocol/negotiate.h"
#include "lookup/engine.h"

#include <stdlib.h>
#include <string.h>

/* Owned by the engine from engine_inquire() to copy_state(), then by the worker. */
struct watching {
    struct inquiry inquiry;
    struct message message;
    struct inbox *inbox;
    struct request *request;
    enum result_format format;
    bool found;
    struct lookup_state state; /* with its own reference to the result */
};

/* Worker thread. */
static void deliver(struct message *message)
{
    struct watching *watching = container_of(message, struct watching, message);
    const struct lookup_state *state = &watching->state;
    const struct answer_notes notes = {0};

    if (!watching->found) {
        problem_send(watching->request, ERR_NOT_FOUND, "unknown or expired lookup id");
    } else if (state->result) {
        answer_result(watching->request, state->result, watching->format, &notes);
    } else {
        const struct progress progress = {watching->inquiry.id, state->domain, state->phase,
                                          state->elapsed_ms, state->expected_ms};
        answer_progress(watching->request, &progress, state->retry_after_s, &notes);
    }
    result_unref(state->result);
    free(watching);
}

/* Engine thread. `state` NULL = no such lookup. */
static void copy_state(struct inquiry *inquiry, const struct lookup_state *state)
{
    struct watching *watching = container_of(inquiry, struct watching, inquiry);

    if (state) {
        watching->found = true;
        watching->state = *state;
        if (state->result)
            result_ref(state->result);
    }
    inbox_post(watching->inbox, &watching->message, deliver);
}

/* The engine replies within one iteration, so there is nothing to cancel. */
static void client_left(struct request *request)
{
    (void)request;
}

void lookups_get(struct request *request)
{
    const char *id = request_path_tail(request);
    enum result_format format;

    if (strlen(id) != ID_LEN) {
        problem_send(request, ERR_NOT_FOUND, "unknown or expired lookup id");
        return;
    }
    if (negotiate_format(request_header(request, "Accept"), &format)) {
        problem_send(request, ERR_NOT_ACCEPTABLE, NULL);
        return;
    }
    struct watching *watching = xcalloc(1, sizeof *watching);
    memcpy(watching->inquiry.id, id, ID_TEXT);
    watching->inquiry.done = copy_state;
    watching->inbox = request_inbox(request);
    watching->request = request;
    watching->format = format;
    request_park(request, client_left, watching);
    engine_inquire(request_service(request)->engine, &watching->inquiry);
}
