/* SPDX-License-Identifier: MIT */
/* bulk_query.h - parses the query and the headers of the requests about lists: POST /emails and GET
 * /bulks/{id}.
 *
 * They have the parameters of GET /emails that make sense for a list, with the same meaning and the
 * same headers, and a few of their own. A stream ends with its bulk, unless the request limits its
 * wait. Worker thread of the request. */
#ifndef HTTP_ENDPOINTS_BULK_QUERY_H
#define HTTP_ENDPOINTS_BULK_QUERY_H

#include "http/core/request.h"
#include "http/endpoints/emails_query.h"
#include "http/protocol/list_parser.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BULK_WAIT_UNLIMITED INT64_C(-1)

struct bulk_query {
    struct emails_query common; /* without a question; wait_ms may be BULK_WAIT_UNLIMITED */
    int64_t max_credits;        /* that this list may spend; -1 = no limit of its own */
    size_t after;               /* results that the client has */
    int64_t run;                /* in which run of the bulk; 0 = it does not say */
    bool continues;        /* `after` and `run` are of an earlier stream: bulk_open() judges them */
    bool is_list;          /* of POST: may spend */
    bool reports_progress; /* 202 instead of 504 when the wait is over */
    bool has_waited;       /* for the end of the bulk; set when it was opened */
};

/* Parses the request that sends a list of that type. Returns false if it is invalid and has been
 * answered with a problem. */
bool bulk_query_parse_list(struct request *request, enum list_type type,
                           struct bulk_query *ret_query);

/* The same for GET /bulks/{id}. */
bool bulk_query_parse(struct request *request, struct bulk_query *ret_query);

#endif
