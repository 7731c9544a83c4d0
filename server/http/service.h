/* SPDX-License-Identifier: MIT */
/* service.h - what the endpoints work with, filled by main and borrowed by everybody.
 *
 * Immutable after start; the objects behind the pointers have their own rules. */
#ifndef HTTP_SERVICE_H
#define HTTP_SERVICE_H

#include "cache/cache.h"
#include "http/auth.h"
#include "http/freshness.h"

#include <stdint.h>

struct engine;

struct service {
    struct engine *engine;
    struct cache *cache;
    int64_t wait_ms, max_wait_ms; /* how long a request is held: default and limit */
    struct freshness_limits freshness;
    struct clients *clients; /* at the start; NULL = no keys are wanted */
    struct auth_policy auth; /* without keys */
};

#endif
