/* SPDX-License-Identifier: MIT */
/* routes.h - which path takes which methods, and who answers.
 *
 * The table itself is route_table.c; 404, 405, Allow and HEAD follow from it. Paths are compared
 * raw and whole: no decoding, no case folding, no trailing slash; a path that ends in "/{}" takes
 * exactly one more segment. Read-only; any thread. */
#ifndef HTTP_ROUTES_H
#define HTTP_ROUTES_H

#include "http/request.h"

#include <stdbool.h>
#include <stddef.h>

typedef void endpoint_fn(struct request *request);

struct route {
    enum http_method method; /* a GET row answers HEAD too, unless a HEAD row comes before it */
    const char *path;
    endpoint_fn *endpoint;
};

extern const struct route routes[];
extern const size_t n_routes;

/* Runs the endpoint of the request, or answers 404 or 405. */
void routes_dispatch(struct request *request);

/* Does `path` match the row's? *ret_tail is then what "{}" stands for, or "". */
bool route_match(const char *row_path, const char *path, const char **ret_tail);

#endif
