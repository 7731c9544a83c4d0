/* SPDX-License-Identifier: MIT */
/* request.c - the life of one request between libmicrohttpd and its endpoint.
 *
 *   request_line()      the request line is there: its raw path is kept with the connection
 *
 *   request_handle() 1  the headers are there: the request begins; only the guard looks at them.
 *                       libmicrohttpd 0.9.75 closes the connection after an answer given here,
 *                       which the guard wants
 *
 *   request_handle() 2  who sends it is looked at, the endpoint runs, and answers or parks
 *
 *   request_reply()     ready-made for libmicrohttpd; a parked connection is resumed, and
 *
 *   request_handle() 3  hands the answer over
 *
 *   request_completed() the answer left, or the connection broke: the request is over
 *
 * No request begins before the headers are complete, because libmicrohttpd does not report the end
 * of a request that it refused itself. set_state() is the only place where a request changes its
 * state. */
#include "base/metrics.h"
#include "http/core/app.h"
#include "http/core/problem.h"
#include "http/core/request_state.h"
#include "http/core/router.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- begin and end ---- */

static bool is_suspended(const struct request *request)
{
    return request->state == REQUEST_PARKED || request->state == REQUEST_ABANDONED;
}

static struct connection *connection_of(const struct request *request)
{
    return &container_of(request, struct place, request)->connection;
}

static struct place *place_of(struct MHD_Connection *handle)
{
    return MHD_get_connection_info(handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static struct place *open_place(struct worker *worker, struct MHD_Connection *handle)
{
    int fd = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    struct place *place = xcalloc(1, sizeof *place);

    connection_init(&place->connection, fd, &worker->deadlines, worker->clock.now_ms);
    return place;
}

void request_connection(void *arg, struct MHD_Connection *handle, void **slot,
                        enum MHD_ConnectionNotificationCode what)
{
    struct worker *worker = arg;
    struct place *place = *slot;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *slot = open_place(worker, handle);
        return;
    }
    connection_done(&place->connection, &worker->deadlines);
    free(place);
    *slot = NULL;
}

void *request_line(void *arg, const char *uri, struct MHD_Connection *handle)
{
    struct worker *worker = arg;

    connection_line(&place_of(handle)->connection, uri, &worker->deadlines, worker->clock.now_ms);
    return NULL;
}

static struct request *begin(struct worker *worker, struct MHD_Connection *connection)
{
    struct request *request = &place_of(connection)->request;

    memset(request, 0, offsetof(struct request, id));
    request->id[0] = request->who[0] = request->peer[0] = '\0';
    request->text.len = 0;
    request->worker = worker;
    request->connection = connection;
    worker->n_requests++;
    request->begun_ms = worker->begun_ms = worker->clock.now_ms;
    return request;
}

void request_completed(void *arg, struct MHD_Connection *connection, void **slot,
                       enum MHD_RequestTerminationCode how)
{
    struct worker *worker = arg;
    struct request *request = *slot;

