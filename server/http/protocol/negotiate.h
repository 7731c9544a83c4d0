/* SPDX-License-Identifier: MIT */
/* negotiate.h - selects the format of a response: by the parameter `format`, else by Accept (RFC
 * 9110, 12.5.1). Pure functions; any thread. */
#ifndef HTTP_PROTOCOL_NEGOTIATE_H
#define HTTP_PROTOCOL_NEGOTIATE_H

#include "base/err.h"
#include "base/slice.h"
#include "model/result.h"

#include <stdbool.h>

/* The formats of a result, then those that are streams. */
enum format {
    FORMAT_JSON = RESULT_JSON,
    FORMAT_TEXT = RESULT_TEXT,
    FORMAT_CSV = RESULT_CSV,
    FORMAT_NDJSON = RESULT_FORMATS,
    FORMAT_SSE,
    FORMATS
};

static inline bool format_is_stream(enum format format)
{
    return format >= FORMAT_NDJSON;
}

/* Finds the format of that name, as in `format=csv`. Returns false if there is none. */
bool format_read(struct slice name, enum format *ret_format);

/* The detail about a name that format_read() does not know. */
#define FORMAT_PROBLEM "'format' must be json, csv, text, ndjson or sse"

/* Selects the format. `given` is the parameter's, and is selected; FORMATS = absent. `accept` NULL
 * or blank accepts all. Of equal weights `preferred` is selected, then the first of the list above.
 * Invalid parts of the header are skipped; only a weight of zero or less excludes a format. Returns
 * ERR_NOT_ACCEPTABLE if no format is accepted. */
enum err negotiate_format(enum format given, const char *accept, enum format preferred,
                          enum format *ret_format);

/* Returns whether a response in that format is accepted; `accept` as above. */
bool negotiate_accepts(const char *accept, enum format format);

/* Returns the Content-Type of a format. Static. */
const char *negotiate_content_type(enum format format);

#endif
