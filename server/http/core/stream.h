/* SPDX-License-Identifier: MIT */
/* stream.h - a response whose body is written while it is produced.
 *
 * An endpoint that has been parked, or is running, starts a stream in place of request_reply(). The
 * head is sent immediately. The body is what stream_write() appends; libmicrohttpd takes it as fast
 * as the client reads. While there is nothing to send the connection is suspended, like that of a
 * parked request. After STREAM_HEARTBEAT_MS without a byte, the stream sends its heartbeat, so that
 * no proxy times out; but not after a body that does not end with a line end.
 *
 * "Read" means that the system of the client has taken it: its receive window (64 to 128 KiB with
 * the defaults of Linux, more if it has read fast) and at most 16 KiB here count as read. If there
 * is more to send, a client that takes no byte for the response timeout is disconnected, at the
 * latest after twice that time. In a drain, one that takes no byte for the time to send responses
 * is disconnected, and any other after the time for streams; otherwise a drain waits for them.
 *
 * A body is complete only after stream_end(). If the stream ends otherwise, the connection breaks,
 * which is an error in every client: the last chunk is missing; in HTTP/1.0, which has no chunks,
 * the connection is reset.
 *
 * An owner that waits for a message holds the worker (request_hold_worker()) until it arrives: the
 * stream may close before. Its request_inbox() is valid while the stream is open or the worker is
 * held. A stream is logged and counted when it ends: set the outcome of the request before.
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
    /* Everything that the owner has written was taken by the system: more may be written, now or
     * later. Called again only when more was written; not after stream_end(). Never called inside
     * another function of this file. */
    void (*drained)(struct stream *stream);

    /* Exactly once, last: the response was sent (`is_complete`), or the client has left, or took no
     * byte for too long, or the stream was aborted. `stream` must not be used afterwards. Never
     * called inside another function of this file. */
    void (*closed)(struct stream *stream, bool is_complete);
};

/* Reserves one of --max-streams for the stream that the request will start. Before anything is paid
 * for: a request that is rejected must not have cost anything. Returns false if all are taken, or
 * those of its client (stream_limit.h): then the request has been answered with 503 `overloaded`.
 * The slot is released with the request, or by request_reply(). A stream without a slot does not
 * count: use that for one that soon ends without waiting for anything but its client. */
bool stream_reserve(struct request *request);

/* The same, for a request that can do without a stream: returns NULL, or why it has no slot. */
const char *stream_try_reserve(struct request *request);

/* Starts the stream. `head` is a reply without a body; consumed. `heartbeat` (NULL = none) and
 * `owner` are static; `state` is the endpoint's. Cache-Control: no-store and X-Accel-Buffering: no
 * are added. With HEAD the stream has no body: what is written is dropped, and it ends
 * automatically. Never NULL. */
struct stream *stream_start(struct request *request, struct reply *head, const char *heartbeat,
                            const struct stream_owner *owner, void *state);

void *stream_state(const struct stream *stream);
struct request *stream_request(const struct stream *stream);

/* Appends to the body; copies. What the client does not read is kept: so an owner writes more when
 * stream_unsent() is small, or when it is drained. The stream breaks if more than 64 MiB are kept.
 * Not after stream_end(). */
void stream_write(struct stream *stream, const void *data, size_t len);

/* Returns how many bytes the connection has not taken yet. */
size_t stream_unsent(const struct stream *stream);

/* The body is complete with what was written. */
void stream_end(struct stream *stream);

/* Runs `late` once, at `at_ms` of the worker's clock, unless the stream has ended or is broken
 * then. Replaces an earlier deadline. */
typedef void stream_late_fn(struct stream *stream);
void stream_set_deadline(struct stream *stream, int64_t at_ms, stream_late_fn *late);

/* Breaks the connection; closed() follows. */
void stream_abort(struct stream *stream);

#endif
