/* SPDX-License-Identifier: MIT */
/* freshness.h - decides whether a stored result may be served. Implements RFC 9111 for readers of
 * our cache, with RFC 5861's stale-while-revalidate and stale-if-error. Pure functions; any thread.
 *
 * A result is fresh until it expires. Then, for a while, it is served immediately and refreshed in
 * the background; after that, for longer, it is served only if the upstream fails. The client may
 * require more (refresh, max_age), accept less (max-stale), or exclude a lookup (only-if-cached).
 * Only successful results are served stale; an expired failure is never served.
 *
 * A jump of the wall clock spends no credit and loses no fallback: what was fetched before it is
 * judged by the time without it. A result that only the jump has expired is served stale, without a
 * refresh, for the life that it had left. */
#ifndef MODEL_FRESHNESS_H
#define MODEL_FRESHNESS_H

#include "base/clock.h"
#include "model/result.h"

#include <stdbool.h>
#include <stdint.h>

/* What a request says about stored results. The first and the third may spend a credit, so only
 * parameters set them, never a header. */
struct cache_directives {
    bool refresh;        /* a result fetched before the request does not do */
    bool only_cached;    /* never spend: serve a stored result or none; excludes `refresh` */
    int64_t max_age_s;   /* an older result does not do; -1 = not given */
    int64_t max_stale_s; /* an expired result does; -1 = not given, INT64_MAX = any staleness */
};

#define CACHE_DIRECTIVES_NONE ((struct cache_directives){.max_age_s = -1, .max_stale_s = -1})

/* What the operator allows. */
struct freshness_limits {
    int64_t stale_while_revalidate_ms, stale_if_error_ms;
};

/* How a stored result satisfies a request. */
enum disposition {
    DISPOSITION_MISS, /* not at all: start or join a lookup, unless the request excludes that */
    DISPOSITION_FRESH,
    DISPOSITION_STALE,            /* although expired */
    DISPOSITION_STALE_REFRESHING, /* although expired; refresh it in the background */
};

enum miss_reason {
    MISS_ABSENT,   /* there is no stored result */
    MISS_EXPIRED,  /* the result has expired */
    MISS_EXCLUDED, /* the request excludes the result */
};

struct freshness {
    enum disposition disposition;
    enum miss_reason reason; /* of a DISPOSITION_MISS */
    bool is_fallback;        /* the result may be served if the lookup fails */
};

/* Judges a stored result (NULL = none) for a request that arrived at `asked_wall_ms`, a wall time.
 * A result that was fetched between then and now satisfies `refresh`. */
struct freshness freshness_judge(const struct result *result,
                                 const struct cache_directives *directives,
                                 const struct freshness_limits *limits, int64_t asked_wall_ms,
                                 const struct clock *clock);

/* Returns how long the result is fresh, from when it was fetched. */
int64_t freshness_life_ms(const struct result *result);

/* Return the time to expiry, negative if expired and at most the life, and the time since the
 * upstream was asked, at least 0. */
int64_t freshness_left_ms(const struct result *result, int64_t wall_ms);
int64_t freshness_age_ms(const struct result *result, int64_t wall_ms);

#endif
