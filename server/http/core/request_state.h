/* SPDX-License-Identifier: MIT */
/* request_state.h - what request.c and request_input.c share: a request as it lies in memory.
 *
 * A connection and its one request at a time are made together, in one place, so that a hit
 * allocates nothing of ours. Worker thread of the request. */
#ifndef HTTP_CORE_REQUEST_STATE_H
#define HTTP_CORE_REQUEST_STATE_H

#include "base/id.h"
#include "base/mem.h"
#include "http/auth/auth.h"
#include "http/core/access_log.h"
#include "http/core/connection.h"
#include "http/core/header_scan.h"
#include "http/core/request.h"
#include "http/core/worker_state.h"
#include "http/protocol/field_value.h"

#include <netinet/in.h>

enum request_state {
    REQUEST_BEGUN,     /* its headers are there */
    REQUEST_VALIDATED, /* its headers were looked at */
    REQUEST_RUNNING,   /* in its endpoint */
    REQUEST_PARKED,    /* suspended; the client is being watched */
    REQUEST_ABANDONED, /* suspended; the client has left */
    REQUEST_ANSWERED,  /* its response is ready to be handed over */
    REQUEST_QUEUED,    /* libmicrohttpd has the response */
};

struct request {
    /* Zeroed for each request: */
    struct worker *worker;
    struct MHD_Connection *connection;
    enum request_state state;
    enum http_method method;
    const char *tail;
    const struct route *route;      /* NULL until it is found */
    const struct client *client;    /* NULL: nobody, or the endpoint has returned */
    struct credentials credentials; /* the slices are libmicrohttpd's, for the request's life */
    struct slice trace;             /* likewise: a well-formed traceparent, or empty */
    int64_t begun_ms;
    request_abandoned_fn *gone;
    void *endpoint_state;
    struct ready *ready;
    struct access_notes notes;
    /* From here on only the first byte or the length is: */
    char id[HEADERS_ID_MAX + 1];
    char who[KEY_NAME_MAX + 1];  /* the client's name, for the log */
    char peer[INET6_ADDRSTRLEN]; /* "" until asked for */
    struct hits_text text;       /* empty when there is something special about it */
};

struct place {
    struct connection connection;
    struct request request;
    struct joined *joined; /* header lines of one name, joined for the request so far */
};

#endif
