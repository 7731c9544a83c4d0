/* SPDX-License-Identifier: MIT */
/* request_admission.c - decides whether a request is served at all: by its client, its rate and the
 * body that it announces.
 *
 * A body is judged when the headers are complete, because libmicrohttpd accepts a response before
 * the upload or after it, but not during it. So nothing is uploaded in vain, and a client that
 * expects 100 (Continue) gets the response in its place. The checks that need no body come in this
 * order: 403 for a page of another site, on a server without keys; 404, 405, 401, 403, 503; 403 for
 * such a page, whatever the server; 411, 415, 429, 413. */
#include "http/core/app.h"
#include "http/core/problem.h"
#include "http/core/request_state.h"
#include "http/core/router.h"

#include <string.h>

/* Routes open to all are exempt from the rate limit, so a probe that sends a key is never
 * limited. */
static bool is_open(const struct request *request)
{
    return request->route && route_is_open(request->route);
}

/* The upstream has no key, and may come through any proxy. */
enum err request_identify(struct request *request)
{
    const struct worker *worker = request->worker;

    if (request->route && request->route->access == FOR_UPSTREAM)
        return ERR_OK;
    if (request->route && request->route->access == FOR_LINKS)
        same_site_allow_link(&request->credentials.site);
    enum err err = auth_identify(worker->clients, &worker->service->auth, &request->credentials,
                                 &request->client);
    if (request->client)
        memcpy(request->client_name, request->client->name, sizeof request->client_name);
    return err;
}

static enum err check_rate(const struct request *request)
{
    return is_open(request) ? ERR_OK
                            : auth_check_rate(request->client, request->worker->clock.now_ms);
}

enum err request_admit(struct request *request)
{
    enum err err = request_identify(request);

    return err ? err : check_rate(request);
}

/* Returns why the page that sends the request is not one of this server, if the route requires
 * that; else NULL. */
static const char *find_foreign_page(const struct request *request)
{
    return request->route->body->own_pages_only
               ? auth_page_denial(&request->worker->service->auth, &request->credentials)
               : NULL;
}

/* Returns ERR_OK, ERR_LENGTH_REQUIRED or ERR_UNSUPPORTED_MEDIA_TYPE. */
static enum err judge_kind(const struct request *request, const struct framing *framing,
                           struct errmsg *why)
{
    const struct route_body *body = request->route->body;

    if (body->requires_length && framing->lengths == 0) {
        errmsg_set(why, "send the body with its Content-Length");
        return ERR_LENGTH_REQUIRED;
    }
    return body->accepts ? body->accepts(request, why) : ERR_OK;
}

/* Returns ERR_OK, ERR_BODY_TOO_LARGE or ERR_OVERLOADED. */
static enum err judge_size(struct request *request, const struct framing *framing,
                           struct errmsg *why)
{
    size_t max = route_max_body(request->route, request->worker->service);

    if (framing->length <= max) {
        errmsg_set(why, "too many request bodies arrive");
        return request_body_begin(request, framing);
    }
    errmsg_set(why, "the body is longer than this path accepts: at most %zu bytes", max);
    return ERR_BODY_TOO_LARGE;
}

bool request_admit_body(struct request *request, const struct framing *framing)
{
    struct errmsg why;
    enum err err = request_identify(request);

    if (err)
        router_reject(request, err);
    if (err || !router_admit(request))
        return false;
    const char *foreign = find_foreign_page(request);
    if (foreign) {
        problem_send(request, ERR_FORBIDDEN, foreign);
        return false;
    }
    err = judge_kind(request, framing, &why);
    if (err) {
        router_reject_body(request, err, why.text);
        return false;
    }
    err = check_rate(request);
    if (err) {
        router_reject(request, err);
        return false;
    }
    err = judge_size(request, framing, &why);
    if (err)
        router_reject_body(request, err, why.text);
    return !err;
}
