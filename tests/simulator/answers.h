/* SPDX-License-Identifier: MIT */
/* answers.h - the upstream's endpoints: which one a call means, and the reply that it gets.
 *
 * A reply is not bytes yet, so that a fault can still change it. Shapes are those of the upstream's
 * pages and contract tests: counts nested under `status` in the reply to a submit but flat at
 * /status, task ids as a bare array, four keys in a task. Every error is {"detail": "..."}; a wrong
 * method is a 404, as observed. */
#ifndef SIMULATOR_ANSWERS_H
#define SIMULATOR_ANSWERS_H

#include "base/buf.h"
#include "tests/simulator/upstream.h"

#define REPLY_MAX_BYTES ((size_t)512 << 20) /* a ledger of a long run fits */
#define REPLY_HEADERS   16

struct header {
    char *name, *value;
};

struct reply {
    int status;
    struct buf body;
    struct header headers[REPLY_HEADERS]; /* always holds a Content-Type */
    size_t n_headers;
    char batch_id[UUID_TEXT]; /* the batch id in this reply; "" = none */
};

/* 200, no body yet, application/json. */
void reply_init(struct reply *reply);
void reply_done(struct reply *reply);

/* Replaces a header of that name; beyond REPLY_HEADERS it is dropped. */
void reply_header(struct reply *reply, const char *name, const char *value, size_t value_len);

/* Makes it {"detail":"..."} with this status; headers stay. */
void reply_detail(struct reply *reply, int status, const char *detail);

struct call;

/* Sets the call's kind and id from its method and path. */
void answers_route(struct call *call);

/* Writes the reply. For a submit, this creates the batch. */
void answers_write(struct call *call);

#endif
