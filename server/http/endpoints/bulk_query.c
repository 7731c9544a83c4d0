/* SPDX-License-Identifier: MIT */
/* bulk_query.c - see bulk_query.h. */
#include "http/endpoints/bulk_query.h"

#include "base/mem.h"
#include "http/core/problem.h"
#include "http/protocol/event_place.h"
#include "http/protocol/query.h"

#include <string.h>

/* ---- an earlier stream ---- */

/* What is not a place in a list starts from the first result. */
static void read_last_event(const struct request *request, struct bulk_query *query)
{
    const char *id = request_header(request, "Last-Event-ID");
    struct event_place place = {0, 0};

    if (!id || query->common.format != FORMAT_SSE)
        return;
    event_place_read((struct slice){id, strlen(id)}, &place);
    query->continues = true;
    query->run = place.run;
    query->after = place.n;
}

/* ---- a list ---- */

static enum format format_of(enum list_type type)
{
    switch (type) {
    case LIST_JSON:
        return FORMAT_JSON;
    case LIST_CSV:
        return FORMAT_CSV;
    case LIST_TEXT:
    case LIST_NDJSON:
    case LIST_TYPES:
        break;
    }
    return FORMAT_NDJSON;
}

static enum err read_list(struct request *request, enum list_type type, struct bulk_query *query,
                          struct errmsg *why)
{
    struct parameters parameters;
    enum err err = parameters_read_list(request, &parameters, why);

    if (!err)
        err = negotiate_format(parameters.format, request_header(request, "Accept"),
                               format_of(type), &query->common.format);
    if (!err)
        err = emails_query_options(request, &parameters, &query->common, why);
    if (err)
        return err;
    query->max_credits = parameters.max_credits;
    query->reports_progress = query->common.async;
    return ERR_OK;
}

bool bulk_query_parse_list(struct request *request, enum list_type type,
                           struct bulk_query *ret_query)
{
    struct bulk_query query = {.is_list = true};
    struct errmsg why = {""};
    enum err err = read_list(request, type, &query, &why);

    if (err) {
        problem_send(request, err, *why.text ? why.text : NULL);
        return false;
    }
    if (format_is_stream(query.common.format) && !query.common.has_wait)
        query.common.wait_ms = BULK_WAIT_UNLIMITED;
    read_last_event(request, &query);
    *ret_query = query;
    return true;
}

/* ---- a bulk ---- */

struct bulk_parameters {
    int64_t wait_s, after;
    enum format format;
};

static const struct query_parameter table[] = {
    {"wait", QUERY_NUMBER, offsetof(struct bulk_parameters, wait_s), WAIT_PROBLEM},
    {"after", QUERY_NUMBER, offsetof(struct bulk_parameters, after),
     "'after' must be an integer number of results, such as 412"},
    {"format", QUERY_FORMAT, offsetof(struct bulk_parameters, format), FORMAT_PROBLEM},
};

static enum err read_bulk(struct request *request, struct bulk_query *query, struct errmsg *why)
{
    struct bulk_parameters parameters = {.wait_s = -1, .format = FORMATS};
    struct query names = {
        .table = table, .n_parameters = ARRAY_LEN(table), .values = &parameters, .errmsg = why};
    enum err err = request_each_argument(request, query_take, &names);

    if (!err)
        err = negotiate_format(parameters.format, request_header(request, "Accept"), FORMAT_JSON,
                               &query->common.format);
    if (!err)
        err = emails_query_options(
            request, &(struct parameters){.wait_s = parameters.wait_s, .max_age_s = -1},
            &query->common, why);
    query->after = (size_t)parameters.after;
    return err;
}

bool bulk_query_parse(struct request *request, struct bulk_query *ret_query)
{
    struct bulk_query query = {.is_list = false};
    struct errmsg why = {""};
    enum err err = read_bulk(request, &query, &why);

    if (err) {
        problem_send(request, err, *why.text ? why.text : NULL);
        return false;
    }
    if (!query.common.has_wait)
        query.common.wait_ms = format_is_stream(query.common.format) ? BULK_WAIT_UNLIMITED : 0;
    query.reports_progress = true; /* a bulk that has not ended is no failure of this request */
    read_last_event(request, &query);
    *ret_query = query;
    return true;
}
