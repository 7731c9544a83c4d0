/* SPDX-License-Identifier: MIT */
/* traceparent.h - parses the traceparent header (W3C Trace Context), so that clients can find our
 * log lines by their trace id. Pure functions; any thread. */
#ifndef HTTP_PROTOCOL_TRACEPARENT_H
#define HTTP_PROTOCOL_TRACEPARENT_H

#include "base/slice.h"

#include <stdbool.h>

/* Returns whether `value` is version-traceid-parentid-flags, or a later version that begins like
 * that. */
bool traceparent_is_valid(struct slice value);

/* The client's trace id and span id, in lower-case hex. */
struct trace_words {
    char trace[33], span[17];
};

/* Reads a valid value; an empty one yields "" for both. */
void traceparent_read(struct slice value, struct trace_words *ret_words);

#endif
