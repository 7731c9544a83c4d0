/* SPDX-License-Identifier: MIT */
/* bulk_delivery.c - see bulk_delivery.h.
 *
 * At most one call of a delivery is in flight: the open or a pull. If its client leaves meanwhile,
 * the engine's reader is closed immediately, and the call comes back early; its message is the last
 * one about this delivery, which frees it. The worker is held until then. */
#include "http/endpoints/bulk_delivery.h"

#include "base/mem.h"
#include "http/core/app.h"
#include "http/core/problem.h"
#include "http/core/stream.h"
#include "http/endpoints/bulk_body.h"
#include "http/endpoints/bulk_line.h"
#include "http/endpoints/bulk_reply.h"
#include "http/endpoints/engine_call.h"
#include "http/endpoints/progress_pace.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNREAD_MAX ((size_t)64 << 10) /* bytes; beyond it, the client does not read */

enum delivery_stage {
    DELIVERY_WAITS,  /* the request is parked: until the bulk is open or, for a document, has ended
                      */
    DELIVERY_LATE,   /* it was answered at its deadline; the engine still has to promise the bulk */
    DELIVERY_WRITES, /* the response is being written */
    DELIVERY_ENDED,  /* it is complete, and is being sent */
    DELIVERY_ABANDONED, /* there is no client any more */
};

struct bulk_delivery {
    enum delivery_stage stage;
    bool is_calling;           /* a call is in flight */
    struct worker *worker;     /* held */
    struct inbox *inbox;       /* of the worker */
    const struct clock *clock; /* of the worker */
    struct engine *engine;     /* borrowed */
    struct request *request;   /* DELIVERY_WAITS only, else NULL */
    struct stream *stream;     /* DELIVERY_WRITES and DELIVERY_ENDED only, else NULL */
    struct bulk_query query;
    int64_t open_wait_ms;       /* for the open; then a stream has begun */
    int64_t until_ms;           /* the deadline, monotonic; INT64_MAX = none */
    struct bulk_reader *reader; /* NULL = not open, or closed */
    struct bulk_body body;
    int64_t called_ms;         /* when the last pull was posted */
    struct progress_pace pace; /* of the events `progress` */
    struct bulk_open_call open;
    struct bulk_pull_call pull;
    size_t n_written; /* results of `pull` */
};

/* ---- end ---- */

static void release_results(struct bulk_pull_call *pull)
{
    for (size_t i = 0; i < pull->n; i++) {
        result_unref(pull->results[i].result);
        free(pull->results[i].detail);
    }
    pull->n = 0;
}

void bulk_delivery_free(struct bulk_delivery *delivery)
{
    release_results(&delivery->pull);
    request_release_worker(delivery->worker);
    free(delivery);
}

/* The strings of a pull in flight end with the reader. */
static void close_reader(struct bulk_delivery *delivery)
{
    if (delivery->reader)
        bulk_close(delivery->engine, TAKE(delivery->reader));
}

static void finish(struct bulk_delivery *delivery)
{
    close_reader(delivery);
    bulk_delivery_free(delivery);
}

/* ---- pulls ---- */

static engine_call_done_fn pull_returned;

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

static bool is_streamed(const struct bulk_delivery *delivery)
{
    return format_is_stream(delivery->query.common.format);
}

/* Returns when the next pull has to return. Only an unfinished document or a stream has a deadline;
 * events report the progress also if nothing changes. */
static int64_t next_until_ms(const struct bulk_delivery *delivery)
{
    if (delivery->stream && delivery->query.common.format == FORMAT_SSE)
        return earlier(delivery->until_ms, progress_pace_next_ms(&delivery->pace));
    return is_streamed(delivery) || !delivery->stream ? delivery->until_ms : INT64_MAX;
}

/* At its deadline, a stream asks for the entries that are open, and a document for a promise. */
static void post_pull(struct bulk_delivery *delivery)
{
    struct bulk_pull_call *pull = &delivery->pull;
    bool is_stream = is_streamed(delivery);

    assert(!delivery->is_calling);
    release_results(pull);
    delivery->n_written = 0;
    memset(pull, 0, offsetof(struct bulk_pull_call, results));
    pull->reader = delivery->reader;
    pull->until_ms = next_until_ms(delivery);
    pull->order = is_stream ? BULK_AS_ENDED : BULK_AS_LISTED;
    pull->after = delivery->body.n_read;
    pull->wants_progress = delivery->query.common.format == FORMAT_SSE;
    pull->closes_open =
        is_stream && pull->until_ms == delivery->until_ms && delivery->until_ms != INT64_MAX;
    pull->promises = !is_stream;
    pull->call.run = bulk_pull;
    pull->call.reply_to = delivery->inbox;
    pull->call.done = pull_returned;
    pull->call.arg = delivery;
    delivery->is_calling = true;
    delivery->called_ms = delivery->clock->now_ms;
    engine_post(delivery->engine, &pull->call);
}

