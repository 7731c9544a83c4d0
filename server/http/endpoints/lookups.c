/* SPDX-License-Identifier: MIT */
/* lookups.c - GET /lookups/{id}. Only the engine knows its lookups. */
#include "http/endpoints/endpoints.h"

#include "base/mem.h"
#include "http/endpoints/emails_query.h"
#include "http/endpoints/engine_call.h"
#include "http/endpoints/lookup_events.h"
#include "http/endpoints/result_reply.h"
#include "http/protocol/negotiate.h"
#include "http/protocol/query.h"

#include <stddef.h>
#include <string.h>

/* ---- the query ---- */

struct lookup_parameters {
    enum format format; /* FORMATS = absent */
    int64_t wait_s;     /* -1 = absent */
};

static const struct query_parameter table[] = {
    {"format", QUERY_FORMAT, offsetof(struct lookup_parameters, format), FORMAT_PROBLEM},
    {"wait", QUERY_NUMBER, offsetof(struct lookup_parameters, wait_s), WAIT_PROBLEM},
};

/* Reads the format, and how long a stream waits. */
static enum err read_query(const struct request *request, enum format *format, int64_t *wait_ms,
                           struct errmsg *why)
{
    struct lookup_parameters parameters = {FORMATS, -1};
    struct query query = {
        .table = table, .n_parameters = ARRAY_LEN(table), .values = &parameters, .errmsg = why};
    int64_t max_wait_ms = emails_query_max_wait_ms(request);
    enum err err = request_each_argument(request, query_take, &query);

    if (!err)
        err = negotiate_format(parameters.format, request_header(request, "Accept"), FORMAT_JSON,
                               format);
    if (err)
        return err;
    if (parameters.wait_s >= 0 && !format_is_stream(*format)) {
        errmsg_set(why, "'wait' applies to streams: to the formats ndjson and sse");
        return ERR_INVALID_PARAMETER;
    }
    bool is_given = parameters.wait_s >= 0 && parameters.wait_s * 1000 < max_wait_ms;
    *wait_ms = is_given ? parameters.wait_s * 1000 : max_wait_ms;
    return ERR_OK;
}

/* ---- without a stream ---- */

struct progress_call {
    struct find_lookup_call find; /* first: it is freed by engine_call.c */
    enum result_format format;
};

static void reply_lookup(struct request *request, struct engine_call *call)
{
    const struct progress_call *progress_call = container_of(call, struct progress_call, find.call);
    const struct find_lookup_call *find = &progress_call->find;
    const struct lookup_progress *progress = &find->progress;
    const struct answer_notes notes = {0};

    if (find->err) {
        answer_no_lookup(request, find->err);
    } else if (find->result) {
        answer_result(request, find->result, progress_call->format, &notes);
    } else {
        const struct progress shown = {find->id,
                                       find->domain,
                                       progress->phase,
                                       progress->elapsed_ms,
                                       progress->expected_ms,
                                       progress->timing};
        answer_progress(request, &shown, progress->retry_after_s, &notes);
    }
}

static void release_lookup(struct engine_call *call)
{
    result_unref(container_of(call, struct find_lookup_call, call)->result);
}

static void find_lookup(struct request *request, const char *id, enum result_format format)
{
    struct progress_call *call = xcalloc(1, sizeof *call);

    call->format = format;
    call->find.call.run = engine_find_lookup;
    memcpy(call->find.id, id, ID_TEXT);
    engine_call_send(request, &call->find.call, reply_lookup, release_lookup);
}

void lookups_get(struct request *request)
{
    const char *id = request_path_tail(request);
    struct errmsg why = {""};
    enum format format;
    int64_t wait_ms;

    if (strlen(id) != ID_LEN) {
        answer_no_lookup(request, ERR_NOT_FOUND);
        return;
    }
    enum err err = read_query(request, &format, &wait_ms, &why);
    if (err)
        problem_send(request, err, *why.text ? why.text : NULL);
    else if (!format_is_stream(format))
        find_lookup(request, id, (enum result_format)format);
    else if (!answer_received(request, format))
        lookup_events_of_id(request, id, format, wait_ms);
}
