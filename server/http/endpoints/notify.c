/* SPDX-License-Identifier: MIT */
/* notify.c - any method on /notify/{token}: the upstream's call about a batch.
 *
 * The only route without authentication that leads to the engine. So it reveals nothing: each
 * well-formed token gets the same response, before the engine compares it with any other. Neither
 * the response nor its time depends on the token. What the request contains is a hint, see
 * lookup/resolver.h. Some callers put ids into the query, so it is searched too. */
#include "http/endpoints/endpoints.h"

#include "base/id.h"
#include "http/core/app.h"
#include "http/core/problem.h"
#include "lookup/engine.h"

#define BODY_MAX  ((size_t)64 << 10)
#define QUERY_MAX ((size_t)16 << 10) /* the query is part of a head of that size */

size_t notify_body_max(const struct service *service)
{
    (void)service;
    return BODY_MAX;
}

static enum err add_argument(void *arg, struct slice name, struct slice value)
{
    struct buf *text = arg;

    buf_add(text, name.data, name.len);
    buf_add_str(text, "=");
    if (value.data)
        buf_add(text, value.data, value.len);
    buf_add_str(text, "&");
    return ERR_OK;
}

void notify_any(struct request *request)
{
    struct slice body = request_body(request);
    struct buf autobuf text = BUF_INIT(BODY_MAX + QUERY_MAX);
    struct reply reply;

    if (!id_is_well_formed(request_path_tail(request))) {
        problem_send(request, ERR_NOT_FOUND, "a notify token has 32 lower-case hex digits");
        return;
    }
    buf_add(&text, body.data, body.len);
    buf_add_str(&text, "\n");
    request_each_argument(request, add_argument, &text);
    if (!engine_notify(request_service(request)->engine, request_path_tail(request), buf_str(&text),
                       text.len)) {
        problem_send(request, ERR_OVERLOADED, "too many notifications wait");
        return;
    }
    reply_init(&reply, 204);
    reply_text(&reply, "Cache-Control", "no-store");
    request_reply(request, &reply);
}
