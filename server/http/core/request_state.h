/* SPDX-License-Identifier: MIT */
/* request_state.h - memory layout of a connection and its current request; private to the files
 * that handle them: request.c, request_handler.c, request_admission.c, request_body.c, stream.c,
 * access_log.c and mhd_daemon.c.
 *
 * One allocation per connection holds both, so that a hit allocates no memory of ours. Only the
 * thread of `worker` touches the members, also while the request is parked; other threads post to
 * its inbox. request_handler.c begins and validates a request; request.c fills `peer` and `joined`
 * when they are first read. */
#ifndef HTTP_CORE_REQUEST_STATE_H
#define HTTP_CORE_REQUEST_STATE_H

#include "base/buf.h"
#include "base/id.h"
#include "base/mem.h"
#include "http/auth/auth.h"
#include "http/core/request.h"
#include "http/core/response_cache.h"
#include "http/core/worker_state.h"
#include "http/net/connection_timeout.h"
#include "http/protocol/field_value.h"
#include "http/protocol/header_scan.h"
#include "http/protocol/request_target.h"

#include <netinet/in.h>

enum request_state {
    REQUEST_BEGUN,     /* headers complete */
    REQUEST_VALIDATED, /* headers checked; no body follows */
    REQUEST_RECEIVING, /* headers checked, client admitted; the body arrives, or is empty */
    REQUEST_RUNNING,   /* authentication, response cache or endpoint in progress */
    REQUEST_PARKED,    /* suspended; the socket is watched */
    REQUEST_ABANDONED, /* suspended; the client has left */
    REQUEST_ANSWERED,  /* the response is ready to be queued */
    REQUEST_DISCARDED, /* the response is ready, but the client has left: closes the connection */
    REQUEST_QUEUED,    /* libmicrohttpd has the response */
    REQUEST_STREAMING, /* libmicrohttpd has the head of a stream, and reads its body */
    REQUEST_PAUSED, /* the same, but there is nothing to send: suspended; the socket is watched */
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
    request_abandoned_fn *abandoned; /* NULL = was never parked */
    void *endpoint_state;
    struct timer deadline; /* armed only while parked */
    request_late_fn *late; /* of `deadline` */
    struct timer interim;  /* armed only while parked and half-closed */
    int64_t interim_ms;    /* pause before a half-closed client is probed again; 0 = it was not */
    size_t body_reserved;  /* bytes of the worker's limit that this body may use */
    size_t body_received;  /* bytes, stored or dropped */
    struct buf body;       /* whole when the endpoint runs */
    bool is_1_0;           /* HTTP/1.0 */
    bool is_last;          /* the connection ends with this request */
    struct response *response;
    struct stream *stream; /* whose head is `response`; NULL = the body is whole */
    bool has_stream_slot;  /* one of --max-streams is its own: see stream_reserve() */
    const char *outcome;   /* static, for the access log; NULL = not set */
    enum charged charged;
    char lookup_id[ID_TEXT], bulk_id[ID_TEXT];
    bool has_started_lookup;
    /* Of these, only the first byte or the length is zeroed for each request: */
    char id[HEADER_SCAN_ID_MAX + 1];
    char client_name[CLIENT_NAME_MAX + 1]; /* for log and account */
    char peer[INET6_ADDRSTRLEN];           /* "" until first read */
    struct response_cache_key cache_key;   /* empty if the response depends on more */
};

/* The context of a libmicrohttpd connection; mhd_daemon.c creates and frees it. */
struct connection {
    struct request_target target; /* of the last request */
    bool is_rejected;             /* by its target; the connection closes */
    struct connection_timeout timeout;
    struct request request;
    struct joined_lines *joined; /* header lines joined for this request; freed at its end */
};

static inline struct connection *connection_of(const struct request *request)
{
    return container_of(request, struct connection, request);
}

/* Changes the state; suspends or resumes the connection if that requires it. The only function that
 * changes the state of a request. */
void request_set_state(struct request *request, enum request_state state);

/* ---- admission ---- */

/* Finds the client. Returns an error of auth_identify(). */
enum err request_identify(struct request *request);

/* Finds the client and checks its rate. Returns an error of auth_identify() or auth_check_rate().
 */
enum err request_admit(struct request *request);

/* Judges before its upload whether the request may have the body that the `framing` describes, and
 * prepares to receive it. Otherwise replies and returns false. A body of a route that accepts none
 * has no other fault than its path or method. */
bool request_admit_body(struct request *request, const struct framing *framing);

/* ---- the body ---- */

/* Prepares to receive the body that the accepted `framing` describes. Returns ERR_OVERLOADED if too
 * many bodies arrive now. */
enum err request_body_begin(struct request *request, const struct framing *framing);

/* Adds a piece of the body. Returns false if so much arrived that the connection must end. */
bool request_body_add(struct request *request, const char *data, size_t len);

/* Returns false if the body was longer than its route accepts. request_drop_body() frees it. */
bool request_body_is_complete(const struct request *request);

/* ---- the stream ---- */

/* The client of a stream that is REQUEST_PAUSED has left, or has closed its sending half. */
void stream_client_left(struct stream *stream);
void stream_client_half_closed(struct stream *stream);

/* Releases the slot of stream_reserve(), if the request has one. */
void stream_release(struct request *request);

/* The request has ended; `was_sent`: libmicrohttpd has sent all it was given. Runs closed() of the
 * owner, and frees the stream. */
void stream_completed(struct stream *stream, bool was_sent);

/* ---- the access log ---- */

/* Count the end of the request in the metrics and log it: when the response is ready, when a stream
 * has ended after `bytes` of its body, or if the client closed the connection before either. Call
 * one of them, once. */
void access_log_response(struct request *request);
void access_log_stream(struct request *request, uint64_t bytes, bool is_complete);
void access_log_client_closed(struct request *request);

#endif
