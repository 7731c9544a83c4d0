/* SPDX-License-Identifier: MIT */
/* request.c - takes one request from libmicrohttpd's callbacks to its endpoint and back.
 *
 *   request_handle() 1   headers complete: validates them; libmicrohttpd 0.9.75 closes the
 *                        connection after a response queued here, as invalid framing requires
 *   request_handle() 2   authenticates the client, tries the response cache, runs the endpoint
 *   request_reply()      prepares the response; resumes a parked connection, which leads to
 *   request_handle() 3   queues the response of a parked request
 *   request_completed()  the response was sent, or the connection broke: the request ends
 *
 * A request begins when its headers are complete, because libmicrohttpd does not report the end of
 * requests that it rejects itself. Only set_state() changes the state of a request. */
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

static struct request *begin(struct worker *worker, struct MHD_Connection *connection)
{
    struct connection *context =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    struct request *request = &context->request;

    memset(request, 0, offsetof(struct request, id));
    request->id[0] = request->who[0] = request->peer[0] = '\0';
    request->cache_key.len = 0;
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

    (void)connection;
    (void)how;
    if (!request)
        return;
    assert(!is_suspended(request));
    response_unref(request->response);
    joined_lines_free(TAKE(connection_of(request)->joined));
    worker->n_requests--;
    connection_enter_phase(&worker->timeouts, &connection_of(request)->timeout, PHASE_IDLE,
                           worker->clock.now_ms);
    *slot = NULL;
}

static void set_state(struct request *request, enum request_state state)
{
    struct connection_timeout *timeout = &connection_of(request)->timeout;
    bool was_suspended = is_suspended(request);

    request->state = state;
    if (state == REQUEST_PARKED) {
        request->worker->n_parked++;
        connection_enter_phase(&request->worker->timeouts, timeout, PHASE_NONE, 0);
        MHD_suspend_connection(request->connection);
        worker_watch(request->worker, timeout->fd, request);
    } else if (was_suspended && !is_suspended(request)) {
        request->worker->n_parked--;
        MHD_resume_connection(request->connection);
    }
}

/* ---- the response ---- */

/* Counts and logs the response; runs once per response. */
static void tell(struct request *request, bool was_parked)
{
    int status = response_status(request->response);
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
    connection_enter_phase(&request->worker->timeouts, &connection_of(request)->timeout,
                           PHASE_SENDING, request->worker->clock.now_ms);
    return response_send(request->response, request->connection, request->id);
}

/* The waiters of one lookup get equal replies in succession, so the last response is kept for
 * reuse. */
void request_reply(struct request *request, struct reply *reply)
{
    struct worker *worker = request->worker;
    bool closing = worker->stage != WORKER_RUNNING;

    assert(!request->response);
    if (worker->last_response &&
        response_matches(worker->last_response, reply, worker->date, request->id, closing)) {
        result_unref(TAKE(reply->keeper));
    } else {
        response_unref(worker->last_response);
        worker->last_response = response_new(reply, worker->date, request->id, closing);
    }
    request->response = response_ref(worker->last_response);
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
    return response_cache_find_question(request->worker->responses, &request->cache_key, ret_key,
                                        ret_format);
}

void request_cache_response(struct request *request, const struct result *result,
                            enum result_format format)
{
    if (request->cache_key.len)
        response_cache_put(request->worker->responses, &request->cache_key, result, format,
                           request->response);
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
        return; /* the response is ready; libmicrohttpd will notice the departure */
    set_state(request, REQUEST_ABANDONED);
    request->gone(request);
}

/* ---- the handler ---- */

struct scan {
    struct header_scan headers;
    struct credentials *credentials;
};

static enum MHD_Result scan_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                   size_t name_len, const char *value, size_t value_len)
{
    struct scan *scan = arg;
    const struct slice n = {name, name_len}, v = {value, value_len};

    (void)kind;
    header_scan_add(&scan->headers, n, v);
    auth_header(scan->credentials, n, v);
    return MHD_YES;
}

