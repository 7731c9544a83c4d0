/* SPDX-License-Identifier: MIT */
/* bulk_body.c - see bulk_body.h. The results themselves are written by bulk_line.c. */
#include "http/endpoints/bulk_body.h"

#include "base/clock.h"
#include "base/json.h"
#include "http/endpoints/bulk_line.h"
#include "http/endpoints/timing_text.h"
#include "http/protocol/event_place.h"
#include "http/protocol/event_stream.h"

/* ---- progress ---- */

static const char *state_word(enum bulk_state state)
{
    switch (state) {
    case BULK_RUNNING:
        return "running";
    case BULK_ENDED:
        return "ended";
    case BULK_CANCELLED:
        return "cancelled";
    }
    return "running";
}

static void add_charged(const struct bulk_progress *progress, struct buf *out)
{
    buf_addf(out, ",\"charged\":{\"yes\":%zu,\"maybe\":%zu}", progress->charged_yes,
             progress->charged_maybe);
}

void bulk_progress_write(const struct bulk_progress *progress, struct buf *out)
{
    const char *waiting_for = progress->waiting_for ? err_row(progress->waiting_for)->code : NULL;

    buf_addf(out, "{\"id\":\"%s\",\"state\":\"%s\",\"total\":%zu,\"unique\":%zu,\"done\":%zu",
             progress->id, state_word(progress->state), progress->total, progress->unique,
             progress->done);
    buf_addf(out, ",\"ok\":%zu,\"failed\":%zu", progress->ok, progress->failed);
    add_charged(progress, out);
    buf_add_str(out, ",\"waiting_for\":");
    json_add_text(out, waiting_for);
    timing_write_progress(progress->elapsed_ms, progress->expected_ms, out);
    buf_add_str(out, ",\"timing\":");
    timing_write_json(&progress->timing, TASK_ENDED, out);
    buf_add_str(out, "}\n");
}

/* ---- a document ---- */

static void add_time(const char *name, int64_t wall_ms, struct buf *out)
{
    char text[CLOCK_TEXT];

    clock_rfc3339(wall_ms, text);
    buf_addf(out, ",\"%s\":\"%s\"", name, text);
}

/* Only a view that was closed before the end has no `ended_at`. */
static void begin_document(const struct bulk_progress *progress, struct buf *out)
{
    buf_addf(out, "{\"id\":\"%s\",\"state\":\"%s\",\"total\":%zu,\"unique\":%zu", progress->id,
             state_word(progress->state), progress->total, progress->unique);
    buf_addf(out, ",\"ok\":%zu,\"failed\":%zu", progress->ok, progress->failed);
    add_charged(progress, out);
    add_time("started_at", progress->started_wall_ms, out);
    if (progress->ended_wall_ms)
        add_time("ended_at", progress->ended_wall_ms, out);
    buf_add_str(out, ",\"results\":[\n");
}

/* ---- events ---- */

static void add_event(const char *id, const char *name, const struct bulk_progress *progress,
                      struct buf *out)
{
    struct buf autobuf data = BUF_INIT(BULK_PROGRESS_MAX);

    bulk_progress_write(progress, &data);
    event_stream_add(id, name, (struct slice){buf_str(&data), data.len}, out);
}

void bulk_body_add_progress(const struct bulk_progress *progress, struct buf *out)
{
    add_event(NULL, "progress", progress, out);
}

/* A reader that connects again sends the last id. What is open at the end of its wait has no result
 * yet, so its event has no id. */
static void add_result_event(const struct bulk_body *body, const struct bulk_line *line,
                             struct buf *out)
{
    char id[EVENT_PLACE_TEXT];

    event_place_write((struct event_place){body->run, body->n_read}, id);
    bulk_line_event(line, line->err == ERR_STILL_PROCESSING ? NULL : id, out);
}

/* ---- each format ---- */

void bulk_body_begin(struct bulk_body *body, const struct bulk_progress *progress, struct buf *out)
{
    body->run = progress->run;
    switch (body->format) {
    case FORMAT_JSON:
        begin_document(progress, out);
        break;
    case FORMAT_CSV:
        bulk_line_csv_header(out);
        break;
    case FORMAT_SSE:
        event_stream_retry(out);
        bulk_body_add_progress(progress, out);
        break;
    case FORMAT_TEXT:
    case FORMAT_NDJSON:
    case FORMATS:
        break;
    }
}

void bulk_body_add_result(struct bulk_body *body, const struct bulk_result *result, struct buf *out)
{
    const struct bulk_line line = {.input = result->input,
                                   .index = result->index,
                                   .tracking_id = result->tracking_id,
                                   .outcome = result->outcome,
                                   .charged = result->charged,
                                   .err = result->err,
                                   .result = result->result,
                                   .detail = result->detail};

    body->n_read++;
    switch (body->format) {
    case FORMAT_JSON:
        buf_add_str(out, body->has_results ? "," : "");
        bulk_line_json(&line, out);
        break;
    case FORMAT_CSV:
        bulk_line_csv(&line, out);
        break;
    case FORMAT_TEXT:
        bulk_line_text(&line, out);
        break;
    case FORMAT_NDJSON:
        bulk_line_json(&line, out);
        break;
    case FORMAT_SSE:
        add_result_event(body, &line, out);
        break;
    case FORMATS:
        break;
    }
    body->has_results = true;
}

void bulk_body_end(const struct bulk_body *body, const struct bulk_progress *progress,
                   struct buf *out)
{
    if (body->format == FORMAT_JSON)
        buf_add_str(out, "]}\n");
    else if (body->format == FORMAT_SSE)
        add_event(EVENT_LAST_ID, "end", progress, out);
}

/* A blank line is no row of CSV and no address, but the readers of both would have to skip it. */
const char *bulk_body_heartbeat(enum format format)
{
    switch (format) {
    case FORMAT_JSON:
    case FORMAT_NDJSON:
        return "\n";
    case FORMAT_SSE:
        return event_stream_heartbeat;
    case FORMAT_CSV:
    case FORMAT_TEXT:
    case FORMATS:
        break;
    }
    return NULL;
}
