/* SPDX-License-Identifier: MIT */
/* request.c - the life of one request between libmicrohttpd and its endpoint.
 *
 *   request_line()      the request line is there: its raw path is kept with the connection
 *
 *   request_handle() 1  the headers are there: the struct is made; only the guard looks at them.
 *                       libmicrohttpd 0.9.75 closes the connection after an answer given here,
 *                       which the guard wants
 *
 *   request_handle() 2  the endpoint runs, and answers or parks
 *
 *   request_reply()     ready-made for libmicrohttpd; a parked connection is resumed, and
 *
 *   request_handle() 3  hands the answer over
 *
 *   request_completed() the answer left, or the connection broke: the struct is freed
 *
 * No struct is made before the headers are complete, because libmicrohttpd does not report the end
 * of a request that it refused itself. set_state() is the only place where a request changes its
 * state. */
#include "http/request.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/guard.h"
#include "http/mhd.h"
#include "http/problem.h"
#include "http/routes.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define PATH_TEXT    128 /* longer than any path that is served */
#define ID_GIVEN_MAX 64  /* of a caller's X-Request-Id */

enum state {
    REQUEST_BEGUN,    /* its headers are there */
    REQUEST_GUARDED,  /* its headers were looked at */
    REQUEST_RUNNING,  /* in its endpoint */
    REQUEST_PARKED,   /* suspended; the client is being watched */
    REQUEST_FORSAKEN, /* suspended; the client has left */
    REQUEST_ANSWERED, /* its response is ready to be handed over */
    REQUEST_QUEUED,   /* libmicrohttpd has the response */
};

/* What lives as long as a connection. */
struct connection {
    char path[PATH_TEXT]; /* raw, of the request that came last; "" when it was longer */
};

struct request {
    struct worker *worker;
    struct MHD_Connection *connection;
    enum state state;
    enum http_method method;
    const char *path; /* the connection's */
    const char *tail;
    char id[ID_GIVEN_MAX + 1];
    char peer[INET6_ADDRSTRLEN]; /* "" until asked for */
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

void request_connection(void *worker, struct MHD_Connection *connection, void **slot,
                        enum MHD_ConnectionNotificationCode what)
{
    (void)worker;
    (void)connection;
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        *slot = xcalloc(1, sizeof(struct connection));
    else
        free(TAKE(*slot));
}

static struct connection *context_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void *request_line(void *worker, const char *uri, struct MHD_Connection *connection)
{
    struct connection *context = context_of(connection);
    size_t len = strcspn(uri, "?");

    (void)worker;
    if (len >= PATH_TEXT)
        len = 0;
    memcpy(context->path, uri, len);
    context->path[len] = '\0';
    return NULL;
}

static struct request *begin(struct worker *worker, struct MHD_Connection *connection)
{
    struct request *request = xcalloc(1, sizeof *request);

    request->worker = worker;
    request->connection = connection;
    request->path = context_of(connection)->path;
    worker->n_requests++;
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

static void write_peer(const struct sockaddr *address, char *peer)
{
    const void *bytes = address->sa_family == AF_INET6
                            ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)address)->sin_addr;

    inet_ntop(address->sa_family, bytes, peer, INET6_ADDRSTRLEN);
}

const char *request_peer(struct request *request)
{
    if (!*request->peer)
        write_peer(MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)
                       ->client_addr,
                   request->peer);
    return request->peer;
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

/* libmicrohttpd refuses line ends and empty values. No value of ours is made of what a caller or
 * the upstream sent unchecked, so a refusal is a broken invariant, and not something to answer
 * around. */
static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (MHD_add_response_header(response, name, value) == MHD_YES)
        return;
    log_event(LOG_ERROR, "refused-header", "name", name, "file", __FILE__, NULL);
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
        add_header(request->response, reply->headers[i].name, reply_value(reply, i));
    add_header(request->response, "Date", request->worker->date);
    add_header(request->response, "X-Request-Id", request->id);
    if (request->worker->stage != WORKER_SERVES)
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

static enum MHD_Result show_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    guard_header(cls, (struct slice){name, name_len}, (struct slice){value, value_len});
    return MHD_YES;
}

/* True when the request has been answered with what is wrong with its framing. To a body where no
 * row would take any, 404 and 405 say more than 413. */
static bool refuse_unfit(struct request *request, const char *version)
{
    struct guard guard = {0};
    const char *detail, *tail;

    MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, show_header, &guard);
    enum err err = guard_verdict(&guard, version, &detail);
    if (!err)
        return false;
    if (err == ERR_BODY_TOO_LARGE && !routes_find(request->method, request->path, &tail))
        routes_dispatch(request);
    else
        problem_send(request, err, detail);
    return true;
}

static enum MHD_Result guard_request(struct request *request, const char *method,
                                     const char *version)
{
    request->method = method_of(method);
    set_id(request);
    set_state(request, REQUEST_GUARDED);
    return refuse_unfit(request, version) ? hand_over(request) : MHD_YES;
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
    if (!*slot)
        *slot = begin(worker, connection);
    struct request *request = *slot;

    (void)url;
    (void)upload_data;
    (void)upload_data_size;
    switch (request->state) {
    case REQUEST_BEGUN:
        return guard_request(request, method, version);
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
