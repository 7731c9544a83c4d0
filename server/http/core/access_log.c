/* SPDX-License-Identifier: MIT */
/* access_log.c - see access_log.h. */
#include "http/core/access_log.h"

#include "base/log.h"
#include "base/metrics.h"
#include "http/protocol/traceparent.h"

#include <stdio.h>

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
    char status[16], ms[24];
    struct trace_words trace;

    if (!log_enabled(level))
        return;
    snprintf(status, sizeof status, "%d", access->status);
    snprintf(ms, sizeof ms, "%lld", (long long)access->ms);
    traceparent_read(access->trace, &trace);
    log_event(level, "request", "id", access->id, "client", or_null(access->who), "peer",
              access->peer, "method", access->method, "route", access->path, "status", status, "ms",
              ms, "outcome", notes->outcome, "lookup", or_null(notes->lookup_id), "charged",
              notes->outcome ? charged_word(notes->charged) : NULL, "trace", or_null(trace.trace),
              "span", or_null(trace.span), NULL);
}

void access_count(size_t route, int status, int64_t ms)
{
    struct metrics *metrics = metrics_mine();

    metrics_add(&metrics->http_requests[route][metrics_code_index(status)], 1);
    metrics_duration(&metrics->http_durations[route], ms);
}
