/* SPDX-License-Identifier: MIT */
/* request_body.c - receives the body of a request into memory, with limits.
 *
 * libmicrohttpd hands a body over in pieces of about 8 KiB. It takes a response only before the
 * first piece or after the last. So a body that announces its length is rejected before it arrives.
 * A chunked one announces nothing: what is too much is read and dropped, and the response follows
 * its end. If the end does not come soon, the connection is closed without a response.
 *
 * Bodies arrive slowly if their clients like. So all bodies of a worker share a limit, from which
 * each reserves its size before it arrives. Bodies of clients that are not authenticated have a
 * limit of their own. An upload has as much time as a head, and again as much for each PIECE that
 * has arrived. */
#include "http/core/request_state.h"
#include "http/core/router.h"

#define BODIES_MAX  ((size_t)16 << 20) /* of one worker, on open routes and on others */
#define BODIES      4                  /* on routes for clients, at least so many of the maximum */
#define DROPPED_MAX ((size_t)1 << 20)  /* of one request */
#define PIECE       ((size_t)64 << 10)

static size_t *reserved_of(const struct request *request)
{
    return &request->worker->body_bytes[route_is_open(request->route)];
}

enum err request_body_begin(struct request *request, const struct framing *framing)
{
    size_t *reserved = reserved_of(request);
    size_t max = route_max_body(request->route, request->worker->service);
    size_t size = framing->encodings ? max : (size_t)framing->length;
    size_t all = BODIES * max > BODIES_MAX ? BODIES * max : BODIES_MAX;

    if (*reserved > all || size > all - *reserved)
        return ERR_OVERLOADED;
    *reserved += size;
    request->body_reserved = size;
    request->body = BUF_INIT(max);
    request->is_last = framing->encodings > 0;
    return ERR_OK;
}

bool request_body_add(struct request *request, const char *data, size_t len)
{
    size_t before = request->body_received;

    request->body_received += len;
    buf_add(&request->body, data, len); /* if it does not fit, the buffer is marked */
    if (request->body_received / PIECE > before / PIECE &&
        request->body_received < request->body.max)
        connection_enter_phase(&request->worker->timeouts, &connection_of(request)->timeout,
                               PHASE_HEADER, request->worker->clock.now_ms);
    return request->body_received <= request->body.max + DROPPED_MAX;
}

bool request_body_is_complete(const struct request *request)
{
    return !buf_check(&request->body);
}

void request_drop_body(struct request *request)
{
    if (request->body_reserved)
        *reserved_of(request) -= request->body_reserved;
    request->body_reserved = 0;
    buf_done(&request->body);
}
