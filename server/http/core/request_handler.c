/* SPDX-License-Identifier: MIT */
/* request_handler.c - takes one request from libmicrohttpd's callbacks to its endpoint and back.
 *
 *   request_handle() 1   headers complete: validates them; libmicrohttpd 0.9.75 closes the
 *                        connection after a response queued here, as invalid framing requires. If a
 *                        body follows, authenticates the client too, so that nothing is uploaded in
 *                        vain; after this call libmicrohttpd sends 100 (Continue) if expected
 *   request_handle() +   a piece of the body
 *   request_handle() 2   authenticates the client, tries the response cache, runs the endpoint
 *   request_reply()      in request.c: prepares the response; resumes a parked connection, which
 *                        leads to
 *   request_handle() 3   queues the response of a parked request
 *   request_completed()  the response was sent, or the connection broke: the request ends
 *
 * A request begins when its headers are complete, because libmicrohttpd does not report the end of
 * requests that it rejects itself. */
#include "base/metrics.h"
#include "http/core/app.h"
#include "http/core/problem.h"
#include "http/core/request_state.h"
#include "http/core/router.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

/* ---- begin and end ---- */

static struct request *begin(struct worker *worker, struct MHD_Connection *handle)
{
    struct connection *connection =
        MHD_get_connection_info(handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    struct request *request = &connection->request;

    memset(request, 0, offsetof(struct request, id));
    request->id[0] = request->client_name[0] = request->peer[0] = '\0';
    request->cache_key.len = 0;
    request->worker = worker;
    request->connection = handle;
    worker->n_requests++;
    request->begun_ms = worker->last_request_ms = worker->clock.now_ms;
    return request;
}

/* Ends the connection, which libmicrohttpd closes after it has served all others that are ready. By
 * then the client may have closed it first, and its port would stay in TIME-WAIT: a proxy that
 * opens a connection for each request runs out of ports, and any client looks longer for a free
 * one. */
static void end_connection(const struct connection *connection)
{
    shutdown(connection->timeout.fd, SHUT_WR);
}

void request_completed(void *arg, struct MHD_Connection *handle, void **slot,
                       enum MHD_RequestTerminationCode how)
{
    struct worker *worker = arg;
    struct request *request = *slot;

    (void)handle;
    if (!request)
        return;
    assert(request->state != REQUEST_PARKED && request->state != REQUEST_ABANDONED);
    struct connection *connection = connection_of(request);
    response_unref(request->response);
    request_body_done(request);
    joined_lines_free(TAKE(connection->joined));
    worker->n_requests--;
    connection_enter_phase(&worker->timeouts, &connection->timeout, PHASE_IDLE,
                           worker->clock.now_ms);
    if (request->closes && how == MHD_REQUEST_TERMINATED_COMPLETED_OK)
        end_connection(connection);
    *slot = NULL;
}

void request_client_left(struct request *request)
{
    if (request->state != REQUEST_PARKED)
        return; /* the response is ready; libmicrohttpd will notice the departure */
    request_set_state(request, REQUEST_ABANDONED);
    request->abandoned(request);
}

static enum MHD_Result send_response(struct request *request)
{
    struct worker *worker = request->worker;

    access_log_response(request);
    request_set_state(request, REQUEST_QUEUED);
    connection_enter_phase(&worker->timeouts, &connection_of(request)->timeout, PHASE_SENDING,
                           worker->clock.now_ms);
    return response_send(request->response, request->connection, request->id);
}

/* ---- validation ---- */

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

/* Sets the key of the response cache: target, line end, Accept. It stays empty if the response
 * depends on more, or if the worker drains. */
static void set_cache_key(struct request *request, const struct header_scan *headers)
{
    const struct request_target *target = &connection_of(request)->target;
    struct response_cache_key *key = &request->cache_key;
    size_t len = target->len + 1 + headers->accept.len;

    if (request->method != HTTP_GET || headers->special || framing_has_body(&headers->framing) ||
        strlen(request->id) != ID_LEN || request->worker->stage != WORKER_RUNNING || !target->len ||
        len > RESPONSE_CACHE_KEY_MAX)
        return;
    char *end = mempcpy(key->bytes, target->text, target->len);
    *end++ = '\n';
    if (headers->accept.len)
        memcpy(end, headers->accept.data, headers->accept.len);
    key->len = len;
}

/* ---- the client ---- */

/* Routes open to all are exempt from the rate limit, so a probe that sends a key is never
 * limited. */
static bool is_open(const struct request *request)
{
    return request->route &&
           (request->route->access == FOR_ALL || request->route->access == FOR_UPSTREAM);
}

/* Finds the client. The upstream has no key, and may come through any proxy. */
static enum err identify(struct request *request)
{
    const struct worker *worker = request->worker;

    if (request->route && request->route->access == FOR_UPSTREAM)
        return ERR_OK;
    enum err err = auth_identify(worker->clients, &worker->service->auth, &request->credentials,
                                 &request->client);
    if (request->client)
        memcpy(request->client_name, request->client->name, sizeof request->client_name);
    return err;
}

/* Finds the client and checks its rate. */
static enum err admit(struct request *request)
{
    enum err err = identify(request);

