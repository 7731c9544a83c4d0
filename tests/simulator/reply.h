/* SPDX-License-Identifier: MIT */
/* reply.h - an answer before it becomes bytes, so that a fault can still bend it. Owns its parts.
 */
#ifndef SIMULATOR_REPLY_H
#define SIMULATOR_REPLY_H

#include "base/buf.h"
#include "tests/simulator/vendor.h"

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
    char batch_id[UUID_TEXT]; /* the one this answer tells; "" = none */
};

/* 200, no body yet, application/json. */
void reply_init(struct reply *reply);
void reply_done(struct reply *reply);

/* Replaces a header of that name; beyond REPLY_HEADERS it is dropped. */
void reply_header(struct reply *reply, const char *name, const char *value, size_t value_len);

/* Makes it {"detail":"..."} with this status; headers stay. */
void reply_detail(struct reply *reply, int status, const char *detail);

#endif
