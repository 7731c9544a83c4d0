/* SPDX-License-Identifier: MIT */
/* request.c - the life of one request between libmicrohttpd and its endpoint.
 *
 *   request_begin()     the request line is there: the struct is made, the raw path kept
 *   request_handle() 1  the headers are there: only the guard looks at them. libmicrohttpd 0.9.75
 *                       closes the connection after an answer given here, which the guard wants
 *   request_handle() 2  the endpoint runs, and answers or parks
 *   request_reply()     ready-made for libmicrohttpd; a parked connection is resumed, and
 *   request_handle() 3  hands the answer over
 *   request_completed() the answer left, or the connection broke: the struct is freed
 *
 * set_state() is the only place where a request changes its state. */
#include "http/request.h"

#include "base/id.h"
#include "base/mem.h"
#include "http/mhd.h"
#include "http/problem.h"
#include "http/routes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PATH_TEXT    128 /* longer than any path that is served */
#define ID_GIVEN_MAX 64  /* of a caller's X-Request-Id */

enum state {
    REQUEST_BEGUN,    /* its headers may still be on their way */
    REQUEST_GUARDED,  /* its headers were looked at */
    REQUEST_RUNNING,  /* in its endpoint */
    REQUEST_PARKED,   /* suspended; the client is being watched */
    REQUEST_FORSAKEN, /* suspended; the client has left */
    REQUEST_ANSWERED, /* its response is ready to be handed over */
    REQUEST_QUEUED,   /* libmicrohttpd has the response */
};

struct request {
    struct worker *worker;
    struct MHD_Connection *connection;
    enum state state;
    enum http_method method;
    char path[PATH_TEXT]; /* "" when it was longer */
    const char *tail;
    char id[ID_GIVEN_MAX + 1];
    request_gone_fn *gone;
    void *endpoint_state;
    int fd; /* while parked */
    struct MHD_Response *response;
    unsigned status;
};

/* ---- begin and end ---- */

static bool is_suspended(const struct request *request)
{
    return request->state == REQUEST_PARKED || request->state == REQUEST_FORSAKEN;
}

void *request_begin(void *worker, const char *uri, struct MHD_Connection *connection)
{
    struct request *request = xcalloc(1, sizeof *request);
    size_t len = strcspn(uri, "?");

    request->worker = worker;
    request->connection = connection;
    if (len < PATH_TEXT)
        memcpy(request->path, uri, len);
    request->worker->n_requests++;
    return request;
}

void request_completed(void *worker, struct MHD_Connection *connection, void **slot,
                       enum MHD_RequestTerminationCode how)
{
    struct request *request = *slot;

    (void)connection;
    (void)how;
    if (!request)
        return;
    assert(!is_suspended(request));
    if (request->response)
        MHD_destroy_response(request->response);
    ((struct worker *)worker)->n_requests--;
    free(request);
    *slot = NULL;
}

static int socket_of(const struct request *request)
{
    return MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
        ->connect_fd;
}

static void set_state(struct request *request, enum state state)
{
    bool was_suspended = is_suspended(request);

    if (request->state == REQUEST_PARKED)
        worker_unwatch(request->worker, request->fd);
    request->state = state;
    if (state == REQUEST_PARKED) {
        request->fd = socket_of(request);
        request->worker->n_parked++;
        MHD_suspend_connection(request->connection);
        worker_watch(request->worker, request->fd, request);
    } else if (was_suspended && !is_suspended(request)) {
        request->worker->n_parked--;
        MHD_resume_connection(request->connection);
    }
}

/* ---- what came ---- */

static enum http_method method_of(const char *name)
{
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {
        {"GET", HTTP_GET}, {"HEAD", HTTP_HEAD}, {"POST", HTTP_POST}, {"DELETE", HTTP_DELETE}};

    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (strcmp(methods[i].name, name) == 0)
            return methods[i].method;
    return HTTP_OTHER_METHOD;
}

enum http_method request_method(const struct request *request)
{
    return request->method;
}

const char *request_path(const struct request *request)
{
    return request->path;
}

struct service *request_service(const struct request *request)
{
    return request->worker->service;
}

const char *request_id(const struct request *request)
{
    return request->id;
}

const struct clock *request_clock(const struct request *request)
{
    return &request->worker->clock;
}

