/* SPDX-License-Identifier: MIT */
/* domains.h - the domains to look up, from operands, a file or standard input.
 *
 * Text has one domain per line; blank lines and lines that begin with `#` are skipped. A file whose
 * name ends with .csv is a table (RFC 4180) whose first row names the columns: `domain`, and
 * `company_name`, `city`, `state`, `country` and `tracking_id` if it has them. Domains are not
 * checked here: the server knows the rules. The list owns all texts. One thread. */
#ifndef CLIENT_EMAILS_DOMAINS_H
#define CLIENT_EMAILS_DOMAINS_H

#include "base/err.h"
#include "base/errmsg.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

enum entry_field { ENTRY_COMPANY_NAME, ENTRY_CITY, ENTRY_STATE, ENTRY_COUNTRY, ENTRY_TRACKING_ID };
#define ENTRY_FIELDS (ENTRY_TRACKING_ID + 1)

/* The names of the fields in a request and in a table. */
extern const char *const entry_field_names[ENTRY_FIELDS];

struct entry {
    char *input;
    char *fields[ENTRY_FIELDS]; /* NULL = not given */
    char *held; /* its last result, one line, if that asks for another try; NULL = none */
    bool is_done;
    bool may_be_paid; /* a request for it has ended without its result */
};

struct domains {
    struct entry *entries;
    size_t n, room;
};

/* Appends an entry and returns it; valid until the next one is added. */
struct entry *domains_add(struct domains *list, struct slice input);
void domains_done(struct domains *list);

/* Reads a file, "-" = standard input. Returns ERR_SYSTEM if it cannot be read, ERR_SYNTAX if it
 * cannot be divided into entries, ERR_TOO_BIG if it is too long; `why` then says so. */
enum err domains_read_file(struct domains *list, const char *path, struct errmsg *why);

/* Appends the entries of a text without NULs. domains_read_csv() returns ERR_SYNTAX, with the line,
 * if the text is not a table with a column `domain`. */
void domains_read_text(struct domains *list, const char *text);
enum err domains_read_csv(struct domains *list, const char *text, struct errmsg *why);

#endif
