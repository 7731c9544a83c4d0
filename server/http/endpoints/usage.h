/* SPDX-License-Identifier: MIT */
/* usage.h - what a client has spent today, and what remains: the document of GET /usage. */
#ifndef HTTP_ENDPOINTS_USAGE_H
#define HTTP_ENDPOINTS_USAGE_H

#include "base/buf.h"
#include "http/core/request.h"
#include "lookup/engine.h"

#include <stdbool.h>
#include <stdint.h>

#define USAGE_MAX 1024 /* bytes of the document */

/* A call for engine_call_send(). */
struct usage_call {
    struct account_call account; /* first: it is freed by engine_call.c */
    int64_t rate;                /* requests per second; 0 = no limit */
    bool cached_only;            /* the client never pays */
};

/* Fills the zeroed call for the client of the request. Worker thread. */
void usage_call_init(struct usage_call *usage, struct request *request);

/* Appends the document and a line end, when the call has returned. Any thread. */
void usage_write(const struct usage_call *usage, struct buf *out);

#endif
