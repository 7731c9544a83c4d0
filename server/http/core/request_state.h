/* SPDX-License-Identifier: MIT */
/* request_state.h - memory layout of a connection and its current request; shared by request.c,
 * request_input.c and mhd_daemon.c, included by no endpoint.
 *
 * One allocation per connection holds both, so that a hit allocates no memory of ours. Only the
 * thread of `worker` touches the members, also while the request is parked; other threads post to
 * its inbox. request.c writes them. request_input.c sets `route` and `tail` during validation, and
 * fills `peer` and `joined` when they are first read. */
#ifndef HTTP_CORE_REQUEST_STATE_H
#define HTTP_CORE_REQUEST_STATE_H

#include "base/id.h"
#include "base/mem.h"
#include "http/auth/auth.h"
#include "http/core/access_log.h"
#include "http/core/request.h"
#include "http/core/worker_state.h"
#include "http/net/connection_timeout.h"
#include "http/protocol/field_value.h"
#include "http/protocol/header_scan.h"
#include "http/protocol/request_target.h"

#include <netinet/in.h>

enum request_state {
    REQUEST_BEGUN,     /* headers complete */
    REQUEST_VALIDATED, /* headers checked */
    REQUEST_RUNNING,   /* authentication, response cache or endpoint in progress */
    REQUEST_PARKED,    /* suspended; the socket is watched */
    REQUEST_ABANDONED, /* suspended; the client has left */
    REQUEST_ANSWERED,  /* the response is ready to be queued */
    REQUEST_QUEUED,    /* libmicrohttpd has the response */
};

struct request {
    /* Zeroed for each request: */
    struct worker *worker;
    struct MHD_Connection *connection;
    enum request_state state;
    enum http_method method;
    const char *tail;
    const struct route *route;      /* NULL = not found */
    const struct client *client;    /* NULL = not authenticated, or the endpoint has returned */
    struct credentials credentials; /* slices borrowed from libmicrohttpd for the request's life */
    struct slice trace;             /* also borrowed: a well-formed traceparent, or empty */
    int64_t begun_ms;
    request_abandoned_fn *gone;
    void *endpoint_state;
    struct response *response;
    struct access_notes notes;
    /* Of these, only the first byte or the length is zeroed for each request: */
    char id[HEADER_SCAN_ID_MAX + 1];
    char who[KEY_NAME_MAX + 1];  /* the client's name, for log and account */
    char peer[INET6_ADDRSTRLEN]; /* "" until first read */
    struct response_cache_key
        cache_key; /* of the response cache; empty if the response depends on more */
};

/* The context of a libmicrohttpd connection; mhd_daemon.c creates and frees it. */
struct connection {
    struct request_target target; /* of the last request */
    struct connection_timeout timeout;
    struct request request;
    struct joined_lines *joined; /* header lines joined for this request; freed at its end */
};

static inline struct connection *connection_of(const struct request *request)
{
    return container_of(request, struct connection, request);
}

#endif
