/* SPDX-License-Identifier: MIT */
/* request_handler.c - takes one request from libmicrohttpd's callbacks to its endpoint and back.
 *
 *   request_reject_target()   request line complete, but it leaves no memory for a response
 *   request_handle() 1   headers complete: validates them; libmicrohttpd 0.9.75 closes the
 *                        connection after a response queued here, as invalid framing requires. If a
 *                        body follows, judges it (request_admission.c); after this call
 *                        libmicrohttpd sends 100 (Continue) if expected
 *   request_handle() +   a piece of the body
 *   request_handle() 2   authenticates the client, tries the response cache, runs the endpoint
 *   request_reply()      in request.c: prepares the response; resumes a parked connection, which
 *                        leads to
 *   request_handle() 3   queues the response of a parked request; libmicrohttpd then reads the body
 *                        of a stream from stream.c
 *   request_completed()  the response was sent, or the connection broke: the request ends
 *
 * A request begins when its headers are complete, because libmicrohttpd does not report the end of
 * requests that it rejects itself. */
#include "base/metrics.h"
#include "http/core/app.h"
#include "http/core/direct_send.h"
#include "http/core/problem.h"
#include "http/core/request_state.h"
#include "http/core/router.h"
#include "http/protocol/head_memory.h"

#include <assert.h>
#include <string.h>

#define INTERIM_MAX_MS 30000

/* ---- begin and end ---- */

