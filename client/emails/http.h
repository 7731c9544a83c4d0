/* SPDX-License-Identifier: MIT */
/* http.h - sends one request at a time to an emailsd and delivers the lines of its response as they
 * arrive; a wrapper around libcurl.
 *
 * client/transport.h does not fit: it delivers complete responses only. Main thread only. */
#ifndef CLIENT_EMAILS_HTTP_H
#define CLIENT_EMAILS_HTTP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* How a request ended. */
enum http_end {
    HTTP_COMPLETE,    /* there is a whole response */
    HTTP_BROKEN,      /* a connection, or a response, ended early or stalled */
    HTTP_UNREACHABLE, /* there was no connection */
    HTTP_UNTRUSTED,   /* TLS: the certificate of the server is not accepted */
    HTTP_STOPPED,     /* by `tick` */
};

/* Everything is borrowed. `tick` runs at least every quarter of a second, also during
 * http_pause(); it returns false to stop. */
struct http_options {
    const char *url; /* of the server; a path in it is kept */
    const char *key; /* NULL = none */
    bool (*tick)(void *arg);
    void *arg;
};

struct http;

/* Returns ERR_SYSTEM if libcurl cannot be used. The caller frees *ret_http. */
enum err http_new(const struct http_options *options, struct http **ret_http);
void http_free(struct http *http); /* NULL is a no-op */

/* A request; everything is borrowed for the call. */
struct http_request {
    const char *target; /* path and query, such as "/usage" */
    const char *accept;
    const struct buf *body; /* of a POST, as application/x-ndjson; NULL = a GET */
    /* Takes each line of the body of a response with status 200, without its line end. An
     * incomplete line at the end of a broken response is not delivered. */
    void (*take_line)(void *arg, struct slice line);
    void *arg;
};

struct http_reply {
    int status;            /* 0 = none */
    bool is_accepted_type; /* the body has the type that the request accepts */
    int64_t retry_after_s; /* -1 = none */
    struct buf body;       /* if the status is not 200 */
    char error[256];       /* if the request is not complete */
};

/* Sends a request and waits for its end. `ret_reply` is always set; the caller calls
 * http_reply_done(). */
enum http_end http_send(struct http *http, const struct http_request *request,
                        struct http_reply *ret_reply);
void http_reply_done(struct http_reply *reply);

/* Returns whether a request has got to the server, in this run. */
bool http_was_reached(const struct http *http);

/* Waits. Returns false if `tick` has stopped it. */
bool http_pause(struct http *http, int64_t ms);

/* Appends "name=value", percent-encoded, after '?' or '&'. */
void http_add_parameter(struct buf *target, const char *name, const char *value);

#endif
