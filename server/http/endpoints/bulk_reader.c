/* SPDX-License-Identifier: MIT */
/* bulk_reader.c - see bulk_reader.h.
 *
 * At most one call of a reading is in flight: the open or a pull. If its client leaves meanwhile,
 * the engine's reader is closed immediately, and the call comes back early; its message is the last
 * one about this reading, which frees it. The worker is held until then. */
#include "http/endpoints/bulk_reader.h"

#include "base/mem.h"
#include "http/core/app.h"
#include "http/core/problem.h"
#include "http/core/stream.h"
#include "http/endpoints/bulk_body.h"
#include "http/endpoints/bulk_line.h"
#include "http/endpoints/bulk_reply.h"
#include "http/endpoints/engine_call.h"
#include "http/endpoints/result_reply.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNREAD_MAX  ((size_t)64 << 10) /* bytes; beyond it, the client does not read */
#define PROGRESS_MS 1000               /* between two events `progress`, at least */

enum reading_stage {
    READING_WAITS, /* the request is parked: until the bulk is open or, for a document, has ended */
    READING_LATE,  /* it was answered at its deadline; the engine still has to promise the bulk */
    READING_WRITES, /* the response is being written */
    READING_ENDED,  /* it is complete, and is being sent */
    READING_LEFT,   /* there is no client any more */
};