/* ---- the response ---- */

static void write_out(struct bulk_delivery *delivery, struct buf *out)
{
    stream_write(delivery->stream, buf_str(out), out->len);
    buf_clear(out);
}

/* Writes results of the pull as long as the client takes them. Returns false if one is too large
 * for any response. */
static bool write_results(struct bulk_delivery *delivery, struct buf *out)
{
    const struct bulk_pull_call *pull = &delivery->pull;

    while (delivery->n_written < pull->n && stream_unsent(delivery->stream) < UNREAD_MAX) {
        bulk_body_add_result(&delivery->body, &pull->results[delivery->n_written++], out);
        if (buf_check(out))
            return false;
        write_out(delivery, out);
    }
    return true;
}

static void write_progress(struct bulk_delivery *delivery, struct buf *out)
{
    int64_t now_ms = delivery->clock->now_ms;

    if (delivery->query.common.format != FORMAT_SSE ||
        !progress_pace_is_due(&delivery->pace, now_ms))
        return;
    bulk_body_add_progress(&delivery->pull.progress, out);
    progress_pace_written(&delivery->pace, now_ms);
}

static void end_response(struct bulk_delivery *delivery, struct buf *out)
{
    bulk_body_end(&delivery->body, &delivery->pull.progress, out);
    write_out(delivery, out);
    delivery->stage = DELIVERY_ENDED;
    stream_end(delivery->stream);
}

/* Writes what the pull has brought, and pulls on. If the client does not take it, drained()
 * continues later. */
static void write_portion(struct bulk_delivery *delivery)
{
    struct buf autobuf out = BUF_INIT(BULK_LINE_MAX);

    bulk_reply_note(stream_request(delivery->stream), &delivery->query, &delivery->pull.progress);
    if (!write_results(delivery, &out)) {
        delivery->stage = DELIVERY_ENDED;
        stream_abort(delivery->stream);
    } else if (delivery->n_written < delivery->pull.n) {
        return;
    } else if (delivery->pull.is_last) {
        end_response(delivery, &out);
    } else {
        write_progress(delivery, &out);
        write_out(delivery, &out);
        if (stream_unsent(delivery->stream) < UNREAD_MAX)
            post_pull(delivery);
    }
}

static void drained(struct stream *stream)
{
    struct bulk_delivery *delivery = stream_state(stream);

    if (delivery->stage == DELIVERY_WRITES && !delivery->is_calling)
        write_portion(delivery);
}

static void closed(struct stream *stream, bool is_complete)
{
    struct bulk_delivery *delivery = stream_state(stream);

    (void)is_complete;
    delivery->stream = NULL;
    delivery->stage = DELIVERY_ABANDONED;
    close_reader(delivery);
    if (!delivery->is_calling)
        bulk_delivery_free(delivery);
}

/* The wait of a stream is over. If the engine does not return what is open, it hangs; it may also
 * be the client that has not read all of it yet. */
static void check_engine(struct stream *stream)
{
    struct bulk_delivery *delivery = stream_state(stream);
    int64_t now_ms = delivery->clock->now_ms;

    if (!delivery->is_calling || now_ms - delivery->called_ms < ENGINE_LATE_MS) {
        stream_set_deadline(stream, now_ms + ENGINE_LATE_MS, check_engine);
        return;
    }
    delivery->stage = DELIVERY_ENDED;
    stream_abort(stream);
}

static void start_response(struct bulk_delivery *delivery, const struct bulk_progress *progress)
{
    static const struct stream_owner owner = {drained, closed};
    struct buf autobuf out = BUF_INIT(BULK_LINE_MAX);
    struct request *request = TAKE(delivery->request);
    struct reply head;

    bulk_reply_head(request, &delivery->query, progress, &head);
    progress_pace_written(&delivery->pace, delivery->clock->now_ms);
    delivery->stream = stream_start(
        request, &head, bulk_body_heartbeat(delivery->query.common.format), &owner, delivery);
    delivery->stage = DELIVERY_WRITES;
    if (is_streamed(delivery) && delivery->until_ms != INT64_MAX)
        stream_set_deadline(delivery->stream, delivery->until_ms + ENGINE_LATE_MS, check_engine);
    bulk_body_begin(&delivery->body, progress, &out);
    write_out(delivery, &out);
}

/* ---- the end of a wait ---- */

/* The bulk of a document has ended, or its deadline is over. */
static void answer_document(struct bulk_delivery *delivery)
{
    const struct bulk_pull_call *pull = &delivery->pull;
    bool has_ended = pull->n || pull->is_last;

    if (has_ended && !pull->progress.is_drained) {
        start_response(delivery, &pull->progress);
        write_portion(delivery);
        return;
    }
    struct request *request = TAKE(delivery->request);
    if (has_ended)
        bulk_reply_drained(request, &delivery->query, &pull->progress);
    else
        bulk_reply_unfinished(request, &delivery->query, &pull->progress);
    finish(delivery);
}

