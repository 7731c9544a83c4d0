/* SPDX-License-Identifier: MIT */
/* freshness.h - decides whether a cached result may be served. Implements RFC 9111 for readers of
 * our cache, with RFC 5861's stale-while-revalidate and stale-if-error. Pure functions; any thread.
 *
 * A result is fresh until it expires. Then, for a while, it is served immediately and refreshed in
 * the background; after that, for longer, it is served only if the upstream fails. The client may
 * require more (no-cache, max-age, min-fresh), accept less (max-stale), or exclude a lookup
 * (only-if-cached). Only successful results are served stale; an expired failure is never
 * served. */
#ifndef MODEL_FRESHNESS_H
#define MODEL_FRESHNESS_H

#include "model/result.h"

#include <stdbool.h>
#include <stdint.h>

/* The caching directives of a request. */
struct cache_directives {
    bool no_cache, only_cached, no_store;
    int64_t max_age_s;   /* -1 = not given */
    int64_t min_fresh_s; /* 0 = not given */
    int64_t max_stale_s; /* -1 = not given; INT64_MAX = any staleness */
};

#define CACHE_DIRECTIVES_NONE ((struct cache_directives){.max_age_s = -1, .max_stale_s = -1})

enum serve {
    SERVE_FRESH,   /* serve the result */
    SERVE_STALE,   /* serve the result, although expired */
    SERVE_REFRESH, /* serve the result, and refresh it in the background */
    SERVE_ASK,     /* start or join a lookup, and wait */
    SERVE_NOTHING, /* only-if-cached, and no cached result is acceptable */
};

struct freshness_limits {
    int64_t stale_while_revalidate_ms, stale_if_error_ms;
};

/* Decides how to serve a request; `result` NULL = not cached. */
enum serve freshness_judge(const struct result *result, const struct cache_directives *wish,
                           const struct freshness_limits *limits, int64_t wall_ms);

/* Returns whether `result` may be served as a fallback for a failed lookup. */
bool freshness_on_error(const struct result *result, const struct cache_directives *wish,
                        const struct freshness_limits *limits, int64_t wall_ms);

/* Return the time to expiry, negative if expired, and the time since the upstream was asked. Both
 * are bounded by the lifetime of the result, in case the wall clock jumped. */
int64_t freshness_left_ms(const struct result *result, int64_t wall_ms);
int64_t freshness_age_ms(const struct result *result, int64_t wall_ms);

#endif
