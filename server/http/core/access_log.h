/* SPDX-License-Identifier: MIT */
/* access_log.h - what is told of a request when its answer is handed over: a line in the log and
 * its numbers in the metrics.
 *
 * Answers that came at once and well (hits, probes) are told at level debug, the others at info.
 * Time is from the end of the headers to the handing over, by the worker's clock, which stands
 * still within a turn: what was answered in the turn in which it came has taken 0. Nothing that
 * came from outside is told but what was found well-formed before. Worker thread of the request. */
#ifndef HTTP_CORE_ACCESS_LOG_H
#define HTTP_CORE_ACCESS_LOG_H

#include "base/err.h"
#include "base/id.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What endpoints noted by request_set_outcome(). */
struct access_notes {
    const char *outcome; /* static; NULL = nothing was noted */
    char lookup_id[ID_TEXT];
    enum charged charged;
};

struct access {
    const char *id, *who, *peer;
    struct slice trace; /* a well-formed traceparent, or empty */
    const char *method; /* its name */
    const char *path;   /* of the route; NULL = none */
    int status;
    int64_t ms;
    bool was_parked;
    const struct access_notes *notes;
};

void access_log(const struct access *access);

/* `route` is its index among the metrics, as route_metrics_index() gives it. */
void access_count(size_t route, int status, int64_t ms);

/* Does access_log() tell of an answer that came at once and well? */
bool access_log_is_verbose(void);

#endif
