/* SPDX-License-Identifier: MIT */
/* access_log.c - writes the access log line of a response and counts it in the metrics.
 *
 * Requests answered with a status below 400 and without a lookup or a list (hits, probes) are
 * logged at debug, all others at info, and so are all requests that require the right `admin`. A
 * client that closes its connection before the response is ready is counted and logged as
 * client-closed, without a status. A stream is counted and logged when it has ended. Any client can
 * cause lines about requests that started no lookup; line_limit.h limits them, so that they neither
 * fill the disk nor make a log collector drop lines about money. The duration runs from the end of
 * the headers until the response is handed to libmicrohttpd, on the worker's clock. That clock
 * advances once per loop iteration, so a request answered in the iteration in which it arrived
 * takes 0 ms. That of a stream runs until its end; it depends on the client, so it is only logged,
 * and not part of the metrics. Only validated input is logged. Worker thread of the request. */
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

    bool may_spend = *request->lookup_id || *request->bulk_id;

    return status >= 400 || may_spend || is_admins ? LOG_INFO : LOG_DEBUG;
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

/* A field that is left out. */
#define NO_FIELD LOG_STR("", NULL)

static int64_t duration_ms(const struct request *request)
{
    return request->worker->clock.now_ms - request->begun_ms;
}

/* Counts the request. `status` is a number as in metrics.h. */
static void count(const struct request *request, int status)
{
    size_t route = route_metrics_index(request->route);

    metrics_add(&metrics_mine()->http_requests[route][metrics_code_index(status)], 1);
}

static void count_duration(const struct request *request)
{
    size_t route = route_metrics_index(request->route);

    metrics_duration(&metrics_mine()->http_durations[route], duration_ms(request));
}

static void write_line(struct request *request, int status, struct log_field status_field,
                       const char *outcome, struct log_field bytes, struct log_field is_complete)
{
    struct trace_words trace;

    if (!is_logged(request, status))
        return;
    traceparent_read(request->trace, &trace);
    log_event(
        level_of(request, status), "request", LOG_STR("id", request->id),
        LOG_STR("client", or_null(request->client_name)), LOG_STR("peer", request_peer(request)),
        LOG_STR("method", route_method_name(request->method)),
        LOG_STR("route", request->route ? request->route->path : NULL), status_field,
        LOG_INT("ms", duration_ms(request)), bytes, is_complete, LOG_STR("outcome", outcome),
        LOG_STR("lookup", or_null(request->lookup_id)), LOG_STR("bulk", or_null(request->bulk_id)),
        LOG_STR("charged", request->outcome ? charged_word(request->charged) : NULL),
        LOG_STR("trace", or_null(trace.trace)), LOG_STR("span", or_null(trace.span)));
}

void access_log_response(struct request *request)
{
    int status = response_status(request->response);

    count(request, status);
    count_duration(request);
    write_line(request, status, LOG_INT("status", status), request->outcome, NO_FIELD, NO_FIELD);
}

void access_log_stream(struct request *request, uint64_t bytes, bool is_complete)
{
    int status = response_status(request->response);

    count(request, status);
    write_line(request, status, LOG_INT("status", status), request->outcome,
               LOG_INT("bytes", bytes), LOG_BOOL("complete", is_complete));
}

void access_log_client_closed(struct request *request)
{
    count(request, METRICS_CLIENT_CLOSED);
    count_duration(request);
    write_line(request, METRICS_CLIENT_CLOSED, LOG_STR("status", NULL), "client-closed", NO_FIELD,
               NO_FIELD);
}