/* Worker thread. */
static void pull_returned(struct engine_call *call)
{
    struct bulk_delivery *delivery = call->arg;

    delivery->is_calling = false;
    progress_pace_changed(&delivery->pace);
    if (delivery->stage == DELIVERY_WAITS)
        answer_document(delivery);
    else if (delivery->stage == DELIVERY_WRITES)
        write_portion(delivery);
    else
        finish(delivery);
}

/* ---- opening ---- */

static void start_delivery(struct bulk_delivery *delivery)
{
    const struct bulk_progress *progress = &delivery->open.progress;

    delivery->query.has_waited = !progress->ended_wall_ms && delivery->query.common.wait_ms;
    if (delivery->query.continues)
        delivery->body.n_read = delivery->open.after;
    if (is_streamed(delivery))
        start_response(delivery, progress);
    post_pull(delivery);
}

/* Worker thread. */
static void open_returned(struct engine_call *call)
{
    struct bulk_delivery *delivery = call->arg;
    const struct bulk_open_call *open = &delivery->open;

    delivery->is_calling = false;
    delivery->reader = open->err ? NULL : open->reader;
    if (open->err && delivery->request)
        bulk_reply_failure(TAKE(delivery->request), open);
    if (open->err || delivery->stage == DELIVERY_ABANDONED)
        finish(delivery);
    else if (delivery->stage == DELIVERY_LATE)
        post_pull(delivery);
    else
        start_delivery(delivery);
}

/* Replies at the deadline, because the engine does not: it hangs. When it continues, a pull whose
 * deadline is over promises the bulk. */
static void answer_late(struct request *request)
{
    struct bulk_delivery *delivery = request_state(request);

    delivery->stage = DELIVERY_LATE;
    delivery->until_ms = earlier(delivery->until_ms, delivery->clock->now_ms);
    bulk_reply_late(TAKE(delivery->request), &delivery->query);
}

void bulk_delivery_start(struct bulk_delivery *delivery, struct bulk_list *list, const char *id,
                         const char *account)
{
    struct bulk_open_call *open = &delivery->open;

    if (delivery->query.common.wait_ms != BULK_WAIT_UNLIMITED)
        delivery->until_ms = delivery->clock->now_ms + delivery->query.common.wait_ms;
    request_set_deadline(delivery->request,
                         delivery->clock->now_ms + delivery->open_wait_ms + ENGINE_LATE_MS,
                         answer_late);
    open->list = list;
    open->run = delivery->query.run;
    open->after = delivery->query.after;
    snprintf(open->id, sizeof open->id, "%s", id ? id : "");
    snprintf(open->account, sizeof open->account, "%s", account);
    open->call.run = bulk_open;
    open->call.reply_to = delivery->inbox;
    open->call.done = open_returned;
    open->call.arg = delivery;
    delivery->is_calling = true;
    engine_post(delivery->engine, &open->call);
}

/* ---- the request ---- */

/* An abandoned request must be answered all the same; no client reads it. */
static void client_left(struct request *request)
{
    struct bulk_delivery *delivery = request_state(request);

    delivery->stage = DELIVERY_ABANDONED;
    close_reader(delivery);
    problem_send(TAKE(delivery->request), ERR_CANCELLED, NULL);
}

/* A client can tell an engine that hangs from a server that is gone only if it gets a head in time,
 * however long its stream may last. */
static int64_t open_wait_ms(const struct request *request, const struct bulk_query *query)
{
    int64_t wait_ms = query->common.wait_ms, usual_ms = request_limits(request)->wait_ms;

    if (!format_is_stream(query->common.format))
        return wait_ms;
    return wait_ms == BULK_WAIT_UNLIMITED ? usual_ms : earlier(wait_ms, usual_ms);
}

struct bulk_delivery *bulk_delivery_new(struct request *request, const struct bulk_query *query)
{
    if (format_is_stream(query->common.format) && !stream_reserve(request))
        return NULL;
    struct worker *worker = request_hold_worker(request);
    if (!worker) {
        problem_send(request, ERR_OVERLOADED, NULL);
        return NULL;
    }
    struct bulk_delivery *delivery = xcalloc(1, sizeof *delivery);
    delivery->worker = worker;
    delivery->inbox = request_inbox(request);
    delivery->clock = request_clock(request);
    delivery->engine = request_service(request)->engine;
    delivery->request = request;
    delivery->query = *query;
    delivery->open_wait_ms = open_wait_ms(request, query);
    delivery->until_ms = INT64_MAX;
    delivery->body = (struct bulk_body){.format = query->common.format, .n_read = query->after};
    request_park(request, client_left, delivery);
    return delivery;
}

struct request *bulk_delivery_request(const struct bulk_delivery *delivery)
{
    return delivery->request;
}
