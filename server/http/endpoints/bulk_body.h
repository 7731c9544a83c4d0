/* SPDX-License-Identifier: MIT */
/* bulk_body.h - writes the body of a response with the results of a bulk, in each of its formats:
 * first the begin, then each result, then the end. Pure functions; any thread. */
#ifndef HTTP_ENDPOINTS_BULK_BODY_H
#define HTTP_ENDPOINTS_BULK_BODY_H

#include "base/buf.h"
#include "http/protocol/negotiate.h"
#include "lookup/lists/bulk.h"

#include <stddef.h>
#include <stdint.h>

#define BULK_PROGRESS_MAX 1024 /* bytes that bulk_progress_write() appends at most */

/* Appends a JSON object and a line end: the body of every 202, and the data of an event. */
void bulk_progress_write(const struct bulk_progress *progress, struct buf *out);

struct bulk_body {
    enum format format;
    int64_t run;   /* of the bulk, for the ids of events; set by bulk_body_begin() */
    size_t n_read; /* results that the client has; the caller sets those of earlier responses */
    bool has_results;
};

void bulk_body_begin(struct bulk_body *body, const struct bulk_progress *progress, struct buf *out);
void bulk_body_add_result(struct bulk_body *body, const struct bulk_result *result,
                          struct buf *out);
void bulk_body_end(const struct bulk_body *body, const struct bulk_progress *progress,
                   struct buf *out);

/* Appends the event `progress`. Only with FORMAT_SSE. */
void bulk_body_add_progress(const struct bulk_progress *progress, struct buf *out);

/* Returns what a stream sends if it has nothing to send for a while: nothing that a reader of the
 * format would take for a result; NULL if there is no such thing. Static. */
const char *bulk_body_heartbeat(enum format format);

#endif
