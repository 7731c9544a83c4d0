/* SPDX-License-Identifier: MIT */
/* reply.h - the answer to one request while it is put together: status, headers, body. Pure memory,
 * knows no server. Any thread. */
#ifndef HTTP_CORE_REPLY_H
#define HTTP_CORE_REPLY_H

#include "base/buf.h"
#include "base/slice.h"
#include "model/result.h"

#include <stddef.h>

#define REPLY_HEADERS      12
#define REPLY_HEADER_BYTES 768

/* Made on the stack, filled by reply_...(), used up by request_reply(). */
struct reply {
    int status;
    struct slice body;
    char *owned_body;            /* heap, freed by the request; or NULL */
    const struct result *keeper; /* a reference that keeps `body` alive, given back; or NULL */
    size_t n_headers, n_bytes;
    struct {
        const char *name; /* static */
        size_t value_at;  /* in `bytes`; an offset, so that a reply may be copied */
    } headers[REPLY_HEADERS];
    char bytes[REPLY_HEADER_BYTES];
};

void reply_init(struct reply *reply, int status);

/* `name` is static. A header past the limits above is a defect here: asserted. */
void reply_header(struct reply *reply, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a value that needs no format: much faster. */
void reply_text(struct reply *reply, const char *name, const char *value);

/* The value of the i-th header; borrowed from the reply. */
const char *reply_value(const struct reply *reply, size_t i);

void reply_body_static(struct reply *reply, const char *data, size_t len);
void reply_body_take(struct reply *reply, struct buf *buf); /* empties the buf */
void reply_body_of(struct reply *reply, const struct result *result, enum result_format format);

#endif
