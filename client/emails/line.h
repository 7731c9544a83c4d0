/* SPDX-License-Identifier: MIT */
/* line.h - reads one result, as the server sends it in a line of NDJSON, in an event, or as a
 * problem document. One thread. */
#ifndef CLIENT_EMAILS_LINE_H
#define CLIENT_EMAILS_LINE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "client/emails/options.h"

#include <stdbool.h>
#include <stdint.h>

struct json;

/* Strings are borrowed from `json`, and `text` from the caller. */
struct line {
    struct slice text; /* without its line end */
    struct json *json;
    int64_t index; /* in the request, from 0; -1 = none */
    int64_t http_status;
    const char *outcome, *charged; /* never NULL */
    const char *domain;            /* of a result; else NULL */
    const char *company_name;
    const struct json *emails; /* NULL: there is a problem, or the line is too long to be read */
    bool is_truncated;         /* the upstream had more addresses */
    const char *code;          /* of a problem; NULL = this is a result */
    const char *detail;
    bool is_temporary; /* the response named a time for another try */
};

/* Reads a line. Returns ERR_SYNTAX or ERR_TOO_BIG if it is not a result; else the caller calls
 * line_done(). */
enum err line_read(struct slice text, struct line *ret_line);
void line_done(struct line *line);

/* Returns whether another try may give a result soon: a condition of the server that passes, or a
 * lookup that continues. */
bool line_asks_for_another_try(const struct line *line);

/* Returns the status that this result alone would give `emails`. */
enum status line_exit_status(const struct line *line);

/* Returns the one that counts, of two. */
enum status status_worse(enum status a, enum status b);

/* Appends a line for a request that was rejected with this problem document. */
void line_of_problem(struct slice document, int http_status, struct buf *out);

#endif
