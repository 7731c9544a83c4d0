/* SPDX-License-Identifier: MIT */
/* field_value.h - syntax shared by header fields (RFC 9110, 5.3 and 5.6): several lines of one
 * field count as one line joined by commas, and commas inside quoted strings do not separate. Pure;
 * any thread. */
#ifndef HTTP_PROTOCOL_FIELD_VALUE_H
#define HTTP_PROTOCOL_FIELD_VALUE_H

#include "base/buf.h"
#include "base/slice.h"

#include <stddef.h>

/* The lines of the field `name`; zero the rest. A single line, the usual case, is not copied. */
struct field_lines {
    const char *name;
    size_t n;
    const char *first; /* borrowed */
    struct buf joined; /* all lines, if there are several */
};

/* Records one header of the request; call for all of them in order, then field_lines_join().
 * `value` must be NUL-terminated. */
void field_lines_add(struct field_lines *lines, struct slice name, struct slice value);

/* A list that owns joined values. */
struct joined_lines;

/* Returns the value, or NULL if there was no line. It is borrowed: from the request, or, if there
 * were several lines, from `keep`, to which the joined value is added. */
const char *field_lines_join(struct field_lines *lines, struct joined_lines **keep);
/* Frees the list. NULL is a no-op. */
void joined_lines_free(struct joined_lines *keep);

/* Returns the first `stop` or comma outside quoted strings, or the end of `s`. An unclosed quoted
 * string extends to the end. */
const char *field_value_find(const char *s, char stop);

#endif
