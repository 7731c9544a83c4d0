/* SPDX-License-Identifier: MIT */
/* router.h - the route table: which path accepts which methods, and which endpoint serves it.
 *
 * 404, 405, Allow and HEAD follow from the table. Paths are compared raw and whole: no decoding, no
 * case folding, no trailing slash. A path that ends in "/{}" matches exactly one more segment. The
 * rows are in route_table.c, or in a test that defines its own. The table is read-only; functions
 * that take a request run on its worker thread, the others on any. */
#ifndef HTTP_CORE_ROUTER_H
#define HTTP_CORE_ROUTER_H

#include "base/errmsg.h"
#include "http/core/request.h"

#include <stdbool.h>
#include <stddef.h>

/* The access that a route requires. */
enum access_to {
    FOR_LINKS,    /* no key, and links of other sites may lead there: constants without data */
    FOR_ALL,      /* no key; such routes expose nothing about lookups, and need no engine */
    FOR_UPSTREAM, /* no key, from any site; no such route if the service takes no notifications */
    FOR_CLIENTS,  /* any accepted client; see auth.h */
    FOR_ADMINS,   /* clients with the right `admin` */
};

typedef void endpoint_fn(struct request *request);

/* The request bodies that a route accepts. */
struct route_body {
    size_t (*max_bytes)(const struct service *service); /* 0 = there is no such route */
    bool requires_length; /* without a Content-Length: 411; never in chunks */
    /* Judges the media type. ERR_OK, or ERR_UNSUPPORTED_MEDIA_TYPE and what to do. NULL = any. */
    enum err (*accepts)(const struct request *request, struct errmsg *why);
    const char *accept_post; /* the types that are accepted, for a 415; NULL = not listed */
    bool own_pages_only;     /* a page of another site gets 403, also with a client key */
};

struct route {
    enum http_method method; /* a GET route serves HEAD too unless another row does;
                                HTTP_ANY_METHOD = every method, also unknown ones */
    const char *path;
    endpoint_fn *endpoint;
    enum access_to access;
    const struct route_body *body; /* static; NULL = none is accepted */
};

extern const struct route routes[];
extern const size_t n_routes;

/* Returns whether the route is open to requests without a key. */
bool route_is_open(const struct route *route);

/* Returns how many bytes of a body the route accepts. `route` NULL = no route matches. */
size_t route_max_body(const struct route *route, const struct service *service);

/* Sets the request's route, if one matches. Runs before authentication, so that a rejected request
 * is counted for its route. */
void router_match(struct request *request);

/* Returns whether the request has a route, its client has access to it, and what serves it has
 * started. Otherwise replies with 401, 403, 404, 405 or 503. */
bool router_admit(struct request *request);

/* Runs the endpoint of that route, if router_admit() allows it. */
void router_dispatch(struct request *request);

/* Replies with an error of auth_identify(), auth_check_rate() or the access check, and its
 * headers. */
void router_reject(struct request *request, enum err err);

/* Replies with what is wrong with a body of the request's route. */
void router_reject_body(struct request *request, enum err err, const char *detail);

/* Returns the route's index in the metrics, less than METRICS_ROUTES. `route` NULL = no route
 * matches. */
size_t route_metrics_index(const struct route *route);

/* Returns the name as in Allow; "other" for HTTP_OTHER_METHOD. */
const char *route_method_name(enum http_method method);

/* Returns the method of that exact name, or HTTP_OTHER_METHOD if no route accepts it. */
enum http_method route_method(const char *name);

/* Returns whether `path` matches the pattern `route_path`. *ret_tail then points to what {} stands
 * for in `path`, or to its end. */
bool route_match(const char *route_path, const char *path, const char **ret_tail);

#endif