    return err || is_open(request)
               ? err
               : auth_check_rate(request->client, request->worker->clock.now_ms);
}

/* Judges before its upload whether the request may have this body. The upload has as much time as a
 * head. */
static enum MHD_Result begin_body(struct request *request, const struct framing *framing)
{
    enum err err = admit(request);

    if (err)
        router_reject(request, err);
    else if (router_admit(request) && (err = request_body_begin(request, framing)))
        problem_send(request, err, NULL);
    request->client = NULL; /* a reload may free it before the body is complete */
    if (request->state == REQUEST_ANSWERED)
        return send_response(request);
    request_set_state(request, REQUEST_RECEIVING);
    connection_enter_phase(&request->worker->timeouts, &connection_of(request)->timeout,
                           PHASE_HEADER, request->worker->clock.now_ms);
    return MHD_YES;
}

/* ---- the first call ---- */

/* Reads the headers. Rejects a request whose framing is invalid. */
static enum MHD_Result validate(struct request *request, const char *target, const char *method,
                                const char *version)
{
    struct scan scan = {.credentials = &request->credentials};
    struct header_scan *headers = &scan.headers;
    const char *detail;

    head_layout_begin(&headers->layout, method, target, connection_of(request)->target.end,
                      version);
    MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, scan_header, &scan);
    framing_method(&headers->framing, (struct slice){method, strlen(method)});
    headers->framing.has_gaps = has_gaps(request, &headers->layout, method);
    request->method = route_method(method);
    router_match(request);
    request->closes = headers->closes;
    if (headers->id.data)
        *(char *)mempcpy(request->id, headers->id.data, headers->id.len) = '\0';
    else
        id_new(request->id);
    request->trace = headers->trace;
    set_cache_key(request, headers);
    request_set_state(request, REQUEST_VALIDATED);
    enum err err = framing_verdict(&headers->framing, version,
                                   request->route ? request->route->max_body : 0, &detail);
    if (!err)
        return framing_has_body(&headers->framing) ? begin_body(request, &headers->framing)
                                                   : MHD_YES;
    if (err == ERR_BODY_TOO_LARGE && !request->route)
        router_dispatch(request); /* 404 and 405 say more than 413 */
    else
        problem_send(request, err, detail);
    return send_response(request);
}

/* ---- the response cache and the endpoint ---- */

/* First of three hit paths: the response cache. Takes the complete response that this worker sent
 * for the same request text within this second, if there is one. endpoints/emails.c then tries the
 * second path (the question key known for this text), and last the third (after parsing the
 * query). */
static bool take_cached_response(struct request *request)
{
    struct worker *worker = request->worker;
    struct response *response =
        request->client
            ? response_cache_find(worker->responses, &request->cache_key, &worker->clock)
            : NULL;

    if (!response)
        return false;
    request->response = response_ref(response);
    request->outcome = "hit";
    metrics_add(&metrics_mine()->cache_outcomes[CACHE_HIT], 1);
    return true;
}

/* After a body, only identifies the client again: its request was counted before. */
static enum MHD_Result run(struct request *request)
{
    bool had_body = request->state == REQUEST_RECEIVING;

    request_set_state(request, REQUEST_RUNNING);
    enum err err = had_body ? identify(request) : admit(request);
    if (err)
        router_reject(request, err);
    if (err || take_cached_response(request))
        return send_response(request);
    router_dispatch(request);
    request->client = NULL;
    if (request->state == REQUEST_ANSWERED)
        return send_response(request);
    assert(request->state == REQUEST_PARKED); /* an endpoint replies or parks */
    return MHD_YES;
}

static enum MHD_Result receive(struct request *request, const char *data, size_t *size)
{
    if (*size == 0 && !request_body_is_complete(request)) {
        problem_send(request, ERR_BODY_TOO_LARGE, "the body is longer than this path accepts");
        return send_response(request);
    }
    if (*size == 0)
        return run(request);
    bool may_continue = request_body_add(request, data, *size);
    *size = 0;
    return may_continue ? MHD_YES : MHD_NO;
}

enum MHD_Result request_handle(void *worker, struct MHD_Connection *handle, const char *target,
                               const char *method, const char *version, const char *upload_data,
                               size_t *upload_data_size, void **slot)
{
    if (!*slot)
        *slot = begin(worker, handle);
    struct request *request = *slot;

    switch (request->state) {
    case REQUEST_BEGUN:
        return validate(request, target, method, version);
    case REQUEST_VALIDATED:
        return run(request);
    case REQUEST_RECEIVING:
        return receive(request, upload_data, upload_data_size);
    case REQUEST_ANSWERED:
        return send_response(request);
    case REQUEST_RUNNING:
    case REQUEST_PARKED:
    case REQUEST_ABANDONED:
    case REQUEST_QUEUED:
        break;
    }
    return MHD_NO;
}
