/* SPDX-License-Identifier: MIT */
/* app.h - what endpoints use: the engine, the cache, and the settings that can be reloaded.
 *
 * main and listener_start() fill struct service before the workers start. Afterwards only the
 * engine is added. Any thread may read it; the objects behind its pointers state their own threads.
 * struct limits holds plain values. Each worker has its own copy of `limits`, `clients`, `tls` and
 * `denied`, which only its thread reads. worker_apply_settings() replaces them together, between
 * two loop iterations. */
#ifndef HTTP_CORE_APP_H
#define HTTP_CORE_APP_H

#include "cache/cache.h"
#include "http/auth/auth.h"
#include "model/freshness.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clients;
struct denied_domains;
struct engine;
struct health;
struct heartbeat;
struct stream_limit;
struct tls;

struct limits {
    int64_t wait_ms, max_wait_ms; /* wait of a request: default and maximum */
    int64_t stream_drain_ms;      /* of a drain, for streams whose clients read them */
    struct freshness_limits freshness;
};

/* Everything that a reload replaces. The pointers are borrowed for the call. */
struct settings {
    struct clients *clients; /* NULL = no keys required */
    const struct limits *limits;
    struct tls *tls;               /* NULL = plain HTTP, if the listener started without TLS */
    struct denied_domains *denied; /* NULL = none */
};

struct service {
    struct engine *engine;   /* see service_engine() */
    atomic_bool is_starting; /* true: there is no engine yet; main sets it to false once */
    struct cache *cache;
    const struct health *health;
    const struct heartbeat *workers; /* one for each worker; listener_start() sets them */
    size_t n_workers;
    bool takes_notifications;     /* --notify-url is set */
    size_t bulk_entries;          /* of a list of domains; 0 = none is accepted */
    size_t max_streams;           /* open at the same time, over all workers */
    struct stream_limit *streams; /* counts them; the listener's */
    /* Initial values; each worker has its own copies, which a reload replaces: */
    struct limits limits;
    struct clients *clients;       /* NULL = no keys required */
    struct tls *tls;               /* NULL = plain HTTP */
    struct denied_domains *denied; /* NULL = none */
    struct auth_policy auth;       /* applies if `clients` is NULL */
};

/* Any thread. Returns the engine; NULL while the server waits for its store. Routes that require a
 * client are not served meanwhile, so their endpoints use `engine`. */
static inline struct engine *service_engine(const struct service *service)
{
    return atomic_load(&service->is_starting) ? NULL : service->engine;
}

#endif