static void set_id(struct request *request, struct slice given)
{
    if (given.data)
        *(char *)mempcpy(request->id, given.data, given.len) = '\0';
    else
        id_new(request->id);
}

/* Sets the key of the response cache: target, line end, Accept. It stays empty if the response
 * depends on more, or if the worker drains. */
static void set_cache_key(struct request *request, const struct header_scan *headers)
{
    const struct request_target *target = &connection_of(request)->target;
    struct response_cache_key *key = &request->cache_key;
    size_t len = target->len + 1 + headers->accept.len;

    if (request->method != HTTP_GET || headers->special || strlen(request->id) != ID_LEN ||
        request->worker->stage != WORKER_RUNNING || !target->len || len > RESPONSE_CACHE_KEY_MAX)
        return;
    char *end = mempcpy(key->bytes, target->text, target->len);
    *end++ = '\n';
    if (headers->accept.len)
        memcpy(end, headers->accept.data, headers->accept.len);
    key->len = len;
}

/* Returns true if the framing is invalid and the request has been answered. A body for an unknown
 * path or method gets 404 or 405, which say more than 413. */
static bool refuse_unfit(struct request *request, const struct framing *framing,
                         const char *version)
{
    const char *detail;
    enum err err = framing_verdict(framing, version, &detail);

    if (!err)
        return false;
    if (err == ERR_BODY_TOO_LARGE && !request->route)
        routes_dispatch(request);
    else
        problem_send(request, err, detail);
    return true;
}

/* Returns whether the head has bytes that libmicrohttpd does not expose. */
static bool has_gaps(const struct request *request, const struct head_layout *layout,
                     const char *method)
{
    return request->worker->knows_head_layout &&
           !head_layout_is_whole(
               layout, method,
               MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)
                   ->header_size);
}

static enum MHD_Result guard_request(struct request *request, const char *url, const char *method,
                                     const char *version)
{
    struct scan scan = {.credentials = &request->credentials};
    struct header_scan *headers = &scan.headers;

    head_layout_begin(&headers->layout, method, url, connection_of(request)->target.end, version);
    MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, scan_header, &scan);
    framing_method(&headers->framing, (struct slice){method, strlen(method)});
    headers->framing.has_gaps = has_gaps(request, &headers->layout, method);
    request->method = route_method(method);
    routes_place(request);
    set_id(request, headers->id);
    request->trace = headers->trace;
    set_cache_key(request, headers);
    set_state(request, REQUEST_VALIDATED);
    return refuse_unfit(request, &headers->framing, version) ? hand_over(request) : MHD_YES;
}

/* Returns true if the client is rejected and the request has been answered. Routes open to all are
 * exempt from the rate limit, so a probe that sends a key is never limited. */
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

/* First of three hit paths: the response cache. Returns the complete response that this worker sent
 * for the same request text within this second, or NULL. endpoints/emails.c then tries the second
 * path (the question key known for this text), and last the third (after parsing the query). */
static struct response *find_hit(struct request *request)
{
    struct worker *worker = request->worker;

    return request->client
               ? response_cache_find(worker->responses, &request->cache_key, &worker->clock)
               : NULL;
}

static enum MHD_Result serve_hit(struct request *request, struct response *response)
{
    request->response = response_ref(response);
    request->notes.outcome = "hit";
    metrics_add(&metrics_mine()->cache_outcomes[CACHE_HIT], 1);
    return hand_over(request);
}

static enum MHD_Result run(struct request *request)
{
    struct response *response;

    set_state(request, REQUEST_RUNNING);
    if (refuse_sender(request))
        return hand_over(request);
    response = find_hit(request);
    if (response)
        return serve_hit(request, response);
    routes_dispatch(request);
    request->client = NULL;
    if (request->state == REQUEST_ANSWERED)
        return hand_over(request);
    assert(request->state == REQUEST_PARKED); /* an endpoint replies or parks */
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
