/* SPDX-License-Identifier: MIT */
/* emails_query.h - what a request to /emails asks for, parsed from its query and its headers.
 *
 * Of the query each parameter may be given at most once, and nothing else. A typo must not cost a
 * credit, so an unknown name is refused and the nearest known one is named. A query parameter and
 * its header twin (wait and Prefer, refresh and Cache-Control) mean the same; where both are given
 * the parameter wins. Worker thread of the request. */
#ifndef HTTP_ENDPOINTS_EMAILS_QUERY_H
#define HTTP_ENDPOINTS_EMAILS_QUERY_H

#include "base/err.h"
#include "http/core/request.h"
#include "model/freshness.h"
#include "model/question.h"
#include "model/result.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- the query alone ---- */

#define PARAMETERS_WHY 256

struct parameters {
    struct question_field fields[QUESTION_PARTS]; /* borrowed from the request */
    bool has_wait;
    int64_t wait_ms; /* as asked for, 0 or more; only with has_wait */
    bool async;      /* twin of Prefer: respond-async */
    bool refresh;    /* twin of Cache-Control: no-cache */
    bool cached;     /* twin of Cache-Control: only-if-cached */
    bool has_max_age;
    int64_t max_age_s; /* twin of Cache-Control: max-age; only with has_max_age */
};

/* One of the 400 codes; `why` (PARAMETERS_WHY bytes) then holds a sentence for people. */
enum err parameters_read(const struct request *request, struct parameters *ret_parameters,
                         char *why);

/* ---- with the headers ---- */

#define EMAILS_QUERY_APPLIED 64

struct emails_query {
    struct question *question; /* owned */
    enum result_format format;
    struct cache_directives cache;
    int64_t wait_ms;
    bool async;                         /* 202 instead of 504 when the wait is over */
    char applied[EMAILS_QUERY_APPLIED]; /* for Preference-Applied; "" = no header */
};

/* False when the request has been answered with what is wrong with it. On success the question is
 * the caller's to free. */
bool emails_query_parse(struct request *request, struct emails_query *ret_wish);

#endif