static struct connection *connection_at(struct MHD_Connection *handle)
{
    return MHD_get_connection_info(handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static struct request *begin(struct worker *worker, struct MHD_Connection *handle)
{
    struct request *request = &connection_at(handle)->request;

    memset(request, 0, offsetof(struct request, id));
    request->id[0] = request->client_name[0] = request->peer[0] = '\0';
    request->cache_key.len = 0;
    request->worker = worker;
    request->connection = handle;
    worker->n_requests++;
    request->begun_ms = worker->last_request_ms = worker->clock.now_ms;
    return request;
}

void request_completed(void *arg, struct MHD_Connection *handle, void **slot,
                       enum MHD_RequestTerminationCode how)
{
    struct worker *worker = arg;
    struct request *request = *slot;

    (void)handle;
    if (!request)
        return;
    assert(request->state != REQUEST_PARKED && request->state != REQUEST_ABANDONED &&
           request->state != REQUEST_PAUSED);
    if (request->state != REQUEST_QUEUED && request->state != REQUEST_STREAMING &&
        how != MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN)
        access_log_client_closed(request);
    if (request->stream)
        stream_completed(request->stream, how == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    stream_release(request);
    struct connection *connection = connection_of(request);
    response_unref(request->response);
    request_drop_body(request);
    joined_lines_free(TAKE(connection->joined));
    worker->n_requests--;
    connection_enter_phase(&worker->timeouts, &connection->timeout, PHASE_IDLE,
                           worker->clock.now_ms);
    *slot = NULL;
}

void request_client_left(struct request *request)
{
    if (request->state == REQUEST_PAUSED)
        stream_client_left(request->stream);
    if (request->state != REQUEST_PARKED)
        return; /* the response is ready; libmicrohttpd will notice the departure */
    request_set_state(request, REQUEST_ABANDONED);
    request->abandoned(request);
}

static void send_interim(struct request *request);

static void run_interim(struct timer *timer)
{
    send_interim(container_of(timer, struct request, interim));
}

/* Sends what any client must be able to skip (RFC 9110, 15.2); one of HTTP/1.0 does not know it,
 * and counts as having left. */
static void send_interim(struct request *request)
{
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct worker *worker = request->worker;

    if (request->is_1_0 || !direct_send(request->connection, interim, sizeof interim - 1)) {
        request_client_left(request);
        return;
    }
    timer_arm(&worker->timers, &request->interim, worker->clock.now_ms + request->interim_ms,
              run_interim);
    request->interim_ms *= 2;
    if (request->interim_ms > INTERIM_MAX_MS)
        request->interim_ms = INTERIM_MAX_MS;
}

/* A client that closed its connection looks the same until something is sent to it; then its system
 * resets the connection, and request_client_left() follows. If a relay is in between, such as that
 * of Docker for published ports, the first interim response resets only the relay's connection to
 * the client; with the second, the relay closes its connection to this server. */
void request_client_half_closed(struct request *request)
{
    if (request->state == REQUEST_PAUSED)
        stream_client_half_closed(request->stream);
    if (request->state != REQUEST_PARKED)
        return;
    request->interim_ms = request->worker->options.interim_ms;
    send_interim(request);
}

static enum MHD_Result send_response(struct request *request)
{
    struct worker *worker = request->worker;

    if (!request->stream)
        access_log_response(request);
    request_set_state(request, request->stream ? REQUEST_STREAMING : REQUEST_QUEUED);
    connection_enter_phase(&worker->timeouts, &connection_of(request)->timeout, PHASE_SENDING,
                           worker->clock.now_ms);
    return response_send(request->response, request->connection, request->id);
}

/* Rejects the request and closes the connection, where libmicrohttpd cannot send a response. */
static enum MHD_Result reject_and_close(struct request *request, enum err err, const char *detail)
{
    request->is_last = true;
    problem_send(request, err, detail);
    access_log_response(request);
    request_set_state(request, REQUEST_QUEUED);
    response_send_directly(request->response, request->connection, request->id,
                           request->method != HTTP_HEAD);
    return MHD_NO;
}

/* ---- validation ---- */

struct scan {
    struct header_scan headers;
    size_t n_records; /* headers and arguments */
    struct credentials *credentials;
};

static enum MHD_Result scan_value(void *arg, enum MHD_ValueKind kind, const char *name,
                                  size_t name_len, const char *value, size_t value_len)
{
    struct scan *scan = arg;
    const struct slice n = {name, name_len}, v = {value, value_len};

    scan->n_records++;
    if (kind != MHD_HEADER_KIND || name == mhd_no_cookie)
        return MHD_YES;
    header_scan_add(&scan->headers, n, v);
    auth_header(scan->credentials, n, v);
    return MHD_YES;
}

static size_t head_size(const struct request *request)
{
    return MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)
        ->header_size;
}

/* The authority of a target in absolute form replaces Host (RFC 9112, 3.2.2). */
static void scan_head(const struct request *request, const char *target, const char *method,
                      const char *version, struct scan *scan)
{
    static const struct slice host = {"Host", 4};
    const struct slice authority = connection_of(request)->target.authority;
    struct head_layout *layout = &scan->headers.layout;

    head_layout_begin(layout, method, target, connection_of(request)->target.end, version);
    MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND | MHD_GET_ARGUMENT_KIND,
                                scan_value, scan);
    if (authority.len)
        auth_header(scan->credentials, host, authority);
    framing_method(&scan->headers.framing, (struct slice){method, strlen(method)});
    scan->headers.framing.has_gaps = request->worker->knows_head_layout &&
                                     !head_layout_is_whole(layout, method, head_size(request));
}

static const char target_detail[] =
    "the request target is too long; at most 8000 bytes and a few parameters are supported";

/* Says which part of the head to shorten. */
static enum MHD_Result reject_head(struct request *request)
{
    if (connection_of(request)->target.size > head_size(request) / 2)
        return reject_and_close(request, ERR_URI_TOO_LONG, target_detail);
    return reject_and_close(request, ERR_HEADERS_TOO_LARGE,
                            "the headers are too large; 12800 bytes fit, where each header and "
                            "argument counts 64 bytes more, and at most 100 of them");
}

/* 0.9.75 gives no response if the arguments of a target do not fit. The method is not known here,
 * so a response to HEAD has a body, which ends with the connection. */
void request_reject_target(struct worker *worker, struct MHD_Connection *handle)
{
    struct request *request = begin(worker, handle);
    struct connection *connection = connection_of(request);

    id_new(request->id);
    request->method = HTTP_OTHER_METHOD;
    reject_and_close(request, ERR_URI_TOO_LONG, target_detail);
    response_unref(TAKE(request->response));
    worker->n_requests--;
    connection->is_rejected = true;
    shutdown(connection->timeout.fd, SHUT_RDWR);
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

/* ---- the first call ---- */

static enum MHD_Result begin_body(struct request *request, const struct framing *framing)
{
    bool is_admitted = request_admit_body(request, framing);

    request->client = NULL; /* a reload may free it before the body is complete */
    if (!is_admitted)
        return send_response(request);
    request_set_state(request, REQUEST_RECEIVING);
    connection_enter_phase(&request->worker->timeouts, &connection_of(request)->timeout,
                           PHASE_HEADER, request->worker->clock.now_ms);
    return MHD_YES;
}

/* Judges the framing for the route. ERR_BODY_TOO_LARGE stands for any body where none is accepted;
 * request_admit_body() judges the others. */
static enum err judge_framing(const struct request *request, const struct framing *framing,
                              const char *version, const char **ret_detail)
{
    const struct route_body *body = request->route ? request->route->body : NULL;

    return framing_verdict(framing, version,
                           !body                   ? FRAMING_NO_BODY
                           : body->requires_length ? FRAMING_BODY_OF_LENGTH
                                                   : FRAMING_ANY_BODY,
                           ret_detail);
}

/* Returns whether the request is admitted as one with a body; it may be empty. */
static bool receives_body(const struct request *request, const struct framing *framing)
{
    const struct route *route = request->route;

    return framing_has_body(framing) || (route && route->body && route->body->requires_length);
}

/* Reads the headers. Rejects a request whose framing is invalid. */
static enum MHD_Result validate(struct request *request, const char *target, const char *method,
                                const char *version)
{
    struct scan scan = {.credentials = &request->credentials};
    struct header_scan *headers = &scan.headers;
    const char *detail;

    scan_head(request, target, method, version, &scan);
    request->is_1_0 = strcmp(version, "HTTP/1.0") == 0;
    request->method = route_method(method);
    router_match(request);
    if (headers->id.data)
        *(char *)mempcpy(request->id, headers->id.data, headers->id.len) = '\0';
    else
        id_new(request->id);
    request->trace = headers->trace;
    if (!head_memory_suffices(head_size(request), scan.n_records))
        return reject_head(request);
    set_cache_key(request, headers);
    request_set_state(request, REQUEST_VALIDATED);
    enum err err = judge_framing(request, &headers->framing, version, &detail);
    if (!err && !receives_body(request, &headers->framing))
        return MHD_YES;
    if (!err || (err == ERR_BODY_TOO_LARGE && !request->route)) /* 404 and 405 say more than 413 */
        return begin_body(request, &headers->framing);
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
    enum err err = had_body ? request_identify(request) : request_admit(request);
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
    if (!request_body_add(request, data, *size))
        return reject_and_close(request, ERR_BODY_TOO_LARGE, "the body does not end");
    *size = 0;
    return MHD_YES;
}

/* Returns whether a call offers a piece of a body that has no byte. After 100 (Continue), 0.9.75
 * offers what follows a request without a body so, and takes no response to that call. */
static bool is_empty_piece(const char *data, size_t size)
{
    return data && size == 0;
}

enum MHD_Result request_handle(void *worker, struct MHD_Connection *handle, const char *target,
                               const char *method, const char *version, const char *upload_data,
                               size_t *upload_data_size, void **slot)
{
    if (!*slot && connection_at(handle)->is_rejected)
        return MHD_NO;
    if (!*slot)
        *slot = begin(worker, handle);
    struct request *request = *slot;

    switch (request->state) {
    case REQUEST_BEGUN:
        return validate(request, target, method, version);
    case REQUEST_VALIDATED:
        return is_empty_piece(upload_data, *upload_data_size) ? MHD_YES : run(request);
    case REQUEST_RECEIVING:
        return is_empty_piece(upload_data, *upload_data_size)
                   ? MHD_YES
                   : receive(request, upload_data, upload_data_size);
    case REQUEST_ANSWERED:
        return send_response(request);
    case REQUEST_DISCARDED:
    case REQUEST_RUNNING:
    case REQUEST_PARKED:
    case REQUEST_ABANDONED:
    case REQUEST_QUEUED:
    case REQUEST_STREAMING:
    case REQUEST_PAUSED:
        break;
    }
    return MHD_NO;
}
