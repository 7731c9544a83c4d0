/* SPDX-License-Identifier: MIT */
/* list.h - the domains to look up, from operands, a file or standard input.
 *
 * Text has one domain per line; blank lines and lines that begin with `#` are none. A file whose
 * name ends with .csv is a table (RFC 4180) whose first row names the columns: `domain`, and
 * `company_name`, `city`, `state`, `country` and `tracking_id` if it has them. Domains are not
 * checked here: the server knows the rules. The list owns all texts. One thread. */
#ifndef CLIENT_EMAILS_LIST_H
#define CLIENT_EMAILS_LIST_H

#include "base/err.h"
#include "base/errmsg.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

enum list_field { LIST_COMPANY_NAME, LIST_CITY, LIST_STATE, LIST_COUNTRY, LIST_TRACKING_ID };
#define LIST_FIELDS (LIST_TRACKING_ID + 1)

/* The names of the fields in a request and in a table. */
extern const char *const list_field_names[LIST_FIELDS];

struct entry {
    char *input;
    char *fields[LIST_FIELDS]; /* NULL = not given */
    char *held; /* its last result, one line, if that asks for another try; NULL = none */
    bool is_done;
};

struct list {
    struct entry *entries;
    size_t n, room;
};

/* Appends an entry and returns it; valid until the next one is added. */
struct entry *list_add(struct list *list, struct slice input);
void list_done(struct list *list);

/* Reads a file, "-" = standard input. Returns ERR_SYSTEM if it cannot be read, ERR_SYNTAX if it
 * cannot be divided into entries, ERR_TOO_BIG if it is too long; `why` then says so. */
enum err list_read_file(struct list *list, const char *path, struct errmsg *why);

/* Appends the entries of a text without NULs. list_read_csv() returns ERR_SYNTAX, with the line, if
 * the text is not a table with a column `domain`. */
void list_read_text(struct list *list, const char *text);
enum err list_read_csv(struct list *list, const char *text, struct errmsg *why);

#endif