const char *request_header(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

void request_set_path_tail(struct request *request, const char *tail)
{
    request->tail = tail;
}

const char *request_path_tail(const struct request *request)
{
    return request->tail ? request->tail : "";
}

struct argument_walk {
    request_argument_fn *each;
    void *arg;
    enum err err;
};

static enum MHD_Result walk_argument(void *cls, enum MHD_ValueKind kind, const char *key,
                                     size_t key_len, const char *value, size_t value_len)
{
    struct argument_walk *walk = cls;

    (void)kind;
    if (key_len == 0 && !value)
        return MHD_YES; /* "&&" */
    walk->err = walk->each(walk->arg, (struct slice){key, key_len},
                           (struct slice){value, value ? value_len : 0});
    return walk->err ? MHD_NO : MHD_YES;
}

enum err request_each_argument(const struct request *request, request_argument_fn *each, void *arg)
{
    struct argument_walk walk = {.each = each, .arg = arg};

    MHD_get_connection_values_n(request->connection, MHD_GET_ARGUMENT_KIND, walk_argument, &walk);
    return walk.err;
}

/* ---- the answer ---- */

static void unref_result(void *result)
{
    result_unref(result);
}

/* The body goes over to the response, with what keeps it alive. */
static struct MHD_Response *response_of(struct reply *reply)
{
    void *data = (void *)(uintptr_t)reply->body.data;
    size_t len = reply->body.len;

    if (reply->keeper)
        return MHD_create_response_from_buffer_with_free_callback_cls(
            len, data, unref_result, (void *)(uintptr_t)TAKE(reply->keeper));
    if (reply->owned_body) {
        reply->owned_body = NULL;
        return MHD_create_response_from_buffer(len, data, MHD_RESPMEM_MUST_FREE);
    }
    return MHD_create_response_from_buffer(len, data, MHD_RESPMEM_PERSISTENT);
}

/* libmicrohttpd refuses values with line ends; none of ours has any. */
static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (MHD_add_response_header(response, name, value) != MHD_YES)
        abort();
}

static enum MHD_Result hand_over(struct request *request)
{
    set_state(request, REQUEST_QUEUED);
    return MHD_queue_response(request->connection, request->status, request->response);
}

void request_reply(struct request *request, struct reply *reply)
{
    assert(!request->response);
    request->response = response_of(reply);
    if (!request->response)
        abort(); /* out of memory */
    for (size_t i = 0; i < reply->n_headers; i++)
        add_header(request->response, reply->headers[i].name, reply->headers[i].value);
    add_header(request->response, "Date", request->worker->date);
    add_header(request->response, "X-Request-Id", request->id);
    if (request->worker->draining)
        add_header(request->response, "Connection", "close");
    request->status = (unsigned)reply->status;
    set_state(request, REQUEST_ANSWERED);
}

/* ---- waiting ---- */

void request_park(struct request *request, request_gone_fn *gone, void *state)
{
    assert(request->state == REQUEST_RUNNING);
    request->gone = gone;
    request->endpoint_state = state;
    set_state(request, REQUEST_PARKED);
}

void *request_state(const struct request *request)
{
    return request->endpoint_state;
}

struct mailbox *request_inbox(const struct request *request)
{
    return request->worker->inbox;
}

void request_client_left(struct request *request)
{
    if (request->state != REQUEST_PARKED)
        return; /* answered earlier in this turn */
    set_state(request, REQUEST_FORSAKEN);
    request->gone(request);
}

/* ---- the handler ---- */

static bool is_well_formed_id(const char *id)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t len = strlen(id);

    return len >= 1 && len <= ID_GIVEN_MAX && strspn(id, allowed) == len;
}

static void set_id(struct request *request)
{
    const char *given = request_header(request, "X-Request-Id");

    if (given && is_well_formed_id(given))
        memcpy(request->id, given, strlen(given));
    else
        id_new(request->id);
}

static bool announces_body(const struct request *request)
{
    const char *length = request_header(request, "Content-Length");

    return request_header(request, "Transfer-Encoding") || (length && strcmp(length, "0") != 0);
}

/* No endpoint takes a body yet, so one that is announced is refused before it is read: where the
 * method could have one, by the dispatcher, which knows that no row takes it. */
static bool refuse_body(struct request *request)
{
    if (!announces_body(request))
        return false;
    if (request->method == HTTP_POST || request->method == HTTP_OTHER_METHOD)
        routes_dispatch(request);
    else if (request_header(request, "Transfer-Encoding"))
        problem_send(request, ERR_INVALID_REQUEST, "a body has no place here");
    else
        problem_send(request, ERR_BODY_TOO_LARGE, "a body has no place here");
    return true;
}

static enum MHD_Result guard(struct request *request, const char *method)
{
    request->method = method_of(method);
    set_id(request);
    set_state(request, REQUEST_GUARDED);
    return refuse_body(request) ? hand_over(request) : MHD_YES;
}

static enum MHD_Result run(struct request *request)
{
    set_state(request, REQUEST_RUNNING);
    routes_dispatch(request);
    if (request->state == REQUEST_ANSWERED)
        return hand_over(request);
    assert(request->state == REQUEST_PARKED); /* an endpoint answers or parks */
    return MHD_YES;
}

enum MHD_Result request_handle(void *worker, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *upload_data,
                               size_t *upload_data_size, void **slot)
{
    struct request *request = *slot;

    (void)worker;
    (void)connection;
    (void)url;
    (void)version;
    (void)upload_data;
    (void)upload_data_size;
    switch (request->state) {
    case REQUEST_BEGUN:
        return guard(request, method);
    case REQUEST_GUARDED:
        return run(request);
    case REQUEST_ANSWERED:
        return hand_over(request);
    case REQUEST_RUNNING:
    case REQUEST_PARKED:
    case REQUEST_FORSAKEN:
    case REQUEST_QUEUED:
        break;
    }
    return MHD_NO;
}
