/* SPDX-License-Identifier: MIT */
/* health.h - stage of the process (starting, running, draining) and its longest pause, for the
 * probes.
 *
 * The worker answers both probes from atomics that other threads write, so no probe waits for the
 * engine. A short pause is meant to be waited for. After a longer one, /readyz fails, so that
 * requests go elsewhere, and then /livez, so that the process is replaced.
 *
 * If the disk hangs, a thread of the store does. Then only /readyz fails: a restart would not
 * repair the disk, and what waits to be written, such as batch ids, would be lost.
 *
 * If a server has the store, and it cannot be used, /readyz succeeds: all processes that share it
 * would leave the load balancer together, and their cached results would reach no client. It fails
 * before the store was opened, and if another process has taken it over. */
#ifndef HTTP_ENDPOINTS_HEALTH_H
#define HTTP_ENDPOINTS_HEALTH_H

#include "lookup/engine.h"

#include <stdatomic.h>
#include <stdint.h>

struct service;

/* How long a loop iteration may last before the probe fails; for /readyz, also a call to the store.
 */
#define HEALTH_READY_MS INT64_C(10000)
#define HEALTH_LIVE_MS  INT64_C(60000)

enum health_stage {
    HEALTH_STARTING,
    HEALTH_RUNNING,
    HEALTH_DRAINING, /* stop requested; still serves */
};

/* Written by the main thread only; read by any worker. Zeroed is HEALTH_STARTING. */
struct health {
    atomic_int stage; /* enum health_stage */
};

/* Returns the longest time that the engine or a worker has been in its current loop iteration. Any
 * worker thread. */
int64_t health_lag_ms(const struct service *service, int64_t now_ms);

/* Any worker thread. The status of the engine and of its store; without an engine, nothing has
 * begun, and the store is disconnected. */
struct status health_engine(const struct service *service);
struct engine_store health_store(const struct service *service, int64_t now_ms);

#endif
