/* SPDX-License-Identifier: MIT */
/* service.c - see service.h. The steps: service_call() meets a fault and sleeps, act() handles,
 * finish() bends what came of it. */
#include "tests/simulator/service.h"

#include "base/mem.h"
#include "tests/simulator/answers.h"
#include "tests/simulator/strike.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static char *header_copy(const struct call *call, const char *name)
{
    const char *value = call_header(call, name);

    return value ? xstrdup(value) : NULL;
}

/* The index of the key, KEYS_MAX when it is none of ours. */
static size_t find_key(const struct sim *sim, const char *key)
{
    for (size_t i = 0; key && i < sim->n_keys; i++)
        if (strcmp(sim->keys[i], key) == 0)
            return i;
    return KEYS_MAX;
}

static const char *bearer_key(const struct call *call)
{
    const char *value = call_header(call, "Authorization");

    return value && strncasecmp(value, "Bearer ", 7) == 0 ? value + 7 : NULL;
}

static void authorize(struct call *call)
{
    size_t key = find_key(call->sim, call_header(call, "X-API-Key"));

    if (key == KEYS_MAX)
        key = find_key(call->sim, bearer_key(call));
    call->authorized = key < KEYS_MAX;
    call->key = key;
}

void service_headers(struct call *call, const char *version, uint64_t connection)
{
    struct record *record = calls_record(call->sim->calls);

    answers_route(call);
    authorize(call);
    call->record = record->n;
    record->wall_ms = call->sim->loop.clock.wall_ms;
    record->kind = call->kind;
    record->connection = connection;
    record->method = xstrdup(call->method);
    record->path = xstrdup(call->uri);
    record->version = xstrdup(version);
    record->host = header_copy(call, "Host");
    record->user_agent = header_copy(call, "User-Agent");
    record->connection_header = header_copy(call, "Connection");
    record->content_type = header_copy(call, "Content-Type");
    record->accept = header_copy(call, "Accept");
    record->accept_encoding = header_copy(call, "Accept-Encoding");
    record->expect = header_copy(call, "Expect");
    record->x_api_key = call_header(call, "X-API-Key") != NULL;
    record->bearer = bearer_key(call) != NULL;
    record->authorized = call->authorized;
}

static void finish(struct call *call)
{
    bool struck = call->fault && strike(call->fault, &call->reply, &call->script);

    call->state = struck ? CALL_STRUCK : CALL_READY;
}

static void act(struct call *call)
{
    const struct fault *fault = call->fault;

    if (fault && call->kind == CALL_SUBMIT && !fault->after_creating)
        reply_detail(&call->reply, 500, "internal failure");
    else
        answers_write(call);
    if (fault && fault->kind == FAULT_DELAY)
        call_sleep(call, call->sim->loop.clock.now_ms + fault->ms, finish);
    else
        finish(call);
}

static int64_t due_ms(const struct call *call)
{
    const struct behaviour *behaviour = &call->sim->behaviour;

    if (call->kind != CALL_SUBMIT || (call->fault && !call->fault->after_delay))
        return call->arrived_ms;
    if (!call->authorized && !behaviour->auth_delay)
        return call->arrived_ms;
    return call->arrived_ms + behaviour->submit_delay_ms;
}

void service_call(struct call *call)
{
    struct calls *calls = call->sim->calls;
    struct record *record = calls_find(calls, call->record);

    if (record) {
        record->complete = true;
        record->body_length = call->body.len;
    }
    calls->by_kind[call->kind]++;
    calls->unauthorized += !call->authorized;
    call->arrived_ms = call->sim->loop.clock.now_ms;
    call->fault = faults_meet(&call->sim->faults, call->kind);
    call_sleep(call, due_ms(call), act);
}

void service_retime(struct sim *sim)
{
    for (struct call *call = sim->asleep; call; call = call->next)
        if (call->next_step == act)
            call_resleep(call, due_ms(call));
}
