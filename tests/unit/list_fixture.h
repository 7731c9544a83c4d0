/* SPDX-License-Identifier: MIT */
/* list_fixture.h - reads whole lists, for the tests of the list parser. */
#ifndef UNIT_LIST_FIXTURE_H
#define UNIT_LIST_FIXTURE_H

#include "base/buf.h"
#include "http/protocol/list_parser.h"

#include <stddef.h>

/* What came of a list. Zero it first; the last one frees it with list_reading_done(). */
struct list_reading {
    struct buf text;   /* see list_read() */
    size_t n;          /* entries */
    size_t n_portions; /* calls that returned ERR_AGAIN */
    enum err err;      /* what ended it: ERR_NO_ENTRY or ERR_INVALID_BODY */
};

/* Reads a list. The text has a line for each entry: its input, the other fields as `name=value`,
 * and `!code: why` if it was rejected, all divided by `|`; and one for the end: `end`, or why the
 * list was rejected. The body is copied, so that a sanitizer sees a read beyond its end. */
struct list_reading list_read(enum list_type type, const char *body, size_t len);
void list_reading_done(struct list_reading *reading);

/* Asserts the text of a list. */
void list_check(enum list_type type, const char *body, const char *text);

#endif
