/* SPDX-License-Identifier: MIT */
/* lookup_events.c - see lookup_events.h.
 *
 * The request is parked until the engine has accepted it: the first return of engine_watch_lookup()
 * begins the stream. An outcome that arrives before is a plain reply, so that a rejected request
 * has its own status. While the stream runs, one call to the engine is in flight; it returns when
 * the phase changes, and after PROGRESS_EVERY_MS. GET /emails also waits for its outcome
 * (lookup_wait.h). If the engine hangs, the worker ends the wait itself. The stream has its slot of
 * --max-streams before the engine is asked, so that a request without one costs nothing.
 *
 * The object ends when its stream is closed and the engine has returned everything. That may be
 * after the request, so it holds the worker. */
#include "http/endpoints/lookup_events.h"

#include "base/mem.h"
#include "base/metrics.h"
#include "http/core/app.h"
#include "http/endpoints/emails_reply.h"
#include "http/endpoints/engine_call.h"
#include "http/endpoints/lookup_wait.h"
#include "http/endpoints/result_reply.h"
#include "http/endpoints/result_stream.h"
#include "http/protocol/event_stream.h"
#include "lookup/engine.h"

#include <stdlib.h>
#include <string.h>

struct events {
    struct engine *engine;
    struct worker *worker;   /* held */
    struct request *request; /* parked, without a stream; else NULL */
    struct stream *stream;   /* that has begun and is not closed; else NULL */
    bool has_ended;          /* the last line of the stream is written */
    bool is_counted;         /* the outcome, in the metrics; true without an outcome to count */
    enum format format;
    int64_t until_ms; /* of the wait */
    struct watch_lookup_call watch;
    bool is_watching; /* the engine has `watch` */
    struct lookup_wait wait;
    bool is_waiting; /* the engine has `wait` */
};

static void free_if_over(struct events *events)
{
    if (events->request || events->stream || events->is_watching || events->is_waiting)
        return;
    request_release_worker(events->worker);
    lookup_wait_done(&events->wait);
    free(events);
}

/* ---- the stream ---- */

/* A client that asked for an asynchronous lookup may leave. */
static void abandon(const struct events *events)
{
    if (events->is_waiting && !events->wait.query.async)
        lookup_wait_abandon(&events->wait);
}

/* Without a result, it was a lookup all the same. A client that was sent `still-processing` may
 * come back. */
static void closed(struct stream *stream, bool is_complete)
{
    struct events *events = stream_state(stream);

    (void)is_complete;
    events->stream = NULL;
    if (!events->is_counted)
        metrics_add(&metrics_mine()->cache_outcomes[CACHE_MISS], 1);
    events->is_counted = true;
    if (!events->has_ended)
        abandon(events);
    free_if_over(events);
}

/* Returns whether the stream has begun, and its client expects more. */
static bool is_open(const struct events *events)
{
    return events->stream && !events->has_ended;
}

static void end(struct events *events, const struct bulk_line *line)
{
    events->has_ended = true;
    result_stream_end(events->stream, events->format, line);
}

/* The engine has not returned at the end of the wait: it hangs. `watch` may be the engine's. */
static void end_late(struct stream *stream)
{
    struct events *events = stream_state(stream);
    const struct err_row *row = err_row(ERR_STILL_PROCESSING);
    const struct bulk_line line = {
        .outcome = BULK_FAILED, .charged = row->charged, .err = ERR_STILL_PROCESSING};

    request_set_outcome(stream_request(stream), row->code, NULL, row->charged);
    end(events, &line);
}

static void begin(struct events *events)
{
    static const struct stream_owner owner = {result_stream_drained, closed};
    char preferences[PREFERENCES_TEXT] = "";
    const struct stream_notes notes = {events->watch.found_id, preferences};

    if (events->is_waiting)
        emails_query_preferences(&events->wait.query, false, preferences);
    events->stream =
        result_stream_start(TAKE(events->request), events->format, &notes, &owner, events);
    stream_set_deadline(events->stream, events->until_ms + ENGINE_LATE_MS, end_late);
}

/* For the access log, in case that the stream ends before the result. */
static void note_progress(const struct events *events)
{
    bool is_sent = events->watch.progress.phase >= TASK_SUBMITTING;

    request_set_outcome(stream_request(events->stream), "client-closed", events->watch.found_id,
                        events->is_waiting && is_sent ? CHARGED_MAYBE : CHARGED_NO);
}

static void write_progress(const struct events *events)
{
    if (events->format != FORMAT_SSE)
        return;
    const struct watch_lookup_call *watch = &events->watch;
    const struct progress progress = {watch->found_id,
                                      watch->domain,
                                      watch->progress.phase,
                                      watch->progress.elapsed_ms,
                                      watch->progress.expected_ms,
                                      watch->progress.timing};
    struct buf autobuf json = BUF_INIT(PROGRESS_MAX), out = BUF_INIT(2 * PROGRESS_MAX);

    progress_write(&progress, &json);
    event_stream_add(NULL, "progress", (struct slice){buf_str(&json), json.len}, &out);
    stream_write(events->stream, out.data, out.len);
}

/* ---- watching ---- */

static engine_call_done_fn watch_returned;

static void watch(struct events *events, enum task_phase seen, int64_t until_ms)
{
    events->watch.seen = seen;
    events->watch.until_ms = until_ms < events->until_ms ? until_ms : events->until_ms;
    events->is_watching = true;
    engine_post(events->engine, &events->watch.call);
}

