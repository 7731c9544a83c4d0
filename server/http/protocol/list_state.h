/* SPDX-License-Identifier: MIT */
/* list_state.h - the state of a list parser, and its readers, one for each type. Private to the
 * files list_*.c. */
#ifndef HTTP_PROTOCOL_LIST_STATE_H
#define HTTP_PROTOCOL_LIST_STATE_H

#include "base/json.h"
#include "http/protocol/list_parser.h"

/* The columns and members that are read: the parts of a question, and the tracking id. */
#define LIST_TRACKING_ID QUESTION_PARTS
#define LIST_FIELDS      (QUESTION_PARTS + 1)
extern const char *const list_field_names[LIST_FIELDS];

/* What may follow in a JSON array. */
enum list_array {
    ARRAY_OUTSIDE,        /* the opening bracket */
    ARRAY_OPENED,         /* an element, or the closing bracket */
    ARRAY_BEFORE_ELEMENT, /* an element, because a comma was read */
    ARRAY_AFTER_ELEMENT,  /* a comma, or the closing bracket */
    ARRAY_CLOSED,         /* nothing */
};

struct list_parser {
    enum list_type type;
    const char *at, *end; /* what has not been read yet; valid UTF-8 without NUL up to `checked` */
    size_t line;          /* number of the line of `at`, from 1 */
    const char *checked;
    size_t checked_line; /* number of its line */
    size_t portion;      /* bytes that were read since the last ERR_AGAIN */
    struct json *doc;    /* JSON and NDJSON: the entry that was returned; owned */
    enum list_array array;
    /* CSV: */
    size_t n_columns;            /* 0 = the first row has not been read */
    size_t columns[LIST_FIELDS]; /* number of the column, from 1; 0 = no such column */
    char *cells;                 /* the cells of a row without doubled quotes; LIST_PORTION bytes */
};

/* Reads one entry, or skips what is not part of one: at most LIST_PORTION bytes. Returns as
 * list_parser_next(), but ERR_AGAIN if something was skipped. The entry is empty before. */
typedef enum err list_read_fn(struct list_parser *parser, struct list_entry *entry,
                              struct errmsg *why);
list_read_fn list_read_text, list_read_ndjson, list_read_json, list_read_csv;

/* Takes `len` bytes as read. */
void list_advance(struct list_parser *parser, size_t len);

/* Returns how many bytes a reader may look at. */
size_t list_window(const struct list_parser *parser);

/* Returns the text without spaces, tabs and CR at both ends. */
struct slice list_trim(struct slice text);

/* Returns the number of line feeds in `len` bytes. */
size_t list_count_lines(const char *text, size_t len);

/* Returns the number of a field, LIST_FIELDS if there is none of this name. */
size_t list_find_field(struct slice name, bool (*equals)(struct slice, const char *));

/* Sets a field of an entry. */
void list_set_field(struct list_entry *entry, size_t field, struct slice value);

/* Sets the error of an entry, unless it has one. */
void list_reject(struct list_entry *entry, enum err err, const char *why);

/* The entry is longer than LIST_ENTRY_MAX: it is rejected, and has no input. */
void list_reject_long(struct list_entry *entry);

/* Rejects the list: sets the message and returns ERR_INVALID_BODY. */
enum err list_fault(size_t line, const char *problem, struct errmsg *why);

/* Parses a JSON string or object to an entry. Returns false if the text is not JSON. */
bool list_take_json(struct list_parser *parser, struct slice text, struct list_entry *entry);

#endif
