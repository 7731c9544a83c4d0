/* SPDX-License-Identifier: MIT */
/* routes.c - finds the row for a request. A dozen rows: a linear search is the clearest, and the
 * most wanted row stands first. */
#include "http/routes.h"

#include "http/problem.h"

#include <stdio.h>
#include <string.h>

#define ALLOW_TEXT 64

bool route_match(const char *row_path, const char *path, const char **ret_tail)
{
    size_t len = strlen(row_path);
    bool has_tail = len >= 2 && strcmp(row_path + len - 2, "{}") == 0;

    if (!has_tail) {
        *ret_tail = "";
        return strcmp(row_path, path) == 0;
    }
    if (strncmp(row_path, path, len - 2) != 0 || !path[len - 2] || strchr(path + len - 2, '/'))
        return false;
    *ret_tail = path + len - 2;
    return true;
}

static bool takes(const struct route *route, enum http_method method)
{
    return route->method == method || (route->method == HTTP_GET && method == HTTP_HEAD);
}

static void add_method(char *allow, const char *name)
{
    size_t len = strlen(allow);

    if (!strstr(allow, name))
        snprintf(allow + len, ALLOW_TEXT - len, "%s%s", len ? ", " : "", name);
}

static void add_allowed(const struct route *route, char *allow)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "DELETE", ""};

    add_method(allow, names[route->method]);
    if (route->method == HTTP_GET)
        add_method(allow, "HEAD");
}

static void refuse(struct request *request, const char *allow)
{
    struct problem problem = problem_of(*allow ? ERR_METHOD_NOT_ALLOWED : ERR_NOT_FOUND, NULL);
    struct reply reply;

    problem_reply(request, &problem, &reply);
    if (*allow)
        reply_header(&reply, "Allow", "%s", allow);
    request_reply(request, &reply);
}

void routes_dispatch(struct request *request)
{
    char allow[ALLOW_TEXT] = "";
    const char *tail;

    for (size_t i = 0; i < n_routes; i++) {
        if (!route_match(routes[i].path, request_path(request), &tail))
            continue;
        if (takes(&routes[i], request_method(request))) {
            request_set_path_tail(request, tail);
            routes[i].endpoint(request);
            return;
        }
        add_allowed(&routes[i], allow);
    }
    refuse(request, allow);
}
