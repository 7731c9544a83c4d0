/* SPDX-License-Identifier: MIT */
/* list_request.h - a request about a list, without a server and without an engine.
 *
 * Implements the functions of request.h, stream.h and engine.h that the endpoints of lists call,
 * and remembers what they did. The test plays the engine: it fills the call that was posted last
 * and returns it. It is a header because all .c files here are linked into every test program. */
#ifndef UNIT_LIST_REQUEST_H
#define UNIT_LIST_REQUEST_H

#include "base/mem.h"
#include "http/auth/client_keys.h"
#include "http/core/app.h"
#include "http/core/problem.h"
#include "http/core/stream.h"
#include "lookup/lists/bulk.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct request {
    const char *type, *body;
    const char *prefer, *accept, *last_event_id; /* NULL = no such header */
    const char *argument, *value;                /* one argument of the query; NULL = none */
};

struct stream {
    struct buf body;
    size_t unsent;
    bool is_ended, is_aborted;
    stream_late_fn *late;
    int64_t late_ms;
};

static struct {
    struct request request;
    struct inbox *inbox;
    struct clock clock;
    struct limits limits;
    struct client client;
    struct service service;
    /* What the endpoint did: */
    bool is_parked, has_dropped_body;
    request_abandoned_fn *abandoned;
    request_late_fn *late;
    int64_t late_ms;
    void *state;
    int status;       /* of the reply; 0 = none yet */
    struct buf reply; /* its body */
    int n_held, n_reserved;
    bool has_started_lookup, has_no_slot;
    struct stream stream;
    const struct stream_owner *owner; /* NULL = there is no stream */
    void *stream_state;
    struct engine_call *posted; /* NULL = none, or returned */
    struct bulk_reader *closed; /* reader that was closed; NULL = none */
} fake;

/* ---- request.h ---- */

enum http_method request_method(const struct request *request)
{
    (void)request;
    return HTTP_POST;
}

struct service *request_service(const struct request *request)
{
    (void)request;
    return &fake.service;
}

const struct limits *request_limits(const struct request *request)
{
    (void)request;
    return &fake.limits;
}

const struct denied_domains *request_denied_domains(const struct request *request)
{
    (void)request;
    return NULL;
}

const char *request_id(const struct request *request)
{
    (void)request;
    return "id";
}

const struct clock *request_clock(const struct request *request)
{
    (void)request;
    return &fake.clock;
}

const char *request_header(const struct request *request, const char *name)
{
    return strcmp(name, "Content-Type") == 0    ? request->type
           : strcmp(name, "Prefer") == 0        ? request->prefer
           : strcmp(name, "Accept") == 0        ? request->accept
           : strcmp(name, "Last-Event-ID") == 0 ? request->last_event_id
                                                : NULL;
}

const char *request_path_tail(const struct request *request)
{
    (void)request;
    return "";
}

const struct client *request_client(const struct request *request)
{
    (void)request;
    return &fake.client;
}

struct slice request_body(const struct request *request)
{
    return (struct slice){request->body, strlen(request->body)};
}

void request_drop_body(struct request *request)
{
    (void)request;
    fake.has_dropped_body = true;
}

const char *request_account(struct request *request)
{
    (void)request;
    return "account";
}

enum err request_each_argument(const struct request *request, request_argument_fn *each, void *arg)
{
    if (!request->argument)
        return ERR_OK;
    return each(arg, (struct slice){request->argument, strlen(request->argument)},
                (struct slice){request->value, strlen(request->value)});
}

void request_reply(struct request *request, struct reply *reply)
{
    (void)request;
    ck_assert_int_eq(fake.status, 0);
    fake.status = reply->status;
    buf_add(&fake.reply, reply->body.data, reply->body.len);
    free(reply->owned_body);
}

void request_set_outcome(struct request *request, const char *outcome, const char *lookup_id,
                         enum charged charged)
{
    (void)request;
    (void)outcome;
    (void)lookup_id;
    (void)charged;
}

void request_set_bulk(struct request *request, const char *id)
{
    (void)request;
    (void)id;
}

void request_started_lookup(struct request *request)
{
    (void)request;
    fake.has_started_lookup = true;
}

void request_park(struct request *request, request_abandoned_fn *abandoned, void *state)
{
    (void)request;
    fake.is_parked = true;
    fake.abandoned = abandoned;
    fake.state = state;
}

void *request_state(const struct request *request)
{
    (void)request;
    return fake.state;
}

