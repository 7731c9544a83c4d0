/* SPDX-License-Identifier: MIT */
/* stream.c - see stream.h.
 *
 * libmicrohttpd pulls: it calls read_body() when the system has taken all that it read before. If
 * there is nothing to send, read_body() suspends the connection (REQUEST_PAUSED); otherwise
 * libmicrohttpd would call it again immediately. What the owner writes resumes it.
 *
 * A lost client shows itself only to one that sends. While the connection is suspended, the worker
 * watches its socket. A client that has closed its connection looks like one that has closed only
 * its sending half, until something is sent to it. So such a client gets heartbeats soon, as a
 * parked request gets interim responses (request_handler.c).
 *
 * In HTTP/1.0 a body ends with its connection. So one that breaks is reset.
 *
 * What the system accepts counts as read. So it is to accept little more than it can send: then an
 * owner that waits for drained() produces what is read, and a client that stalls is in
 * PHASE_SENDING, which has a timeout, not in REQUEST_PAUSED. */
#include "http/core/stream.h"

#include "base/mem.h"
#include "base/metrics.h"
#include "http/core/problem.h"
#include "http/core/request_state.h"
#include "http/core/response.h"
#include "http/core/stream_limit.h"
#include "http/net/tcp_reset.h"
#include "http/net/tcp_unsent.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX ((size_t)64 << 20) /* bytes; a bound on what an owner may write too much */
#define PIECE    ((size_t)16 << 10) /* bytes that are read at a time in HTTP/1.0 */

struct stream {
    struct request *request;
    const struct stream_owner *owner;
    void *state;
    const char *heartbeat;
    struct timer beat; /* armed only in REQUEST_PAUSED */
    struct timer deadline;
    stream_late_fn *late; /* of `deadline` */
    struct buf body;      /* what was written, from `n_taken` on not taken yet */
    size_t n_taken;       /* bytes of `body` */
    uint64_t n_sent;      /* bytes that the connection has taken in all */
    bool is_in_line;      /* the body so far does not end with a line end */
    bool must_drain;      /* written since drained() */
    bool is_ended;        /* complete with what was written */
    bool is_broken;       /* the connection has to end */
};

static bool has_body(const struct stream *stream)
{
    return stream->request->method != HTTP_HEAD;
}

/* ---- pause and resume ---- */

/* Returns the time to the next heartbeat. To a client that may have left, it starts short and
 * doubles. */
static int64_t next_pause_ms(struct stream *stream)
{
    struct request *request = stream->request;
    int64_t most_ms = request->worker->options.heartbeat_ms, ms = request->interim_ms;

    if (!ms || ms >= most_ms)
        return most_ms;
    request->interim_ms *= 2;
    return ms;
}

static void send_heartbeat(struct stream *stream);

static void run_heartbeat(struct timer *timer)
{
    send_heartbeat(container_of(timer, struct stream, beat));
}

static void arm_heartbeat(struct stream *stream)
{
    struct worker *worker = stream->request->worker;

    timer_arm(&worker->timers, &stream->beat, worker->clock.now_ms + next_pause_ms(stream),
              run_heartbeat);
}

static void pause_stream(struct stream *stream)
{
    request_set_state(stream->request, REQUEST_PAUSED);
    arm_heartbeat(stream);
}

/* The client now has the response timeout for what there is to send. */
static void restart_timeout(const struct request *request)
{
    connection_enter_phase(&request->worker->timeouts, &connection_of(request)->timeout,
                           PHASE_SENDING, request->worker->clock.now_ms);
}

static void resume(struct stream *stream)
{
    struct request *request = stream->request;

    if (request->state != REQUEST_PAUSED)
        return;
    timer_disarm(&request->worker->timers, &stream->beat);
    request_set_state(request, REQUEST_STREAMING);
    restart_timeout(request);
}

static void break_off(struct stream *stream)
{
    stream->is_broken = true;
    resume(stream);
}

/* Breaks the connection of a client that is still there. */
static void cut(struct stream *stream)
{
    const struct connection_timeout *timeout = &connection_of(stream->request)->timeout;

    if (timeout->resets)
        tcp_reset(timeout->fd);
    break_off(stream);
}

/* ---- the body ---- */

/* Forgets what was taken, if that is at least half: then moving the rest costs less than it did to
 * write it. */
static void compact(struct stream *stream)
{
    struct buf *body = &stream->body;

    if (!stream->n_taken || stream->n_taken < body->len / 2)
        return;
    body->len -= stream->n_taken;
    memmove(body->data, body->data + stream->n_taken, body->len + 1);
    stream->n_taken = 0;
}

static void append(struct stream *stream, const char *data, size_t len)
{
    compact(stream);
    if (buf_add(&stream->body, data, len)) {
        cut(stream);
        return;
    }
    stream->is_in_line = data[len - 1] != '\n';
    resume(stream);
}

/* Only between two lines: inside one it would change what the client reads. */
static void send_heartbeat(struct stream *stream)
{
    if (stream->is_in_line || !stream->heartbeat)
        arm_heartbeat(stream);
    else
        append(stream, stream->heartbeat, strlen(stream->heartbeat));
}

/* Copies the next bytes to `out` and returns their number. */
static size_t take(struct stream *stream, char *out, size_t room)
{
    size_t unsent = stream_unsent(stream), len = unsent < room ? unsent : room;

    memcpy(out, stream->body.data + stream->n_taken, len);
    stream->n_taken += len;
    stream->n_sent += len;
    if (stream_unsent(stream) == 0) {
        stream->n_taken = 0;
        if (stream->body.room > BUF_SMALL)
            buf_done(&stream->body);
        else
            buf_clear(&stream->body);
    }
    restart_timeout(stream->request);
    return len;
}

