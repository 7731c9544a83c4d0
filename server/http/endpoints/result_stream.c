/* SPDX-License-Identifier: MIT */
/* result_stream.c - see result_stream.h. */
#include "http/endpoints/result_stream.h"

#include "http/endpoints/bulk_body.h"
#include "http/protocol/event_stream.h"

struct stream *result_stream_start(struct request *request, enum format format,
                                   const struct stream_notes *notes,
                                   const struct stream_owner *owner, void *state)
{
    struct buf autobuf retry = BUF_INIT(BUF_SMALL);
    struct reply head;

    reply_init(&head, 200);
    reply_text(&head, "Content-Type", negotiate_content_type(format));
    if (notes->lookup_id && *notes->lookup_id)
        reply_header(&head, "Link", "</lookups/%s>; rel=\"monitor\"", notes->lookup_id);
    if (notes->preference_applied && *notes->preference_applied)
        reply_text(&head, "Preference-Applied", notes->preference_applied);
    struct stream *stream = stream_start(request, &head, bulk_body_heartbeat(format), owner, state);
    if (format == FORMAT_SSE) {
        event_stream_retry(&retry);
        stream_write(stream, retry.data, retry.len);
    }
    return stream;
}

void result_stream_end(struct stream *stream, enum format format, const struct bulk_line *line)
{
    struct buf autobuf out = BUF_INIT(BULK_LINE_MAX);

    if (format == FORMAT_SSE)
        bulk_line_event(line, EVENT_LAST_ID, &out);
    else
        bulk_line_json(line, &out);
    if (buf_check(&out)) { /* no memory: half of a line must not look complete */
        stream_abort(stream);
        return;
    }
    stream_write(stream, out.data, out.len);
    stream_end(stream);
}

void result_stream_drained(struct stream *stream)
{
    (void)stream;
}

static void nothing_to_free(struct stream *stream, bool is_complete)
{
    (void)stream;
    (void)is_complete;
}

void answer_line(struct request *request, enum format format, const struct bulk_line *line)
{
    static const struct stream_owner owner = {result_stream_drained, nothing_to_free};
    static const struct stream_notes notes = {NULL, NULL};

    if (line->err)
        request_set_outcome(request, err_row(line->err)->code, NULL, line->charged);
    result_stream_end(result_stream_start(request, format, &notes, &owner, NULL), format, line);
}