    (void)how;
    if (!request)
        return;
    assert(!is_suspended(request));
    ready_unref(request->ready);
    fields_free(TAKE(place_of(connection)->joined));
    worker->n_requests--;
    connection_enter_idle(connection_of(request), &worker->deadlines, worker->clock.now_ms);
    *slot = NULL;
}

static void set_state(struct request *request, enum request_state state)
{
    bool was_suspended = is_suspended(request);

    request->state = state;
    if (state == REQUEST_PARKED) {
        request->worker->n_parked++;
        connection_enter_waiting(connection_of(request), &request->worker->deadlines);
        MHD_suspend_connection(request->connection);
        worker_watch(request->worker, connection_of(request)->fd, request);
    } else if (was_suspended && !is_suspended(request)) {
        request->worker->n_parked--;
        MHD_resume_connection(request->connection);
    }
}

/* ---- the answer ---- */

/* The log and the metrics hear of every answer here. */
static void tell(struct request *request, bool was_parked)
{
    int status = ready_status(request->ready);
    int64_t ms = request->worker->clock.now_ms - request->begun_ms;

    access_count(route_metrics_index(request->route), status, ms);
    if (!was_parked && status < 400 && !access_log_is_verbose())
        return;
    const struct access access = {.id = request->id,
                                  .who = request->who,
                                  .peer = request_peer(request),
                                  .trace = request->trace,
                                  .method = route_method_name(request->method),
                                  .path = request->route ? request->route->path : NULL,
                                  .status = status,
                                  .ms = ms,
                                  .was_parked = was_parked,
                                  .notes = &request->notes};

    access_log(&access);
}

static enum MHD_Result hand_over(struct request *request)
{
    tell(request, request->gone != NULL);
    set_state(request, REQUEST_QUEUED);
    connection_enter_sending(connection_of(request), &request->worker->deadlines,
                             request->worker->clock.now_ms);
    return ready_queue(request->ready, request->connection, request->id);
}

/* Many who waited for one lookup get the same reply one after the other, so the last is kept. */
void request_reply(struct request *request, struct reply *reply)
{
    struct worker *worker = request->worker;
    bool closing = worker->stage != WORKER_RUNNING;

    assert(!request->ready);
    if (worker->last && ready_is(worker->last, reply, worker->date, request->id, closing)) {
        result_unref(TAKE(reply->keeper));
    } else {
        ready_unref(worker->last);
        worker->last = ready_new(reply, worker->date, request->id, closing);
    }
    request->ready = ready_ref(worker->last);
    set_state(request, REQUEST_ANSWERED);
}

void request_set_outcome(struct request *request, const char *outcome, const char *lookup_id,
                         enum charged charged)
{
    request->notes.outcome = outcome;
    request->notes.charged = charged;
    if (lookup_id && *lookup_id)
        snprintf(request->notes.lookup_id, sizeof request->notes.lookup_id, "%s", lookup_id);
}

bool request_cached_key(const struct request *request, const unsigned char **ret_key,
                        enum result_format *ret_format)
{
    return hits_question(request->worker->hits, &request->text, ret_key, ret_format);
}

void request_cache_response(struct request *request, const struct result *result,
                            enum result_format format)
{
    if (request->text.len)
        hits_remember(request->worker->hits, &request->text, result, format, request->ready);
}

/* ---- waiting ---- */

void request_park(struct request *request, request_abandoned_fn *gone, void *state)
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

struct inbox *request_inbox(const struct request *request)
{
    return request->worker->inbox;
}

void request_client_left(struct request *request)
{
    if (request->state != REQUEST_PARKED)
        return; /* answered already: libmicrohttpd will see it leave */
    set_state(request, REQUEST_ABANDONED);
    request->gone(request);
}

/* ---- the handler ---- */

static enum MHD_Result show_header(void *headers, enum MHD_ValueKind kind, const char *name,
                                   size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    headers_note(headers, (struct slice){name, name_len}, (struct slice){value, value_len});
    return MHD_YES;
}

static void set_id(struct request *request, struct slice given)
{
    if (given.data)
        *(char *)mempcpy(request->id, given.data, given.len) = '\0';
    else
        id_new(request->id);
}

/* The text by which hits are remembered: target, line end, Accept. */
static void set_text(struct request *request, const struct headers *headers)
{
    const struct connection *context = connection_of(request);
    struct hits_text *text = &request->text;
    size_t len = context->target_len + 1 + headers->accept.len;

    if (request->method != HTTP_GET || headers->special || strlen(request->id) != ID_LEN ||
        request->worker->stage != WORKER_RUNNING || !context->target_len || len > HITS_TEXT)
        return;
    char *end = mempcpy(text->bytes, context->target, context->target_len);
    *end++ = '\n';
    if (headers->accept.len)
        memcpy(end, headers->accept.data, headers->accept.len);
    text->len = len;
}

/* True when the request has been answered with what is wrong with its framing. To a body where no
 * row would take any, 404 and 405 say more than 413. */
static bool refuse_unfit(struct request *request, const struct guard *guard, const char *version)
{
    const char *detail;
    enum err err = guard_verdict(guard, version, &detail);

    if (!err)
        return false;
    if (err == ERR_BODY_TOO_LARGE && !request->route)
        routes_dispatch(request);
    else
        problem_send(request, err, detail);
    return true;
}

/* Are there bytes in the head that nothing shows? */
static bool has_gaps(const struct request *request, const struct layout *layout, const char *method)
{
    return request->worker->knows_layout &&
           !layout_is_whole(
               layout, method,
               MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)
                   ->header_size);
}

static enum MHD_Result guard_request(struct request *request, const char *url, const char *method,
                                     const char *version)
{
    struct headers headers = {0};

    layout_begin(&headers.layout, method, url, connection_of(request)->target_end, version);
    MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, show_header, &headers);
    guard_method(&headers.guard, (struct slice){method, strlen(method)});
    headers.guard.has_gaps = has_gaps(request, &headers.layout, method);
    request->method = route_method(method);
    routes_place(request);
    set_id(request, headers.id);
    request->credentials = headers.credentials;
    request->trace = headers.trace;
    set_text(request, &headers);
    set_state(request, REQUEST_VALIDATED);
    return refuse_unfit(request, &headers.guard, version) ? hand_over(request) : MHD_YES;
}

/* True when the request has been answered with why it is not let in. What is open to all counts
 * for nobody's rate: a probe that happens to send a key is answered. */
static bool refuse_sender(struct request *request)
{
    const struct worker *worker = request->worker;
    bool is_open = request->route && request->route->access == FOR_ALL;
    enum err err = auth_judge(worker->clients, &worker->service->auth, &request->credentials,
                              &request->client);

    if (request->client)
        memcpy(request->who, request->client->name, sizeof request->who);
    if (!err && !is_open)
        err = auth_pace(request->client, worker->clock.now_ms);
    if (err)
        route_refuse(request, err, request->client);
    return err != ERR_OK;
}

/* Out of what was said before in this second; NULL = it has to be looked at. */
static struct ready *find_hit(struct request *request)
{
    struct worker *worker = request->worker;

    return request->client ? hits_find(worker->hits, &request->text, &worker->clock) : NULL;
}

static enum MHD_Result serve_hit(struct request *request, struct ready *ready)
{
    request->ready = ready_ref(ready);
    request->notes.outcome = "hit";
    metrics_add(&metrics_mine()->cache_outcomes[CACHE_HIT], 1);
    return hand_over(request);
}

static enum MHD_Result run(struct request *request)
{
    struct ready *ready;

    set_state(request, REQUEST_RUNNING);
    if (refuse_sender(request))
        return hand_over(request);
    ready = find_hit(request);
    if (ready)
        return serve_hit(request, ready);
    routes_dispatch(request);
    request->client = NULL;
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

    (void)upload_data;
    (void)upload_data_size;
    switch (request->state) {
    case REQUEST_BEGUN:
        return guard_request(request, url, method, version);
    case REQUEST_VALIDATED:
        return run(request);
    case REQUEST_ANSWERED:
        return hand_over(request);
    case REQUEST_RUNNING:
    case REQUEST_PARKED:
    case REQUEST_ABANDONED:
    case REQUEST_QUEUED:
        break;
    }
    return MHD_NO;
}
