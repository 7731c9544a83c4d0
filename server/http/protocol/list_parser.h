/* SPDX-License-Identifier: MIT */
/* list_parser.h - reads a list of domains out of a request's body: text, JSON, NDJSON or CSV.
 *
 * The body is whole, in memory, and outlives the parser. list_parser_next() returns one entry at a
 * time and says when a portion is over, so that a worker can read a long list between other
 * requests. What is wrong with one entry is the entry's error; the list is only rejected if it
 * cannot be divided into entries. Pure: no I/O, no time; any thread, one at a time. */
#ifndef HTTP_PROTOCOL_LIST_PARSER_H
#define HTTP_PROTOCOL_LIST_PARSER_H

#include "base/err.h"
#include "base/errmsg.h"
#include "base/slice.h"
#include "model/question.h"

#include <stdbool.h>
#include <stddef.h>

#define LIST_ENTRY_MAX    4096  /* bytes of an entry; of CSV, of its domain */
#define LIST_TRACKING_MAX 200   /* bytes of a tracking id */
#define LIST_PORTION      65536 /* bytes; also the longest line, element or row */

enum list_type { LIST_TEXT, LIST_JSON, LIST_NDJSON, LIST_CSV, LIST_TYPES };

/* Reads a Content-Type, with `charset=utf-8` or without it; other parameters are ignored. Returns
 * ERR_UNSUPPORTED_MEDIA_TYPE for every other one, and for NULL; `why` then says what to do.
 * Implemented in list_type.c. */
enum err list_type_read(const char *content_type, enum list_type *ret_type, struct errmsg *why);

/* The value of Accept-Post: all types that list_type_read() knows. */
extern const char list_accept_post[];

/* One entry. The slices are UTF-8 without NUL, borrowed from the body or the parser until the next
 * call. A JSON member that is null and a CSV cell that is blank count as not given. Of a line of
 * text, blanks at both ends are not part of the input. */
struct list_entry {
    struct slice input;                  /* the domain as the caller sent it; "" if there is none */
    struct slice fields[QUESTION_PARTS]; /* `data` NULL = not given */
    struct slice tracking_id;            /* `data` NULL = not given */
    enum err err;      /* ERR_OK, or what is wrong with this entry alone: ERR_INVALID_BODY,
                          ERR_UNKNOWN_PARAMETER, ERR_DUPLICATE_PARAMETER, ERR_INVALID_PARAMETER,
                          ERR_MISSING_DOMAIN */
    struct errmsg why; /* if `err` is set */
};

struct list_parser;

/* The body is borrowed. Never NULL; the caller frees it. A byte order mark is skipped. */
struct list_parser *list_parser_new(enum list_type type, struct slice body);
void list_parser_free(struct list_parser *parser); /* NULL is a no-op */

/* Reads the next entry. Returns ERR_OK; ERR_NO_ENTRY at the end of the list; ERR_AGAIN if a portion
 * has been read since the last ERR_AGAIN: the caller continues later; ERR_INVALID_BODY if the list
 * as a whole cannot be read: `why` then names the line. After an error other than ERR_AGAIN, only
 * free it. A call takes time for at most two portions of the body. */
enum err list_parser_next(struct list_parser *parser, struct list_entry *ret_entry,
                          struct errmsg *why);

#endif
