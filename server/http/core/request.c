/* SPDX-License-Identifier: MIT */
/* request.c - the endpoint's view of a request: its input, the reply, waiting. request_handler.c
 * takes it from libmicrohttpd's callbacks to the endpoint and back. */
#include "http/core/request.h"

#include "http/core/request_state.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>

#define HELD_MAX 10000 /* messages per worker; a hanging engine has no other limit on them */

/* ---- input ---- */

enum http_method request_method(const struct request *request)
{
    return request->method;
}

const char *request_path(const struct request *request)
{
    return connection_of(request)->target.path;
}

struct service *request_service(const struct request *request)
{
    return request->worker->service;
}

const struct limits *request_limits(const struct request *request)
{
    return &request->worker->limits;
}

const struct denied_domains *request_denied_domains(const struct request *request)
{
    return request->worker->denied;
}

const char *request_id(const struct request *request)
{
    return request->id;
}

const struct clock *request_clock(const struct request *request)
{
    return &request->worker->clock;
}

static enum MHD_Result note_line(void *lines, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    field_lines_add(lines, (struct slice){name, name_len}, (struct slice){value, value_len});
    return MHD_YES;
}

const char *request_header(const struct request *request, const char *name)
{
    struct field_lines lines = {.name = name};

    MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, note_line, &lines);
    return field_lines_join(&lines, &connection_of(request)->joined);
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

void request_set_route(struct request *request, const struct route *route, const char *tail)
{
    request->route = route;
    request->tail = tail;
}

const struct route *request_route(const struct request *request)
{
    return request->route;
}

const struct client *request_client(const struct request *request)
{
    return request->client;
}

const char *request_denial(const struct request *request)
{
    return auth_denial(&request->worker->service->auth, &request->credentials);
}

const char *request_account(struct request *request)
{
    return *request->client_name ? request->client_name : request_peer(request);
}

const char *request_path_tail(const struct request *request)
{
    return request->tail ? request->tail : "";
}

struct slice request_body(const struct request *request)
{
    return (struct slice){buf_str(&request->body), request->body.len};
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

/* ---- state ---- */

/* Returns whether the request waits with a suspended connection for a message or a timer. */
static bool is_waiting(enum request_state state)
{
    return state == REQUEST_PARKED || state == REQUEST_PAUSED;
}

static bool is_suspended(enum request_state state)
{
    return is_waiting(state) || state == REQUEST_ABANDONED;
}

void request_set_state(struct request *request, enum request_state state)
{
    struct worker *worker = request->worker;
    struct connection_timeout *timeout = &connection_of(request)->timeout;
    bool was_suspended = is_suspended(request->state);

    timer_disarm(&worker->timers, &request->deadline);
    timer_disarm(&worker->timers, &request->interim);
    request->state = state;
    if (is_waiting(state)) {
        worker->n_parked++;
        connection_enter_phase(&worker->timeouts, timeout, PHASE_NONE, 0);
        MHD_suspend_connection(request->connection);
        worker_watch(worker, timeout->fd, request);
    } else if (was_suspended && !is_suspended(state)) {
        worker->n_parked--;
        MHD_resume_connection(request->connection);
    }
}

/* ---- the response ---- */

/* The waiters of one lookup get equal replies in succession, so the last response is kept for
 * reuse. */
void request_reply(struct request *request, struct reply *reply)
{
    struct worker *worker = request->worker;
    bool closing = worker->stage != WORKER_RUNNING || request->is_last;

    assert(!request->response);
    stream_release(request);
    if (worker->last_response &&
        response_matches(worker->last_response, reply, worker->date, request->id, closing)) {
        result_unref(TAKE(reply->keeper));
    } else {
        response_unref(worker->last_response);
        worker->last_response = response_new(reply, worker->date, request->id, closing);
    }
    request->response = response_ref(worker->last_response);
    request_set_state(request,
                      request->state == REQUEST_ABANDONED ? REQUEST_DISCARDED : REQUEST_ANSWERED);
}

void request_set_outcome(struct request *request, const char *outcome, const char *lookup_id,
                         enum charged charged)
{
    request->outcome = outcome;
    request->charged = charged;
    if (lookup_id && *lookup_id)
        snprintf(request->lookup_id, sizeof request->lookup_id, "%s", lookup_id);
}

void request_set_bulk(struct request *request, const char *id)
{
    snprintf(request->bulk_id, sizeof request->bulk_id, "%s", id);
}

void request_started_lookup(struct request *request)
{
    request->has_started_lookup = true;
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

void request_park(struct request *request, request_abandoned_fn *abandoned, void *state)
{
    assert(request->state == REQUEST_RUNNING);
    request->abandoned = abandoned;
    request->endpoint_state = state;
    request_set_state(request, REQUEST_PARKED);
}

void *request_state(const struct request *request)
{
    return request->endpoint_state;
}

static void run_deadline(struct timer *timer)
{
    struct request *request = container_of(timer, struct request, deadline);

    request->late(request);
}

void request_set_deadline(struct request *request, int64_t at_ms, request_late_fn *late)
{
    assert(request->state == REQUEST_PARKED);
    request->late = late;
    timer_arm(&request->worker->timers, &request->deadline, at_ms, run_deadline);
}

struct worker *request_hold_worker(struct request *request)
{
    if (request->worker->n_held >= HELD_MAX)
        return NULL;
    request->worker->n_held++;
    return request->worker;
}

void request_release_worker(struct worker *worker)
{
    worker->n_held--;
}

struct inbox *request_inbox(const struct request *request)
{
    return request->worker->inbox;
}