struct bulk_reading {
    enum reading_stage stage;
    bool is_calling;           /* a call is in flight */
    struct worker *worker;     /* held */
    struct inbox *inbox;       /* of the worker */
    const struct clock *clock; /* of the worker */
    struct engine *engine;     /* borrowed */
    struct request *request;   /* READING_WAITS only, else NULL */
    struct stream *stream;     /* READING_WRITES and READING_ENDED only, else NULL */
    struct bulk_query query;
    int64_t open_wait_ms;       /* for the open; then a stream has begun */
    int64_t until_ms;           /* the deadline, monotonic; INT64_MAX = none */
    struct bulk_reader *reader; /* NULL = not open, or closed */
    struct bulk_body body;
    int64_t called_ms;   /* when the last pull was posted */
    int64_t progress_ms; /* when the last event `progress` was written */
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

void bulk_reading_free(struct bulk_reading *reading)
{
    release_results(&reading->pull);
    request_release_worker(reading->worker);
    free(reading);
}

/* The strings of a pull in flight end with the reader. */
static void close_reader(struct bulk_reading *reading)
{
    if (reading->reader)
        bulk_close(reading->engine, TAKE(reading->reader));
}

static void finish(struct bulk_reading *reading)
{
    close_reader(reading);
    bulk_reading_free(reading);
}

/* ---- pulls ---- */

static engine_call_done_fn pull_returned;

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

static bool is_streamed(const struct bulk_reading *reading)
{
    return format_is_stream(reading->query.common.format);
}

/* Returns when the next pull has to return. Only an unfinished document or a stream has a deadline;
 * events report the progress also if nothing changes. */
static int64_t next_until_ms(const struct bulk_reading *reading)
{
    if (reading->stream && reading->query.common.format == FORMAT_SSE)
        return earlier(reading->until_ms, reading->progress_ms + PROGRESS_EVERY_MS);
    return is_streamed(reading) || !reading->stream ? reading->until_ms : INT64_MAX;
}

/* At its deadline, a stream asks for the entries that are open, and a document for a promise. */
static void post_pull(struct bulk_reading *reading)
{
    struct bulk_pull_call *pull = &reading->pull;
    bool is_stream = is_streamed(reading);

    assert(!reading->is_calling);
    release_results(pull);
    reading->n_written = 0;
    memset(pull, 0, offsetof(struct bulk_pull_call, results));
    pull->reader = reading->reader;
    pull->until_ms = next_until_ms(reading);
    pull->order = is_stream ? BULK_AS_ENDED : BULK_AS_LISTED;
    pull->after = reading->body.n_read;
    pull->wants_progress = reading->query.common.format == FORMAT_SSE;
    pull->closes_open =
        is_stream && pull->until_ms == reading->until_ms && reading->until_ms != INT64_MAX;
    pull->promises = !is_stream;
    pull->call.run = bulk_pull;
    pull->call.reply_to = reading->inbox;
    pull->call.done = pull_returned;
    pull->call.arg = reading;
    reading->is_calling = true;
    reading->called_ms = reading->clock->now_ms;
    engine_post(reading->engine, &pull->call);
}

/* ---- the response ---- */

static void write_out(struct bulk_reading *reading, struct buf *out)
{
    stream_write(reading->stream, buf_str(out), out->len);
    buf_clear(out);
}

/* Writes results of the pull as long as the client takes them. Returns false if one is too large
 * for any response. */
static bool write_results(struct bulk_reading *reading, struct buf *out)
{
    const struct bulk_pull_call *pull = &reading->pull;

    while (reading->n_written < pull->n && stream_unsent(reading->stream) < UNREAD_MAX) {
        bulk_body_add_result(&reading->body, &pull->results[reading->n_written++], out);
        if (buf_check(out))
            return false;
        write_out(reading, out);
    }
    return true;
}

static void write_progress(struct bulk_reading *reading, struct buf *out)
{
    int64_t now_ms = reading->clock->now_ms;

    if (reading->query.common.format != FORMAT_SSE || now_ms - reading->progress_ms < PROGRESS_MS)
        return;
    bulk_body_add_progress(&reading->pull.progress, out);
    reading->progress_ms = now_ms;
}

static void end_response(struct bulk_reading *reading, struct buf *out)
{
    bulk_body_end(&reading->body, &reading->pull.progress, out);
    write_out(reading, out);
    reading->stage = READING_ENDED;
    stream_end(reading->stream);
}

/* Writes what the pull has brought, and pulls on. If the client does not take it, drained()
 * continues later. */
static void write_portion(struct bulk_reading *reading)
{
    struct buf autobuf out = BUF_INIT(BULK_LINE_MAX);

    bulk_reply_note(stream_request(reading->stream), &reading->query, &reading->pull.progress);
    if (!write_results(reading, &out)) {
        reading->stage = READING_ENDED;
        stream_abort(reading->stream);
    } else if (reading->n_written < reading->pull.n) {
        return;
    } else if (reading->pull.is_last) {
        end_response(reading, &out);
    } else {
        write_progress(reading, &out);
        write_out(reading, &out);
        if (stream_unsent(reading->stream) < UNREAD_MAX)
            post_pull(reading);
    }
}

static void drained(struct stream *stream)
{
    struct bulk_reading *reading = stream_state(stream);

    if (reading->stage == READING_WRITES && !reading->is_calling)
        write_portion(reading);
}

static void closed(struct stream *stream, bool is_complete)
{
    struct bulk_reading *reading = stream_state(stream);

    (void)is_complete;
    reading->stream = NULL;
    reading->stage = READING_LEFT;
    close_reader(reading);
    if (!reading->is_calling)
        bulk_reading_free(reading);
}

/* The wait of a stream is over. If the engine does not return what is open, it hangs; it may also
 * be the client that has not read all of it yet. */
static void check_engine(struct stream *stream)
{
    struct bulk_reading *reading = stream_state(stream);
    int64_t now_ms = reading->clock->now_ms;

    if (!reading->is_calling || now_ms - reading->called_ms < ENGINE_LATE_MS) {
        stream_set_deadline(stream, now_ms + ENGINE_LATE_MS, check_engine);
        return;
    }
    reading->stage = READING_ENDED;
    stream_abort(stream);
}

static void start_response(struct bulk_reading *reading, const struct bulk_progress *progress)
{
    static const struct stream_owner owner = {drained, closed};
    struct buf autobuf out = BUF_INIT(BULK_LINE_MAX);
    struct request *request = TAKE(reading->request);
    struct reply head;

    bulk_reply_head(request, &reading->query, progress, &head);
    reading->progress_ms = reading->clock->now_ms;
    reading->stream = stream_start(
        request, &head, bulk_body_heartbeat(reading->query.common.format), &owner, reading);
    reading->stage = READING_WRITES;
    if (is_streamed(reading) && reading->until_ms != INT64_MAX)
        stream_set_deadline(reading->stream, reading->until_ms + ENGINE_LATE_MS, check_engine);
    bulk_body_begin(&reading->body, progress, &out);
    write_out(reading, &out);
}

/* ---- the end of a wait ---- */

/* The bulk of a document has ended, or its deadline is over. */
static void answer_document(struct bulk_reading *reading)
{
    const struct bulk_pull_call *pull = &reading->pull;
    bool has_ended = pull->n || pull->is_last;

    if (has_ended && !pull->progress.is_drained) {
        start_response(reading, &pull->progress);
        write_portion(reading);
        return;
    }
    struct request *request = TAKE(reading->request);
    if (has_ended)
        bulk_reply_drained(request, &reading->query, &pull->progress);
    else
        bulk_reply_unfinished(request, &reading->query, &pull->progress);
    finish(reading);
}

/* Worker thread. */
static void pull_returned(struct engine_call *call)
{
    struct bulk_reading *reading = call->arg;

    reading->is_calling = false;
    if (reading->stage == READING_WAITS)
        answer_document(reading);
    else if (reading->stage == READING_WRITES)
        write_portion(reading);
    else
        finish(reading);
}

/* ---- opening ---- */

static void start_reading(struct bulk_reading *reading)
{
    const struct bulk_progress *progress = &reading->open.progress;

    reading->query.has_waited = !progress->ended_wall_ms && reading->query.common.wait_ms;
    if (reading->query.continues)
        reading->body.n_read = reading->open.after;
    if (is_streamed(reading))
        start_response(reading, progress);
    post_pull(reading);
}

/* Worker thread. */
static void open_returned(struct engine_call *call)
{
    struct bulk_reading *reading = call->arg;
    const struct bulk_open_call *open = &reading->open;

    reading->is_calling = false;
    reading->reader = open->err ? NULL : open->reader;
    if (open->err && reading->request)
        bulk_reply_failure(TAKE(reading->request), open);
    if (open->err || reading->stage == READING_LEFT)
        finish(reading);
    else if (reading->stage == READING_LATE)
        post_pull(reading);
    else
        start_reading(reading);
}

/* Replies at the deadline, because the engine does not: it hangs. When it continues, a pull whose
 * deadline is over promises the bulk. */
static void answer_late(struct request *request)
{
    struct bulk_reading *reading = request_state(request);

    reading->stage = READING_LATE;
    reading->until_ms = earlier(reading->until_ms, reading->clock->now_ms);
    bulk_reply_late(TAKE(reading->request), &reading->query);
}

void bulk_reading_open(struct bulk_reading *reading, struct bulk_list *list, const char *id,
                       const char *account)
{
    struct bulk_open_call *open = &reading->open;

    if (reading->query.common.wait_ms != BULK_WAIT_UNLIMITED)
        reading->until_ms = reading->clock->now_ms + reading->query.common.wait_ms;
    request_set_deadline(reading->request,
                         reading->clock->now_ms + reading->open_wait_ms + ENGINE_LATE_MS,
                         answer_late);
    open->list = list;
    open->run = reading->query.run;
    open->after = reading->query.after;
    snprintf(open->id, sizeof open->id, "%s", id ? id : "");
    snprintf(open->account, sizeof open->account, "%s", account);
    open->call.run = bulk_open;
    open->call.reply_to = reading->inbox;
    open->call.done = open_returned;
    open->call.arg = reading;
    reading->is_calling = true;
    engine_post(reading->engine, &open->call);
}

/* ---- the request ---- */

/* An abandoned request must be answered all the same; no client reads it. */
static void client_left(struct request *request)
{
    struct bulk_reading *reading = request_state(request);

    reading->stage = READING_LEFT;
    close_reader(reading);
    problem_send(TAKE(reading->request), ERR_CANCELLED, NULL);
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

struct bulk_reading *bulk_reading_new(struct request *request, const struct bulk_query *query)
{
    if (format_is_stream(query->common.format) && !stream_reserve(request))
        return NULL;
    struct worker *worker = request_hold_worker(request);
    if (!worker) {
        problem_send(request, ERR_OVERLOADED, NULL);
        return NULL;
    }
    struct bulk_reading *reading = xcalloc(1, sizeof *reading);
    reading->worker = worker;
    reading->inbox = request_inbox(request);
    reading->clock = request_clock(request);
    reading->engine = request_service(request)->engine;
    reading->request = request;
    reading->query = *query;
    reading->open_wait_ms = open_wait_ms(request, query);
    reading->until_ms = INT64_MAX;
    reading->body = (struct bulk_body){.format = query->common.format, .n_read = query->after};
    request_park(request, client_left, reading);
    return reading;
}

struct request *bulk_reading_request(const struct bulk_reading *reading)
{
    return reading->request;
}
