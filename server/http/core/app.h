/* SPDX-License-Identifier: MIT */
/* app.h - what the endpoints work with, filled by main and borrowed by everybody.
 *
 * Immutable after start; the objects behind the pointers have their own rules. */
#ifndef HTTP_CORE_APP_H
#define HTTP_CORE_APP_H

#include "cache/cache.h"
#include "http/auth/auth.h"
#include "http/core/limits.h"

struct engine;
struct tls;
struct health;

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