void request_set_deadline(struct request *request, int64_t at_ms, request_late_fn *late)
{
    (void)request;
    fake.late = late;
    fake.late_ms = at_ms;
}

struct worker *request_hold_worker(struct request *request)
{
    (void)request;
    fake.n_held++;
    return (struct worker *)&fake;
}

void request_release_worker(struct worker *worker)
{
    ck_assert_ptr_eq(worker, &fake);
    fake.n_held--;
}

struct inbox *request_inbox(const struct request *request)
{
    (void)request;
    return fake.inbox;
}

/* ---- stream.h ---- */

const char *stream_try_reserve(struct request *request)
{
    (void)request;
    fake.n_reserved++;
    return fake.has_no_slot ? "no slot" : NULL;
}

bool stream_reserve(struct request *request)
{
    const char *why = stream_try_reserve(request);

    if (why)
        problem_send(request, ERR_OVERLOADED, why);
    return !why;
}

struct stream *stream_start(struct request *request, struct reply *head, const char *heartbeat,
                            const struct stream_owner *owner, void *state)
{
    (void)request;
    (void)heartbeat;
    ck_assert_int_eq(fake.status, 0);
    fake.status = head->status;
    fake.owner = owner;
    fake.stream_state = state;
    fake.stream.body = BUF_INIT(1 << 20);
    return &fake.stream;
}

void *stream_state(const struct stream *stream)
{
    (void)stream;
    return fake.stream_state;
}

struct request *stream_request(const struct stream *stream)
{
    (void)stream;
    return &fake.request;
}

void stream_write(struct stream *stream, const void *data, size_t len)
{
    ck_assert(!stream->is_ended);
    buf_add(&stream->body, data, len);
}

size_t stream_unsent(const struct stream *stream)
{
    return stream->unsent;
}

void stream_end(struct stream *stream)
{
    stream->is_ended = true;
}

void stream_set_deadline(struct stream *stream, int64_t at_ms, stream_late_fn *late)
{
    stream->late = late;
    stream->late_ms = at_ms;
}

void stream_abort(struct stream *stream)
{
    stream->is_aborted = true;
}

/* The client has left, or has the whole response. */
static void close_stream(bool is_complete)
{
    fake.owner->closed(&fake.stream, is_complete);
    buf_done(&fake.stream.body);
    fake.owner = NULL;
}

/* ---- engine.h and bulk.h ---- */

void engine_post(struct engine *engine, struct engine_call *call)
{
    (void)engine;
    ck_assert_ptr_null(fake.posted);
    fake.posted = call;
}

void bulk_open(struct engine *engine, struct engine_call *call)
{
    (void)engine;
    (void)call;
}

void bulk_pull(struct engine *engine, struct engine_call *call)
{
    (void)engine;
    (void)call;
}

void bulk_close(struct engine *engine, struct bulk_reader *reader)
{
    (void)engine;
    ck_assert_ptr_null(fake.closed);
    fake.closed = reader;
}

void engine_read_account(struct engine *engine, struct engine_call *call)
{
    (void)engine;
    (void)call;
}

static struct bulk_open_call *posted_open(void)
{
    ck_assert_ptr_nonnull(fake.posted);
    ck_assert(fake.posted->run == bulk_open);
    return container_of(fake.posted, struct bulk_open_call, call);
}

static struct bulk_pull_call *posted_pull(void)
{
    ck_assert_ptr_nonnull(fake.posted);
    ck_assert(fake.posted->run == bulk_pull);
    return container_of(fake.posted, struct bulk_pull_call, call);
}

/* Returns the call that was posted last, as the engine does through the inbox. */
static void return_call(void)
{
    struct engine_call *call = TAKE(fake.posted);

    call->done(call);
}

/* ---- set up ---- */

static void set_up(void)
{
    memset(&fake, 0, sizeof fake);
    ck_assert_int_eq(inbox_new(&fake.inbox), ERR_OK);
    fake.clock = clock_fake(INT64_C(1764486000000));
    fake.limits = (struct limits){.wait_ms = 90000, .max_wait_ms = 300000};
    fake.client = (struct client){.quota = ACCOUNT_NO_QUOTA, .max_wait_ms = 300000, .weight = 1};
    fake.service.bulk_entries = 10000;
    fake.request.type = "text/plain";
    fake.reply = BUF_INIT(1 << 20);
}

/* Everything has come to an end. */
static void tear_down(void)
{
    ck_assert_int_eq(fake.n_held, 0);
    ck_assert_ptr_null(fake.posted);
    buf_done(&fake.reply);
    inbox_free(fake.inbox);
}

#endif
