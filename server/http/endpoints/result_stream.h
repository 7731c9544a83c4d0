/* SPDX-License-Identifier: MIT */
/* result_stream.h - the stream of a single lookup: lines (FORMAT_NDJSON) or events (FORMAT_SSE). It
 * ends with its one result. Worker thread of the request. */
#ifndef HTTP_ENDPOINTS_RESULT_STREAM_H
#define HTTP_ENDPOINTS_RESULT_STREAM_H

#include "http/core/request.h"
#include "http/core/stream.h"
#include "http/endpoints/bulk_line.h"
#include "http/protocol/negotiate.h"

/* Headers of the stream; NULL or "" = no header. Borrowed for the call. */
struct stream_notes {
    const char *lookup_id;          /* a lookup to monitor, for Link */
    const char *preference_applied; /* RFC 7240 */
};

/* Starts the stream; see stream_start(). */
struct stream *result_stream_start(struct request *request, enum format format,
                                   const struct stream_notes *notes,
                                   const struct stream_owner *owner, void *state);

/* For the owner: a single lookup writes what there is, however fast it is taken. */
void result_stream_drained(struct stream *stream);

/* Writes the result and ends the stream. */
void result_stream_end(struct stream *stream, enum format format, const struct bulk_line *line);

/* Replies with a stream of this result alone, which needs no slot of stream_reserve(). */
void answer_line(struct request *request, enum format format, const struct bulk_line *line);

#endif
