/* SPDX-License-Identifier: MIT */
/* health.h - probes; they never cost anything. Endpoints.
 *
 * Both are answered by the worker alone, out of what others left in atomics: no probe waits for the
 * engine, which may hang in a disk sync. */
#ifndef HTTP_HEALTH_H
#define HTTP_HEALTH_H

#include "http/request.h"

#include <stdatomic.h>

enum health_stage {
    HEALTH_STARTING,
    HEALTH_SERVING,
    HEALTH_DRAINING, /* told to stop; still serves */
};

/* Where the process is in its life. Main's, which alone moves it on; borrowed by the endpoints.
 * Zeroed is starting. */
struct health {
    atomic_int stage; /* enum health_stage */
};

/* GET /livez: the process is alive and its worker answers. */
void health_live(struct request *request);

/* GET /readyz: should it be sent requests? 503 while it starts, drains, or cannot use its store;
 * what is the matter with the upstream is no reason, because what is known is served all the same.
 * `verbose` tells all. */
void health_ready(struct request *request);

#endif
