/* SPDX-License-Identifier: MIT */
/* app.h - what the endpoints work with, filled by main and borrowed by everybody; and of that, what
 * the operator may change while requests are served.
 *
 * struct service is immutable after start; the objects behind the pointers have their own rules.
 * struct limits is plain values: each worker has a copy of its own, which it takes over between two
 * turns, with the clients that belong to it. */
#ifndef HTTP_CORE_APP_H
#define HTTP_CORE_APP_H

#include "cache/cache.h"
#include "http/auth/auth.h"
#include "model/freshness.h"

#include <stdint.h>

struct clients;
struct engine;
struct health;
struct tls;

struct limits {
    int64_t wait_ms, max_wait_ms; /* how long a request is held: default and limit */
    struct freshness_limits freshness;
};

/* All that a reload hands over. The pointers are borrowed for the call. */
struct settings {
    struct clients *clients; /* NULL = no keys are wanted */
    const struct limits *limits;
    struct tls *tls; /* NULL = plain HTTP, for a listener that was started so */
};

struct service {
    struct engine *engine;
    struct cache *cache;
    const struct health *health;
    /* At the start; workers have their own copies, which may change later: */
    struct limits limits;
    struct clients *clients; /* NULL = no keys are wanted */
    struct tls *tls;         /* NULL = plain HTTP */
    struct auth_policy auth; /* without keys */
};

#endif
