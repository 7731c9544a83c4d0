/* SPDX-License-Identifier: MIT */
/* bulk_line.h - writes one result of a list, or of a single lookup that is streamed: as a line of
 * NDJSON, as rows of CSV, as lines of text, or as an event.
 *
 * Members that depend on the caller (outcome, charged, timing) come first; those of the result
 * follow, byte for byte as GET /emails returns them. A result that does not fit marks `out`
 * (buf_check()). Pure functions; any thread. */
#ifndef HTTP_ENDPOINTS_BULK_LINE_H
#define HTTP_ENDPOINTS_BULK_LINE_H

#include "base/buf.h"
#include "base/err.h"
#include "lookup/lists/bulk.h"
#include "model/lookup_timing.h"
#include "model/result.h"

#include <stddef.h>

/* Everything is borrowed for the call. */
struct bulk_line {
    const char *input; /* the domain as the caller sent it; NULL = a single lookup, whose line has
                          neither `index` nor `input` */
    size_t index;      /* of the entry, from 0 */
    const char *tracking_id; /* NULL = none */
    enum bulk_outcome outcome;
    enum charged charged;
    const struct lookup_timing *timing; /* NULL = none; a list's entries have none */
    enum err err;
    const struct result *result; /* successful; NULL if `err` is set */
    const char *detail;          /* of the problem; NULL = its title */
};

#define BULK_LINE_MAX ((size_t)16 << 20) /* bytes of one result, in any format */

/* Appends a JSON object and one line end; there is no other line end in it. The lines of a document
 * are the same, with commas between them. */
void bulk_line_json(const struct bulk_line *line, struct buf *out);

/* Append the header row; and one row for each address, or one for an entry without an address. A
 * cell with text from outside that a spreadsheet would execute gets a prefix. */
void bulk_line_csv_header(struct buf *out);
void bulk_line_csv(const struct bulk_line *line, struct buf *out);

/* Appends one address per line; nothing for an entry without an address. */
void bulk_line_text(const struct bulk_line *line, struct buf *out);

/* Appends the event `result` with this id, NULL = none. */
void bulk_line_event(const struct bulk_line *line, const char *id, struct buf *out);

/* Returns the line of a stored result, whose `outcome` is BULK_HIT or BULK_STALE. If that is a
 * failure, the line has its problem. In both cases it costs this request nothing. */
struct bulk_line bulk_line_of_stored(const struct result *result, enum bulk_outcome outcome);

#endif
