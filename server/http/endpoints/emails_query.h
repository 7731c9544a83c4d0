/* SPDX-License-Identifier: MIT */
/* emails_query.h - parses the query and the headers of a request to /emails.
 *
 * Each query parameter may be given at most once, and no others. A typo must not cost a credit, so
 * an unknown name is rejected with the nearest known one. `wait` overrides the wait of Prefer, and
 * `format` overrides Accept. `async` and `cached` apply if the parameter or its header (Prefer,
 * Cache-Control) says so. A stream waits as long as the client may, unless the request says less.
 *
 * A header never makes a request spend: browsers and libraries send them although no user meant it.
 * `refresh` and `max_age` may spend and have no header; Cache-Control, HEAD, preconditions and a
 * browser's prefetch can only prevent it. Worker thread of the request. */
#ifndef HTTP_ENDPOINTS_EMAILS_QUERY_H
#define HTTP_ENDPOINTS_EMAILS_QUERY_H

#include "base/err.h"
#include "base/errmsg.h"
#include "http/core/request.h"
#include "http/protocol/negotiate.h"
#include "model/account.h"
#include "model/freshness.h"
#include "model/question.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- the query ---- */

struct parameters {
    struct slice fields[QUESTION_PARTS]; /* borrowed from the request */
    int64_t wait_s;                      /* as requested; -1 = absent */
    int64_t max_age_s;                   /* -1 = absent */
    int64_t max_credits;                 /* of a list; -1 = absent */
    enum format format;                  /* FORMATS = absent */
    bool async;                          /* as Prefer: respond-async */
    bool refresh;
    bool cached;     /* as Cache-Control: only-if-cached */
    bool has_others; /* a parameter besides `domain` is given */
};

#define WAIT_PROBLEM "'wait' must be an integer number of seconds, such as 30"

/* Parses the query. Returns ERR_OK or one of the codes with status 400; `why` then holds a
 * human-readable sentence. */
enum err parameters_read(const struct request *request, struct parameters *ret_parameters,
                         struct errmsg *why);

/* The same for the request that sends a list, which has the question of each entry in its body. */
enum err parameters_read_list(const struct request *request, struct parameters *ret_parameters,
                              struct errmsg *why);

/* ---- the query and the headers ---- */

/* How to reject a request that never spends, if no stored result satisfies it. */
struct never_spends {
    enum err err;
    const char *detail;
};

struct emails_query {
    struct question *question;  /* owned */
    struct account_ref account; /* pays; its name is borrowed from the request */
    enum format format;
    struct cache_directives cache;
    const struct never_spends *never_spends; /* static; NULL unless cache.only_cached */
    bool is_plain; /* every fresh result satisfies every request with this text, as a whole */
    int64_t wait_ms;
    bool has_wait;      /* the request says how long to wait */
    size_t max_waiters; /* of the client; 0 = no limit of its own */
    bool async;         /* 202 instead of 504 when the wait is over */
    bool names_wait;    /* Preference-Applied names the wait: it was preferred, or reduced */
};

/* Parses and checks the request. Returns false if it is invalid and has been answered with a
 * problem. On success the caller must free the question. */
bool emails_query_parse(struct request *request, struct emails_query *ret_query);

/* Returns how long the client may wait, in milliseconds. */
int64_t emails_query_max_wait_ms(const struct request *request);

/* Writes the value of Preference-Applied (RFC 7240, 3), "" = no header. */
#define PREFERENCES_TEXT 64
void emails_query_preferences(const struct emails_query *query, bool is_async,
                              char text[static PREFERENCES_TEXT]);

/* ---- parts of it, for lists ---- */

/* Fills everything but `question` and `format`, which it reads. Returns ERR_OK, or ERR_FORBIDDEN if
 * the client lacks a right. */
enum err emails_query_options(struct request *request, const struct parameters *parameters,
                              struct emails_query *query, struct errmsg *why);

/* As question_new(); also returns ERR_DENIED_DOMAIN for a domain that the operator excludes. */
enum err emails_question_new(const struct request *request,
                             const struct slice fields[QUESTION_PARTS],
                             struct question **ret_question, struct errmsg *why);

#endif
