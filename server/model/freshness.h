/* SPDX-License-Identifier: MIT */
/* freshness.h - may a cached result answer this request? RFC 9111 for the reader of our cache, with
 * RFC 5861's stale-while-revalidate and stale-if-error. Pure functions; any thread.
 *
 * A result is fresh until it expires; then, for a while, it is served at once and refreshed in the
 * background; then, for longer, only when the upstream fails. The caller may ask for more
 * (no-cache, max-age, min-fresh), for less (max-stale), or for nothing new (only-if-cached). Only
 * answers are served stale; a remembered failure is worth nothing once it expired. */
#ifndef MODEL_FRESHNESS_H
#define MODEL_FRESHNESS_H

#include "model/result.h"

#include <stdbool.h>
#include <stdint.h>

/* What the request says about caching. */
struct cache_directives {
    bool no_cache, only_cached, no_store;
    int64_t max_age_s;   /* -1 = not given */
    int64_t min_fresh_s; /* 0 = not given */
    int64_t max_stale_s; /* -1 = not given; INT64_MAX = any staleness */
};

#define CACHE_DIRECTIVES_NONE ((struct cache_directives){.max_age_s = -1, .max_stale_s = -1})

enum serve {
    SERVE_FRESH,   /* as it is */
    SERVE_STALE,   /* as it is, although expired */
    SERVE_REFRESH, /* as it is, and ask anew behind the caller's back */
    SERVE_ASK,     /* ask, and wait */
    SERVE_NOTHING, /* only-if-cached, and nothing will do */
};

struct freshness_limits {
    int64_t stale_while_revalidate_ms, stale_if_error_ms;
};

/* `result` NULL = nothing is cached. */
enum serve freshness_judge(const struct result *result, const struct cache_directives *wish,
                           const struct freshness_limits *limits, int64_t wall_ms);

/* May it stand in for an answer that could not be had? */
bool freshness_on_error(const struct result *result, const struct cache_directives *wish,
                        const struct freshness_limits *limits, int64_t wall_ms);

/* Time to expiry, negative when it is over, and time since the upstream was asked; both bounded by
 * the result's own life, should the wall clock have jumped. */
int64_t freshness_left_ms(const struct result *result, int64_t wall_ms);
int64_t freshness_age_ms(const struct result *result, int64_t wall_ms);

#endif
