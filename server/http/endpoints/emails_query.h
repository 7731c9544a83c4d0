/* SPDX-License-Identifier: MIT */
/* emails_query.h - the query of /emails: what may stand in it, each at most once, and nothing else.
 *
 * A typo must not cost a credit, so an unknown name is refused and the nearest known one is named.
 * Worker thread of the request. */
#ifndef HTTP_ENDPOINTS_EMAILS_QUERY_H
#define HTTP_ENDPOINTS_EMAILS_QUERY_H

#include "base/err.h"
#include "http/core/request.h"
#include "model/question.h"

#include <stdbool.h>
#include <stdint.h>

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

#endif
