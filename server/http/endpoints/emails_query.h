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
    enum format format;                  /* FORMATS = absent */
    bool async;                          /* as Prefer: respond-async */
    bool refresh;
    bool cached;     /* as Cache-Control: only-if-cached */
    bool has_others; /* a parameter besides `domain` is given */
};

/* Parses the query. Returns ERR_OK or one of the codes with status 400; `why` then holds a
 * human-readable sentence. */
enum err parameters_read(const struct request *request, struct parameters *ret_parameters,
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
    size_t max_waiters; /* of the client; 0 = no limit of its own */
    bool async;         /* 202 instead of 504 when the wait is over */
    bool names_wait;    /* Preference-Applied names the wait: it was preferred, or reduced */
};

/* Parses and checks the request. Returns false if it is invalid and has been answered with a
 * problem. On success the caller must free the question. */
bool emails_query_parse(struct request *request, struct emails_query *ret_query);

/* Returns how long the client may wait, in milliseconds. */
int64_t emails_query_max_wait_ms(const struct request *request);

#endif
