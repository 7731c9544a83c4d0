/* SPDX-License-Identifier: MIT */
/* router.h - THE route table: which path takes which methods, and who answers.
 *
 * 404, 405, Allow and HEAD follow from it. Paths are compared raw and whole: no decoding, no case
 * folding, no trailing slash; a path that ends in "/{}" takes exactly one more segment. The rows
 * are in route_table.c, or in the test that brings its own. Read-only; any thread. */
#ifndef HTTP_CORE_ROUTER_H
#define HTTP_CORE_ROUTER_H

#include "http/core/request.h"

#include <stdbool.h>
#include <stddef.h>

/* Who may ask. */
enum access_to {
    FOR_ALL,     /* probes and pages: they tell nothing of what clients asked */
    FOR_CLIENTS, /* whoever is let in: see auth.h */
    FOR_ADMINS,  /* clients with the right `admin` */
};

typedef void endpoint_fn(struct request *request);

struct route {
    enum http_method method; /* a GET route answers HEAD too unless another row does */
    const char *path;
    endpoint_fn *endpoint;
    enum access_to access;
};

extern const struct route routes[];
extern const size_t n_routes;

/* Sets the request's row, if there is one. Before the sender is judged, so that whatever is said to
 * him counts for it. */
void routes_place(struct request *request);

/* Runs the endpoint of that row, or answers 401, 403, 404 or 405. */
void routes_dispatch(struct request *request);

/* Answers with what auth_judge(), auth_pace() or the table has against the sender, and with what
 * goes with it. `client` NULL = nobody who is known. */
void route_refuse(struct request *request, enum err err, const struct client *client);

/* Under which the metrics count its requests, less than METRICS_ROUTES; `route` NULL = no row took
 * the request. */
size_t route_metrics_index(const struct route *route);

/* As Allow has it; "other" for HTTP_OTHER_METHOD. */
const char *route_method_name(enum http_method method);

/* The method of that exact name; HTTP_OTHER_METHOD when no route takes it. */
enum http_method route_method(const char *name);

/* Does `path` match the pattern `route_path`? *ret_tail points at what {} stands for in `path`, or
 * at its end. */
bool route_match(const char *route_path, const char *path, const char **ret_tail);

#endif
