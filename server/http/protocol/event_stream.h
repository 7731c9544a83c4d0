/* SPDX-License-Identifier: MIT */
/* event_stream.h - writes server-sent events (text/event-stream, HTML Standard, 9.2). No text can
 * add a field or an event: each line end in the data begins a new `data` field, and a reader joins
 * them again. Pure functions; any thread. */
#ifndef HTTP_PROTOCOL_EVENT_STREAM_H
#define HTTP_PROTOCOL_EVENT_STREAM_H

#include "base/buf.h"
#include "base/slice.h"

/* The value of Last-Event-ID after the last event: a browser reconnects until it gets a 204. */
#define EVENT_LAST_ID "end"

/* A comment and an empty line, which no reader reports as an event. */
extern const char event_stream_heartbeat[];

/* Appends how long a reader waits before it connects again: 3 s. */
void event_stream_retry(struct buf *out);

/* Appends an event. `id` (NULL = none) and `name` contain no line end and no NUL: a programming
 * error, asserted. A line end at the end of `data` is left out. */
void event_stream_add(const char *id, const char *name, struct slice data, struct buf *out);

#endif
