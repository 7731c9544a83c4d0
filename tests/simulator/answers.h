/* SPDX-License-Identifier: MIT */
/* answers.h - the upstream's endpoints: maps a call to its endpoint, and makes its reply.
 *
 * A reply is not bytes yet, so that a fault can still change it. The shapes are those of the
 * upstream's documentation and contract tests: counts are nested under `status` in the reply to
 * a submit but flat at /status, task ids are a bare array, a task has four keys. Every error is
 * {"detail": "..."}; a wrong method is a 404, as observed. */
#ifndef SIMULATOR_ANSWERS_H
#define SIMULATOR_ANSWERS_H

#include "base/buf.h"
#include "tests/simulator/upstream.h"

#define REPLY_MAX_BYTES ((size_t)512 << 20) /* large enough for the ledger of a long run */
#define REPLY_HEADERS   16

struct header {
    char *name, *value;
};

struct reply {
    int status;
    struct buf body;
    struct header headers[REPLY_HEADERS]; /* always contains a Content-Type */
    size_t n_headers;
    char batch_id[UUID_TEXT]; /* the batch id in this reply; "" = no id */
};

/* Initializes it: status 200, no body, application/json. */
void reply_init(struct reply *reply);
void reply_done(struct reply *reply);

/* Replaces the header of that name; ignores it if REPLY_HEADERS are set. */
void reply_header(struct reply *reply, const char *name, const char *value, size_t value_len);

/* Changes it into {"detail":"..."} with this status; keeps the headers. */
void reply_detail(struct reply *reply, int status, const char *detail);

struct call;

/* Sets the call's kind and id from its method and path. */
void answers_route(struct call *call);

/* Writes the reply. For a submit, this creates the batch. */
void answers_write(struct call *call);

#endif
