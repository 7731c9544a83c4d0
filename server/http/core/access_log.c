/* SPDX-License-Identifier: MIT */
/* access_log.c - writes the access log line of a response and counts it in the metrics.
 *
 * Requests answered without waiting and with a status below 400 (hits, probes) are logged at debug,
 * all others at info. A client that closes its connection before the response is ready is counted
 * and logged as client-closed, without a status. The duration runs from the end of the headers
 * until the response is handed to libmicrohttpd, on the worker's clock. That clock advances once
 * per loop iteration, so a request answered in the iteration in which it arrived takes 0 ms. Only
 * validated input is logged. Worker thread of the request. */
#include "base/log.h"
#include "base/metrics.h"
#include "http/core/request_state.h"
#include "http/core/router.h"
#include "http/protocol/traceparent.h"

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

static void write_line(struct request *request, enum log_level level, int64_t ms,
                       struct log_field status, const char *outcome)
{
    struct trace_words trace;

    if (!log_enabled(level))
        return;
    traceparent_read(request->trace, &trace);
    log_event(
        level, "request", LOG_STR("id", request->id),
        LOG_STR("client", or_null(request->client_name)), LOG_STR("peer", request_peer(request)),
        LOG_STR("method", route_method_name(request->method)),
        LOG_STR("route", request->route ? request->route->path : NULL), status, LOG_INT("ms", ms),
        LOG_STR("outcome", outcome), LOG_STR("lookup", or_null(request->lookup_id)),
        LOG_STR("charged", request->outcome ? charged_word(request->charged) : NULL),
        LOG_STR("trace", or_null(trace.trace)), LOG_STR("span", or_null(trace.span)));
}

/* Returns the duration. */
static int64_t count(const struct request *request, int status)
{
    struct metrics *metrics = metrics_mine();
    size_t route = route_metrics_index(request->route);
    int64_t ms = request->worker->clock.now_ms - request->begun_ms;

    metrics_add(&metrics->http_requests[route][metrics_code_index(status)], 1);
    metrics_duration(&metrics->http_durations[route], ms);
    return ms;
}

void access_log_response(struct request *request)
{
    int status = response_status(request->response);
    bool was_parked = request->abandoned != NULL;
    enum log_level level = !was_parked && status < 400 ? LOG_DEBUG : LOG_INFO;

    write_line(request, level, count(request, status), LOG_INT("status", status), request->outcome);
}

void access_log_client_closed(struct request *request)
{
    int64_t ms = count(request, METRICS_CLIENT_CLOSED);

    write_line(request, LOG_INFO, ms, LOG_STR("status", NULL), "client-closed");
}