/* Writes what the watch has returned, and watches for the next phase or the next progress. */
static void follow(struct events *events)
{
    note_progress(events);
    write_progress(events);
    watch(events, events->watch.progress.phase,
          request_clock(stream_request(events->stream))->now_ms + PROGRESS_EVERY_MS);
}

/* ---- GET /emails ---- */

/* The outcome is known, or it follows: if there is an error, or no lookup yet. */
static void question_has_moved(struct events *events)
{
    if (!events->is_waiting || events->watch.err || !*events->watch.found_id)
        return;
    if (events->request)
        begin(events);
    if (is_open(events))
        follow(events);
}

static void question_has_ended(struct lookup_wait *wait)
{
    struct events *events = container_of(wait, struct events, wait);

    events->is_waiting = false;
    if (is_open(events)) {
        struct bulk_line line =
            emails_take_line(stream_request(events->stream), &wait->query, &wait->outcome);
        events->is_counted = true;
        end(events, &line);
    } else if (events->request) {
        emails_reply_outcome(TAKE(events->request), &wait->query, &wait->outcome);
    }
    free_if_over(events);
}

static void answer_late(struct request *request)
{
    struct events *events = request_state(request);

    emails_reply_late(TAKE(events->request), &events->wait.query);
}

/* ---- GET /lookups/{id} ---- */

/* The first return, before the stream. Returns whether the lookup is still running. */
static bool find_by_id(struct events *events, const struct result *result)
{
    static const struct answer_notes notes = {0};
    struct bulk_line line;

    if (!events->watch.err && !result) {
        begin(events);
        return true;
    }
    struct request *request = TAKE(events->request);
    if (events->watch.err) {
        answer_no_lookup(request, events->watch.err);
        return false;
    }
    line = bulk_line_of_stored(result, BULK_HIT);
    if (line.err || !answer_rejection(request, result, RESULT_JSON, &notes))
        answer_line(request, events->format, &line);
    return false;
}

/* The caller has paid nothing: another request did. */
static void end_by_id(struct events *events, enum err err, const struct result *result)
{
    struct bulk_line line = {.outcome = err ? BULK_FAILED : BULK_JOINED,
                             .charged = err_row(err)->charged,
                             .timing = &events->watch.progress.timing,
                             .err = err};

    if (result) {
        line.charged = err ? result->charged : CHARGED_NO;
        line.result = err ? NULL : result;
        line.detail = result->detail;
    }
    if (err)
        request_set_outcome(stream_request(events->stream), err_row(err)->code, NULL, line.charged);
    end(events, &line);
}

static void id_has_moved(struct events *events, const struct result *result)
{
    if (events->watch.err || result) {
        end_by_id(events, result ? result->err : events->watch.err, result);
        return;
    }
    if (request_clock(stream_request(events->stream))->now_ms >= events->until_ms) {
        write_progress(events);
        end_by_id(events, ERR_STILL_PROCESSING, NULL);
        return;
    }
    follow(events);
}

static void answer_slow(struct request *request)
{
    struct events *events = request_state(request);

    engine_call_reply_late(TAKE(events->request));
}

/* ---- both ---- */

static void watch_returned(struct engine_call *call)
{
    struct events *events = container_of(call, struct events, watch.call);
    /* Taken first: the call may be the engine's again afterwards. */
    const struct result *result = TAKE(events->watch.result);

    events->is_watching = false;
    if (events->watch.ticket)
        question_has_moved(events);
    else if (is_open(events) || (events->request && find_by_id(events, result)))
        id_has_moved(events, result);
    result_unref(result);
    free_if_over(events);
}

static void client_left(struct request *request)
{
    abandon(request_state(request));
}

/* Parks the request, with a deadline for the begin of its stream: however long the stream may last,
 * the client gets a head within the default wait. Returns NULL if too many streams are open, or if
 * the engine owes this worker too many messages already; then the request is answered. */
static struct events *park(struct request *request, enum format format, int64_t wait_ms,
                           request_late_fn *late)
{
    int64_t now_ms = request_clock(request)->now_ms, usual_ms = request_limits(request)->wait_ms;

    if (!stream_reserve(request))
        return NULL;
    struct worker *worker = request_hold_worker(request);
    if (!worker) {
        problem_send(request, ERR_OVERLOADED, NULL);
        return NULL;
    }
    struct events *events = xcalloc(1, sizeof *events);
    events->engine = request_service(request)->engine;
    events->worker = worker;
    events->request = request;
    events->format = format;
    events->until_ms = now_ms + wait_ms;
    events->watch.call.run = engine_watch_lookup;
    events->watch.call.done = watch_returned;
    events->watch.call.reply_to = request_inbox(request);
    request_park(request, client_left, events);
    request_set_deadline(request,
                         now_ms + (wait_ms < usual_ms ? wait_ms : usual_ms) + ENGINE_LATE_MS, late);
    return events;
}

/* A request that never spends gets a stored result or none; there is nothing to watch. */
void lookup_events_of_question(struct request *request, struct emails_query *query)
{
    struct events *events = park(request, query->format, query->wait_ms, answer_late);

    if (!events)
        return;
    events->is_waiting = true;
    lookup_wait_start(&events->wait, request, query, question_has_ended);
    events->watch.ticket = events->wait.lookup.ticket;
    if (!events->wait.query.cache.only_cached)
        watch(events, TASK_IDLE, events->until_ms);
}

void lookup_events_of_id(struct request *request, const char *id, enum format format,
                         int64_t wait_ms)
{
    struct events *events = park(request, format, wait_ms, answer_slow);

    if (!events)
        return;
    events->is_counted = true;
    memcpy(events->watch.id, id, ID_TEXT);
    watch(events, TASK_IDLE, events->until_ms);
}
