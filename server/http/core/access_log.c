/* SPDX-License-Identifier: MIT */
/* access_log.c - see access_log.h. */
#include "http/core/access_log.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "http/core/router.h"

#include <stdio.h>
#include <string.h>

#define TRACE_LEN 55 /* 00-<32 hex>-<16 hex>-<2 hex> */
#define TRACE_AT  3
#define SPAN_AT   36

/* Versions above 00 may grow at their end, behind another dash; what a caller may know of them is
 * what 00 has. "ff" is none, and ids of nothing but zeros are none either (W3C Trace Context,
 * 3.2.2 and 3.2.4). */
bool access_is_trace(struct slice value)
{
    static const char form[] = "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
    static const char zeros[] = "00000000000000000000000000000000";
    _Static_assert(sizeof form - 1 == TRACE_LEN, "as long as it is");

    if (value.len < TRACE_LEN)
        return false;
    for (size_t i = 0; i < TRACE_LEN; i++)
        if (form[i] == 'x' ? !strchr("0123456789abcdef", value.data[i]) || !value.data[i]
                           : value.data[i] != form[i])
            return false;
    bool is_first = memcmp(value.data, "00", 2) == 0;
    if (value.len > TRACE_LEN && (is_first || value.data[TRACE_LEN] != '-'))
        return false;
    return memcmp(value.data, "ff", 2) != 0 && memcmp(value.data + TRACE_AT, zeros, 32) != 0 &&
           memcmp(value.data + SPAN_AT, zeros, 16) != 0;
}

/* "trace" and "span" of whoever asked, so that a line here is found from theirs. */
struct trace_words {
    char trace[33], span[17];
};

static void read_trace(struct slice value, struct trace_words *words)
{
    words->trace[0] = words->span[0] = '\0';
    if (!value.len)
        return;
    *(char *)mempcpy(words->trace, value.data + TRACE_AT, sizeof words->trace - 1) = '\0';
    *(char *)mempcpy(words->span, value.data + SPAN_AT, sizeof words->span - 1) = '\0';
}

bool access_tells_all(void)
{
    return log_tells(LOG_DEBUG);
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

    if (!log_tells(level))
        return;
    snprintf(status, sizeof status, "%d", access->status);
    snprintf(ms, sizeof ms, "%lld", (long long)access->ms);
    read_trace(access->trace, &trace);
    log_event(level, "request", "id", access->id, "client", or_null(access->who), "peer",
              access->peer, "method", route_method_name(access->method), "route",
              access->route ? access->route->path : NULL, "status", status, "ms", ms, "outcome",
              notes->outcome, "lookup", or_null(notes->lookup_id), "charged",
              notes->outcome ? charged_word(notes->charged) : NULL, "trace", or_null(trace.trace),
              "span", or_null(trace.span), NULL);
}

/* Rows of the table share the index of the first one with the same path. */
static size_t index_of(const struct route *route)
{
    size_t i = 0;

    if (!route)
        return METRICS_ROUTES - 1;
    while (&routes[i] != route && strcmp(routes[i].path, route->path) != 0)
        i++;
    return i < METRICS_ROUTES - 1 ? i : METRICS_ROUTES - 1;
}

void access_count(const struct route *route, int status, int64_t ms)
{
    struct metrics *metrics = metrics_mine();
    size_t i = index_of(route);

    metrics_add(&metrics->http_requests[i][metrics_code_index(status)], 1);
    metrics_duration(&metrics->http_durations[i], ms);
}
