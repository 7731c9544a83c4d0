/* SPDX-License-Identifier: MIT */
/* bare_request.h - a request without a server, for the code that reads its query and replies to it.
 *
 * Implements the functions of request.h that this code calls, and keeps the reply. It is a header
 * because all .c files here are linked into every test program. */
#ifndef UNIT_BARE_REQUEST_H
#define UNIT_BARE_REQUEST_H

#include "base/clock.h"
#include "base/slice.h"
#include "http/core/reply.h"
#include "http/core/request.h"

#include <stdlib.h>
#include <string.h>

struct request {
    const char *tail; /* of its path */
    struct {
        struct slice name, value;
    } arguments[4]; /* of its query */
    size_t n_arguments;
    struct clock clock;
    struct reply reply; /* request_done() releases what it owns */
};

static inline void request_done(struct request *request)
{
    result_unref(request->reply.keeper);
    free(request->reply.owned_body);
}

/* Returns the value of a header of the reply; NULL if it has none of that name. */
static inline const char *header_of(const struct reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->n_headers; i++)
        if (strcmp(reply->headers[i].name, name) == 0)
            return reply_value(reply, i);
    return NULL;
}

/* ---- request.h ---- */

enum http_method request_method(const struct request *request)
{
    (void)request;
    return HTTP_GET;
}

const char *request_id(const struct request *request)
{
    (void)request;
    return "id-1";
}

const char *request_path_tail(const struct request *request)
{
    return request->tail;
}

const struct clock *request_clock(const struct request *request)
{
    return &request->clock;
}

const char *request_header(const struct request *request, const char *name)
{
    (void)request;
    (void)name;
    return NULL;
}

enum err request_each_argument(const struct request *request, request_argument_fn *each, void *arg)
{
    enum err err = ERR_OK;

    for (size_t i = 0; !err && i < request->n_arguments; i++)
        err = each(arg, request->arguments[i].name, request->arguments[i].value);
    return err;
}

const struct limits *request_limits(const struct request *request)
{
    (void)request;
    return NULL;
}

const struct client *request_client(const struct request *request)
{
    (void)request;
    return NULL;
}

const struct denied_domains *request_denied_domains(const struct request *request)
{
    (void)request;
    return NULL;
}

const char *request_account(struct request *request)
{
    (void)request;
    return "";
}

void request_set_outcome(struct request *request, const char *outcome, const char *lookup_id,
                         enum charged charged)
{
    (void)request;
    (void)outcome;
    (void)lookup_id;
    (void)charged;
}

void request_reply(struct request *request, struct reply *reply)
{
    request->reply = *reply;
}

#endif
