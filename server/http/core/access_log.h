/* SPDX-License-Identifier: MIT */
/* access_log.h - writes the access log line of a response and counts it in the metrics.
 *
 * Requests answered without waiting and with a status below 400 (hits, probes) are logged at debug,
 * all others at info. The duration runs from the end of the headers until the response is handed to
 * libmicrohttpd, on the worker's clock. That clock advances once per loop iteration, so a request
 * answered in the iteration in which it arrived takes 0 ms. Only validated input is logged. Worker
 * thread of the request. */
#ifndef HTTP_CORE_ACCESS_LOG_H
#define HTTP_CORE_ACCESS_LOG_H

#include "base/err.h"
#include "base/id.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the endpoint passed to request_set_outcome(). */
struct access_notes {
    const char *outcome; /* static; NULL = not set */
    char lookup_id[ID_TEXT];
    enum charged charged;
};

struct access {
    const char *id, *who, *peer;
    struct slice trace; /* a well-formed traceparent, or empty */
    const char *method; /* its name */
    const char *path;   /* of the route; NULL = no route */
    int status;
    int64_t ms;
    bool was_parked;
    const struct access_notes *notes;
};

void access_log(const struct access *access);

/* `route` is its index in the metrics, from route_metrics_index(). */
void access_count(size_t route, int status, int64_t ms);

/* Returns whether access_log() logs requests that are answered without waiting and below 400. */
bool access_log_is_verbose(void);

#endif
