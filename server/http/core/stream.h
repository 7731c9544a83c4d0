/* SPDX-License-Identifier: MIT */
/* stream.h - a response whose body is written while it is produced.
 *
 * An endpoint that has been parked, or is running, starts a stream in place of request_reply(). The
 * head is sent immediately. The body is what stream_write() appends; libmicrohttpd takes it as fast
 * as the client reads. While there is nothing to send the connection is suspended, like that of a
 * parked request; after STREAM_HEARTBEAT_MS without a byte, the stream sends its heartbeat by
 * itself, so that no proxy times out. A client that takes no byte for the response timeout is
 * disconnected. A body is complete only after stream_end(); if the stream ends otherwise, the
 * connection breaks, which is an error in every client.
 *
 * Worker thread of the request only. */
#ifndef HTTP_CORE_STREAM_H
#define HTTP_CORE_STREAM_H

#include "base/slice.h"
#include "http/core/request.h"

#include <stdbool.h>
#include <stddef.h>

#define STREAM_HEARTBEAT_MS INT64_C(15000)

struct stream;

struct stream_owner {
    /* Everything written so far was taken by the connection: more may be written, now or later. Not
     * called after stream_end(). Never called inside another function of this file. */
    void (*drained)(struct stream *stream);

    /* Exactly once, last: the response was sent (`is_complete`), or the client has left, or took no
     * byte for too long. `stream` must not be used afterwards. Never called inside another function
     * of this file. */
    void (*closed)(struct stream *stream, bool is_complete);
};

/* Starts the stream. `head` is a reply without a body; consumed. `heartbeat` and `owner` are
 * static; `state` is the endpoint's. Cache-Control: no-store and X-Accel-Buffering: no are added.
 * With HEAD the stream has no body and ends by itself. If --max-streams are open already, replies
 * with 503 `overloaded` and returns NULL: then nothing else of the request may be used. */
struct stream *stream_start(struct request *request, struct reply *head, const char *heartbeat,
                            const struct stream_owner *owner, void *state);

void *stream_state(const struct stream *stream);
struct request *stream_request(const struct stream *stream);

/* Appends to the body; copies. */
void stream_write(struct stream *stream, const void *data, size_t len);

/* Returns how many bytes the connection has not taken yet. */
size_t stream_unsent(const struct stream *stream);

/* The body is complete with what was written. */
void stream_end(struct stream *stream);

/* Breaks the connection. */
void stream_abort(struct stream *stream);

#endif
