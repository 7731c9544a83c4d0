/* SPDX-License-Identifier: MIT */
/* traceparent.h - the header of W3C Trace Context by which a caller finds our lines in the log from
 * his own. Pure functions; any thread. */
#ifndef HTTP_PROTOCOL_TRACEPARENT_H
#define HTTP_PROTOCOL_TRACEPARENT_H

#include "base/slice.h"

#include <stdbool.h>

/* version-traceid-parentid-flags of the W3C's Trace Context, or a later version that begins so. */
bool traceparent_is_valid(struct slice value);

/* "trace" and "span" of whoever asked, so that a line here is found from theirs. */
struct trace_words {
    char trace[33], span[17];
};

/* Of a valid value, or of an empty one, which has neither: "". */
void traceparent_read(struct slice value, struct trace_words *ret_words);

#endif
