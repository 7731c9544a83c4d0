/* SPDX-License-Identifier: MIT */
/* health.h - stage of the process (starting, running, draining), for the probes.
 *
 * The worker answers both probes from atomics that other threads write, so no probe waits for the
 * engine, which may block in a disk sync. */
#ifndef HTTP_ENDPOINTS_HEALTH_H
#define HTTP_ENDPOINTS_HEALTH_H

#include <stdatomic.h>

enum health_stage {
    HEALTH_STARTING,
    HEALTH_RUNNING,
    HEALTH_DRAINING, /* stop requested; still serves */
};

/* Written by the main thread only; read by any worker. Zeroed is HEALTH_STARTING. */
struct health {
    atomic_int stage; /* enum health_stage */
};

#endif