/* Called by libmicrohttpd. */
static ssize_t read_body(void *arg, uint64_t at, char *out, size_t room)
{
    struct stream *stream = arg;

    (void)at;
    if (!stream_unsent(stream) && stream->must_drain && !stream->is_ended && !stream->is_broken) {
        stream->must_drain = false;
        stream->owner->drained(stream);
    }
    if (stream->is_broken)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (stream_unsent(stream))
        return (ssize_t)take(stream, out, room);
    if (stream->is_ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    pause_stream(stream);
    return 0;
}

/* ---- the client ---- */

void stream_client_left(struct stream *stream)
{
    break_off(stream);
}

/* The worker reports it again with each pause. */
void stream_client_half_closed(struct stream *stream)
{
    struct request *request = stream->request;

    if (request->interim_ms)
        return;
    request->interim_ms = request->worker->options.interim_ms;
    send_heartbeat(stream);
}

/* ---- the owner ---- */

void *stream_state(const struct stream *stream)
{
    return stream->state;
}

struct request *stream_request(const struct stream *stream)
{
    return stream->request;
}

void stream_write(struct stream *stream, const void *data, size_t len)
{
    assert(!stream->is_ended || !has_body(stream));
    if (!len || !has_body(stream) || stream->is_broken)
        return;
    stream->must_drain = true;
    append(stream, data, len);
}

size_t stream_unsent(const struct stream *stream)
{
    return stream->body.len - stream->n_taken;
}

void stream_end(struct stream *stream)
{
    stream->is_ended = true;
    resume(stream);
}

static void run_deadline(struct timer *timer)
{
    struct stream *stream = container_of(timer, struct stream, deadline);

    if (!stream->is_ended && !stream->is_broken)
        stream->late(stream);
}

void stream_set_deadline(struct stream *stream, int64_t at_ms, stream_late_fn *late)
{
    stream->late = late;
    timer_arm(&stream->request->worker->timers, &stream->deadline, at_ms, run_deadline);
}

void stream_abort(struct stream *stream)
{
    cut(stream);
}

/* ---- the limit on streams ---- */

const char *stream_try_reserve(struct request *request)
{
    static const char *const details[] = {
        [STREAM_LIMIT_REACHED] = "too many streams are open (--max-streams)",
        [STREAM_CLIENT_LIMIT_REACHED] =
            "as many streams of this client are open as the server allows",
    };
    const struct service *service = request->worker->service;

    assert(!request->has_stream_slot);
    enum stream_verdict verdict =
        stream_limit_acquire(service->streams, service->max_streams, request->client_name);
    if (verdict)
        return details[verdict];
    request->has_stream_slot = true;
    metrics_add(&metrics_mine()->http_streams, 1);
    return NULL;
}

bool stream_reserve(struct request *request)
{
    const char *why = stream_try_reserve(request);

    if (why)
        problem_send(request, ERR_OVERLOADED, why);
    return !why;
}

void stream_release(struct request *request)
{
    if (!request->has_stream_slot)
        return;
    request->has_stream_slot = false;
    stream_limit_release(request->worker->service->streams, request->client_name);
    metrics_add(&metrics_mine()->http_streams, UINT64_MAX); /* wraps to a decrement */
}

/* ---- begin and end ---- */

static struct stream *new_stream(struct request *request, const char *heartbeat,
                                 const struct stream_owner *owner, void *state)
{
    struct stream *stream = xcalloc(1, sizeof *stream);

    stream->request = request;
    stream->heartbeat = heartbeat;
    stream->owner = owner;
    stream->state = state;
    stream->body = BUF_INIT(BODY_MAX);
    stream->is_ended = !has_body(stream);
    request->stream = stream;
    request->worker->n_streams++;
    return stream;
}

struct stream *stream_start(struct request *request, struct reply *head, const char *heartbeat,
                            const struct stream_owner *owner, void *state)
{
    struct worker *worker = request->worker;
    struct connection_timeout *timeout = &connection_of(request)->timeout;
    bool closing = worker->stage != WORKER_RUNNING || request->is_last;

    assert(!request->response && !head->owned_body && !head->keeper);
    struct stream *stream = new_stream(request, heartbeat, owner, state);
    reply_text(head, "Cache-Control", "no-store");
    reply_text(head, "X-Accel-Buffering", "no");
    timeout->is_stream = true;
    timeout->resets = request->is_1_0;
    tcp_limit_unsent(timeout->fd, TCP_UNSENT_OF_STREAM);
    request->response =
        response_new_stream(head, worker->date, request->id, closing, !has_body(stream),
                            request->is_1_0 ? PIECE : 1, read_body, stream);
    request_set_state(request,
                      request->state == REQUEST_ABANDONED ? REQUEST_DISCARDED : REQUEST_ANSWERED);
    return stream;
}

void stream_completed(struct stream *stream, bool was_sent)
{
    struct request *request = stream->request;
    struct worker *worker = request->worker;
    struct connection_timeout *timeout = &connection_of(request)->timeout;
    bool is_complete = was_sent && stream->is_ended;

    if (request->state == REQUEST_STREAMING)
        access_log_stream(request, stream->n_sent, is_complete);
    timer_disarm(&worker->timers, &stream->deadline);
    stream->owner->closed(stream, is_complete);
    request->stream = NULL;
    timeout->is_stream = false;
    tcp_limit_unsent(timeout->fd, 0);
    worker->n_streams--;
    buf_done(&stream->body);
    free(stream);
}
