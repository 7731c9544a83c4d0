/* SPDX-License-Identifier: MIT */
/* health.h - where the process is in its life, for the probes.
 *
 * Both are answered by the worker alone, out of what others left in atomics: no probe waits for the
 * engine, which may hang in a disk sync. */
#ifndef HTTP_ENDPOINTS_HEALTH_H
#define HTTP_ENDPOINTS_HEALTH_H

#include <stdatomic.h>

enum health_stage {
    HEALTH_STARTING,
    HEALTH_RUNNING,
    HEALTH_DRAINING, /* told to stop; still serves */
};

/* Where the process is in its life. Main's, which alone moves it on; borrowed by the endpoints.
 * Zeroed is starting. */
struct health {
    atomic_int stage; /* enum health_stage */
};

#endif
