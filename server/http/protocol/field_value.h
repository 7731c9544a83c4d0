/* SPDX-License-Identifier: MIT */
/* field_value.h - what header fields have in common (RFC 9110, 5.3 and 5.6): one that comes in
 * several lines counts as one line with commas in between, and commas inside of quoted strings
 * separate nothing. Pure; any thread. */
#ifndef HTTP_PROTOCOL_FIELD_VALUE_H
#define HTTP_PROTOCOL_FIELD_VALUE_H

#include "base/buf.h"
#include "base/slice.h"

#include <stddef.h>

/* The lines of the field `name`; zeroed but for that. A field of one line, as nearly all are, is
 * only pointed at. */
struct field_lines {
    const char *name;
    size_t n;
    const char *first; /* borrowed */
    struct buf joined; /* all of them, when there are several */
};

/* Takes one header of the request into account; call for all of them in order, then fields_join().
 * `value` is NUL-terminated. */
void fields_note(struct field_lines *lines, struct slice name, struct slice value);

/* Values that had to be put together, as a list with an owner. */
struct joined;

/* The value, NULL when no line came. Borrowed: from the request, or, when there were several lines,
 * from `keep`, which gets a value more. */
const char *fields_join(struct field_lines *lines, struct joined **keep);
void fields_free(struct joined *keep);

/* Where the first `stop` or comma stands that is not inside of a quoted string; the end of `s` when
 * none does. A quoted string that is not closed goes on to the end. */
const char *fields_find(const char *s, char stop);

#endif
