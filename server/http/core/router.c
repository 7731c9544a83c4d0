/* SPDX-License-Identifier: MIT */
/* router.c - finds the route of a request by linear search, because the table is short. */
#include "http/core/router.h"

#include "base/mem.h"
#include "base/metrics.h"
#include "http/auth/client_keys.h"
#include "http/auth/rate_limit.h"
#include "http/core/app.h"
#include "http/core/problem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ALLOW_BYTES 64 /* all method names and their commas */

/* In the order of Allow. */
static const struct {
    enum http_method method;
    const char *name;
} methods[] = {
    {HTTP_GET, "GET"}, {HTTP_HEAD, "HEAD"}, {HTTP_POST, "POST"}, {HTTP_DELETE, "DELETE"}};

enum http_method route_method(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (strcmp(methods[i].name, name) == 0)
            return methods[i].method;
    return HTTP_OTHER_METHOD;
}

const char *route_method_name(enum http_method method)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (methods[i].method == method)
            return methods[i].name;
    return "other";
}

bool route_match(const char *route_path, const char *path, const char **ret_tail)
{
    size_t len = strlen(route_path);
    bool open = len >= 3 && strcmp(route_path + len - 3, "/{}") == 0;

    if (!open) {
        if (strcmp(route_path, path) != 0)
            return false;
        *ret_tail = path + len;
        return true;
    }
    len -= 2; /* keep the slash */
    if (strncmp(route_path, path, len) != 0 || !path[len] || strchr(path + len, '/'))
        return false;
    *ret_tail = path + len;
    return true;
}

bool route_is_open(const struct route *route)
{
    return route->access != FOR_CLIENTS && route->access != FOR_ADMINS;
}

size_t route_max_body(const struct route *route, const struct service *service)
{
    return route && route->body ? route->body->max_bytes(service) : 0;
}

/* Returns whether the options of the service leave the row in the table. */
static bool is_served(const struct route *row, const struct service *service)
{
    return (row->access != FOR_UPSTREAM || service->takes_notifications) &&
           (!row->body || route_max_body(row, service) > 0);
}

static const struct route *find_row(const struct service *service, enum http_method method,
                                    const char *path, const char **ret_tail)
{
    for (size_t i = 0; i < n_routes; i++)
        if ((routes[i].method == method || routes[i].method == HTTP_ANY_METHOD) &&
            route_match(routes[i].path, path, ret_tail) && is_served(&routes[i], service))
            return &routes[i];
    return NULL;
}

/* Returns the row for `method` and `path`, or NULL. Sets *ret_tail as route_match() does. */
static const struct route *find_route(const struct service *service, enum http_method method,
                                      const char *path, const char **ret_tail)
{
    const struct route *row = find_row(service, method, path, ret_tail);

    if (!row && method == HTTP_HEAD)
        row = find_row(service, HTTP_GET, path, ret_tail);
    return row;
}

/* Writes the methods that `path` accepts in the format of Allow; "" if no route has this path. */
static void list_methods(const struct service *service, const char *path, char *allow)
{
    const char *tail;
    size_t n = 0;

    allow[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (find_route(service, methods[i].method, path, &tail))
            n += (size_t)snprintf(allow + n, ALLOW_BYTES - n, "%s%s", n ? ", " : "",
                                  methods[i].name);
}

/* Replies with 404 or 405. */
static void reject_unrouted(struct request *request)
{
    char allow[ALLOW_BYTES];
    struct reply reply;

    list_methods(request_service(request), request_path(request), allow);
    struct problem problem = problem_of(*allow ? ERR_METHOD_NOT_ALLOWED : ERR_NOT_FOUND, NULL);
    if (!*allow)
        problem.detail = "unknown path; look up a domain with /emails?domain=NAME, and see /docs";
    problem_reply(request, &problem, &reply);
    if (*allow)
        reply_text(&reply, "Allow", allow);
    request_reply(request, &reply);
}

void router_reject(struct request *request, enum err err)
{
    const struct client *client = request_client(request);
    struct problem problem = problem_of(err, NULL);
    char rate[64];
    struct reply reply;

    if (err == ERR_UNAUTHORIZED) {
        problem.detail = "send exactly one API key in Authorization: Bearer or X-API-Key";
    } else if (err == ERR_RATE_LIMITED) {
        snprintf(rate, sizeof rate, "rate limit of %" PRId64 " requests per second exceeded",
                 client->rate);
        problem.detail = rate;
        problem.retry_after_s = RATE_LIMIT_WAIT_S;
    } else if (!client) {
        problem.detail = request_denial(request);
    } else {
        problem.detail = "this endpoint requires the 'admin' right";
    }
    problem_reply(request, &problem, &reply);
    if (err == ERR_UNAUTHORIZED)
        reply_text(&reply, "WWW-Authenticate", "Bearer");
    else if (err == ERR_RATE_LIMITED)
        reply_rate_exceeded(&reply, client->rate);
    request_reply(request, &reply);
}

void router_reject_body(struct request *request, enum err err, const char *detail)
{
    const char *accept_post = request_route(request)->body->accept_post;
    struct problem problem = problem_of(err, detail);
    struct reply reply;

    problem_reply(request, &problem, &reply);
    if (err == ERR_UNSUPPORTED_MEDIA_TYPE && accept_post)
        reply_text(&reply, "Accept-Post", accept_post);
    request_reply(request, &reply);
}

static enum err check_access(const struct route *row, const struct client *client)
{
    if (route_is_open(row))
        return ERR_OK;
    if (!client)
        return ERR_UNAUTHORIZED;
    return row->access == FOR_ADMINS && !client->admin ? ERR_FORBIDDEN : ERR_OK;
}

void router_match(struct request *request)
{
    const char *tail;
    const struct route *row =
        find_route(request_service(request), request_method(request), request_path(request), &tail);

    if (row)
        request_set_route(request, row, tail);
}

bool router_admit(struct request *request)
{
    const struct route *row = request_route(request);

    if (!row) {
        reject_unrouted(request);
        return false;
    }
    enum err err = check_access(row, request_client(request));
    if (err) {
        router_reject(request, err);
        return false;
    }
    if (row->access == FOR_LINKS || row->access == FOR_ALL ||
        !atomic_load(&request_service(request)->is_starting))
        return true;
    problem_send(request, ERR_STARTING, NULL);
    return false;
}

void router_dispatch(struct request *request)
{
    if (router_admit(request))
        request_route(request)->endpoint(request);
}

/* Routes with the same path share the index of the first. */
size_t route_metrics_index(const struct route *route)
{
    size_t i = 0;

    if (!route)
        return METRICS_ROUTES - 1;
    while (&routes[i] != route && strcmp(routes[i].path, route->path) != 0)
        i++;
    return i < METRICS_ROUTES - 1 ? i : METRICS_ROUTES - 1;
}
