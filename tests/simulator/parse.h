/* SPDX-License-Identifier: MIT */
/* parse.h - parses numbers of the command line, and finds the exact bytes of parts of a JSON
 * text.
 *
 * base/json reads values but cannot print them. The simulator must send a task's "data" byte by
 * byte as the test wrote it, and must reject a misspelt key instead of ignoring it. So this
 * iterates over the members of an object in the text itself. It checks nothing: json_parse()
 * must have accepted the text. Pure functions. */
#ifndef SIMULATOR_PARSE_H
#define SIMULATOR_PARSE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- numbers: ERR_SYNTAX unless the whole text is such a number and in range ---- */

/* "26s", "250ms", "2m", "1h", "0". */
enum err parse_duration(const char *text, int64_t *ret_ms);

/* "10000". */
enum err parse_count(const char *text, int64_t *ret_count);

/* "0.3" is 300; at most three decimals. */
enum err parse_thousandths(const char *text, int64_t *ret_thousandths);

/* ---- JSON ---- */

struct json_span {
    const char *at; /* borrowed from the text; not NUL-terminated */
    size_t len;
};

/* Returns the next member of the object in `text`. Start with *pos = 0; false at the end, or if
 * the text is not an object. The key comes without quotes but with its escapes, the value
 * unchanged. */
bool json_span_member(struct json_span text, size_t *pos, struct json_span *ret_key,
                      struct json_span *ret_value);

/* Returns the value of the first member named `key`; false if there is none. */
bool json_span_get(struct json_span text, const char *key, struct json_span *ret_value);

bool json_span_is(struct json_span span, const char *s);

/* Appends the bytes of pairs of hex digits. ERR_SYNTAX for other text, ERR_TOO_BIG beyond the
 * buffer's limit. */
enum err parse_hex(const char *hex, struct buf *out);

#endif
