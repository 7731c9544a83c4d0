/* SPDX-License-Identifier: MIT */
/* access_log.c - see access_log.h. */
#include "http/core/access_log.h"

#include "base/log.h"
#include "base/metrics.h"
#include "http/protocol/traceparent.h"

bool access_log_is_verbose(void)
{
    return log_enabled(LOG_DEBUG);
}

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

void access_log(const struct access *access)
{
    bool is_quiet = !access->was_parked && access->status < 400;
    enum log_level level = is_quiet ? LOG_DEBUG : LOG_INFO;
    const struct access_notes *notes = access->notes;
    struct trace_words trace;

    if (!log_enabled(level))
        return;
    traceparent_read(access->trace, &trace);
    log_event(level, "request", LOG_STR("id", access->id), LOG_STR("client", or_null(access->who)),
              LOG_STR("peer", access->peer), LOG_STR("method", access->method),
              LOG_STR("route", access->path), LOG_INT("status", access->status),
              LOG_INT("ms", access->ms), LOG_STR("outcome", notes->outcome),
              LOG_STR("lookup", or_null(notes->lookup_id)),
              LOG_STR("charged", notes->outcome ? charged_word(notes->charged) : NULL),
              LOG_STR("trace", or_null(trace.trace)), LOG_STR("span", or_null(trace.span)));
}

void access_count(size_t route, int status, int64_t ms)
{
    struct metrics *metrics = metrics_mine();

    metrics_add(&metrics->http_requests[route][metrics_code_index(status)], 1);
    metrics_duration(&metrics->http_durations[route], ms);
}
