/* SPDX-License-Identifier: MIT */
/* request_body.c - receives the body of a request into memory, with limits.
 *
 * libmicrohttpd hands a body over in pieces of about 8 KiB. It takes a response only before the
 * first piece or after the last. So a body that announces its length is rejected before it arrives.
 * A chunked one announces nothing: what is too much is read and dropped, and the response follows
 * its end. If the end does not come soon, the connection is closed without a response.
 *
 * Bodies come from clients that are not authenticated, and slowly if they like. So all bodies of a
 * worker share a limit, from which each reserves its size before it arrives. */
#include "http/core/request_state.h"
#include "http/core/router.h"

#define BODIES_MAX  ((size_t)16 << 20) /* of one worker */
#define DROPPED_MAX ((size_t)1 << 20)  /* of one request */

enum err request_body_begin(struct request *request, const struct framing *framing)
{
    struct worker *worker = request->worker;
    size_t max = request->route->max_body;
    size_t size = framing->encodings ? max : (size_t)framing->length;

    if (size > BODIES_MAX - worker->body_bytes)
        return ERR_OVERLOADED;
    worker->body_bytes += size;
    request->body_reserved = size;
    request->body = BUF_INIT(max);
    request->is_last = framing->encodings > 0;
    return ERR_OK;
}

bool request_body_add(struct request *request, const char *data, size_t len)
{
    request->body_received += len;
    buf_add(&request->body, data, len); /* if it does not fit, the buffer is marked */
    return request->body_received <= request->route->max_body + DROPPED_MAX;
}

bool request_body_is_complete(const struct request *request)
{
    return !buf_check(&request->body);
}

void request_body_done(struct request *request)
{
    request->worker->body_bytes -= request->body_reserved;
    request->body_reserved = 0;
    buf_done(&request->body);
}
