/* SPDX-License-Identifier: MIT */
/* access_log.c - writes the access log line of a response and counts it in the metrics.
 *
 * Requests answered with a status below 400 and without a lookup (hits, probes) are logged at
 * debug, all others at info, and so are all requests that require the right `admin`. A client that
 * closes its connection before the response is ready is counted and logged as client-closed,
 * without a status. Any client can cause lines about requests that started no lookup; line_limit.h
 * limits them, so that they neither fill the disk nor make a log collector drop lines about money.
 * The duration runs from the end of the headers until the response is handed to libmicrohttpd, on
 * the worker's clock. That clock advances once per loop iteration, so a request answered in the
 * iteration in which it arrived takes 0 ms. Only validated input is logged. Worker thread of the
 * request. */
#include "base/line_limit.h"
#include "base/log.h"
#include "base/metrics.h"
#include "http/core/request_state.h"
#include "http/core/router.h"
#include "http/protocol/traceparent.h"

static struct line_limit rejections;

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

/* Returns the level of the line about a response with this status. */
static enum log_level level_of(const struct request *request, int status)
{
    bool is_admins = request->route && request->route->access == FOR_ADMINS;

    return status >= 400 || *request->lookup_id || is_admins ? LOG_INFO : LOG_DEBUG;
}

/* Returns whether a client can cause the line as often as it likes, without a result and without a
 * lookup of its own. An internal error is the server's fault. */
static bool is_cheap(const struct request *request, int status)
{
    bool is_result = status < 400 && status != 202;

    return !is_result && !request->has_started_lookup && status != 500;
}

void access_log_summary(int64_t now_ms)
{
    uint32_t n = line_limit_take(&rejections, now_ms);

    if (n)
        log_event(LOG_INFO, "requests_rejected", LOG_INT("not_logged", n));
}

bool access_log_needs_summary(void)
{
    return line_limit_is_exceeded(&rejections);
}

/* Returns whether the request has a line in the log. */
static bool is_logged(const struct request *request, int status)
{
    return log_enabled(level_of(request, status)) &&
           (!is_cheap(request, status) ||
            line_limit_admits(&rejections, request->worker->clock.now_ms));
}

/* `status` is a number as in metrics.h. */
static void access_log(struct request *request, int status, struct log_field status_field,
                       const char *outcome)
{
    struct metrics *metrics = metrics_mine();
    size_t route = route_metrics_index(request->route);
    int64_t ms = request->worker->clock.now_ms - request->begun_ms;
    struct trace_words trace;

    metrics_add(&metrics->http_requests[route][metrics_code_index(status)], 1);
    metrics_duration(&metrics->http_durations[route], ms);
    if (!is_logged(request, status))
        return;
    traceparent_read(request->trace, &trace);
    log_event(level_of(request, status), "request", LOG_STR("id", request->id),
              LOG_STR("client", or_null(request->client_name)),
              LOG_STR("peer", request_peer(request)),
              LOG_STR("method", route_method_name(request->method)),
              LOG_STR("route", request->route ? request->route->path : NULL), status_field,
              LOG_INT("ms", ms), LOG_STR("outcome", outcome),
              LOG_STR("lookup", or_null(request->lookup_id)),
              LOG_STR("charged", request->outcome ? charged_word(request->charged) : NULL),
              LOG_STR("trace", or_null(trace.trace)), LOG_STR("span", or_null(trace.span)));
}

void access_log_response(struct request *request)
{
    int status = response_status(request->response);

    access_log(request, status, LOG_INT("status", status), request->outcome);
}

void access_log_client_closed(struct request *request)
{
    access_log(request, METRICS_CLIENT_CLOSED, LOG_STR("status", NULL), "client-closed");
}
