/* SPDX-License-Identifier: MIT */
/* span.h - the exact bytes of parts of a JSON text, for what must be handed on verbatim.
 *
 * base/json reads values but cannot print one; the simulator must send a task's "data" byte by byte
 * as the test wrote it, and must refuse a misspelt key instead of ignoring it. So this walks the
 * members of an object in the text itself. It checks nothing: only texts that json_parse() has
 * accepted may be given. Pure functions. */
#ifndef SIMULATOR_SPAN_H
#define SIMULATOR_SPAN_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct span {
    const char *at; /* borrowed from the text; not NUL-terminated */
    size_t len;
};

/* The next member of the object in `text`. Start with *pos = 0; false at the end, and for what is
 * no object. The key comes without its quotes and with its escapes, the value as it stands. */
bool span_member(struct span text, size_t *pos, struct span *ret_key, struct span *ret_value);

/* The value of the first member named `key`; false when there is none. */
bool span_get(struct span text, const char *key, struct span *ret_value);

bool span_is(struct span span, const char *s);

/* Appends the bytes that pairs of hex digits spell. ERR_SYNTAX for anything else, ERR_TOO_BIG past
 * the buffer's limit. */
enum err span_unhex(const char *hex, struct buf *out);

#endif
