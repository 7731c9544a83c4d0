/* SPDX-License-Identifier: MIT */
/* freshness.c - see freshness.h. */
#include "model/freshness.h"

int64_t freshness_left_ms(const struct result *result, int64_t wall_ms)
{
    int64_t life_ms = result->expires_ms - result->fetched_ms;
    int64_t left_ms = result->expires_ms - wall_ms;

    return left_ms < life_ms ? left_ms : life_ms;
}

int64_t freshness_age_ms(const struct result *result, int64_t wall_ms)
{
    return wall_ms > result->fetched_ms ? wall_ms - result->fetched_ms : 0;
}

/* Returns whether the directives rule the result out: it is too old, or expires too soon. */
static bool is_refused(const struct result *result, const struct cache_directives *wish,
                       int64_t wall_ms)
{
    if (wish->no_cache)
        return true;
    if (wish->max_age_s >= 0 && freshness_age_ms(result, wall_ms) > wish->max_age_s * 1000)
        return true;
    return wish->min_fresh_s > 0 && freshness_left_ms(result, wall_ms) < wish->min_fresh_s * 1000;
}

static bool is_stale_by_at_most(const struct result *result, int64_t ms, int64_t wall_ms)
{
    return !result->err && -freshness_left_ms(result, wall_ms) <= ms;
}

static bool caller_takes_stale(const struct result *result, const struct cache_directives *wish,
                               int64_t wall_ms)
{
    if (wish->max_stale_s < 0)
        return false;
    return wish->max_stale_s == INT64_MAX
               ? !result->err
               : is_stale_by_at_most(result, wish->max_stale_s * 1000, wall_ms);
}

enum serve freshness_judge(const struct result *result, const struct cache_directives *wish,
                           const struct freshness_limits *limits, int64_t wall_ms)
{
    enum serve otherwise = wish->only_cached ? SERVE_NOTHING : SERVE_ASK;

    if (!result || is_refused(result, wish, wall_ms))
        return otherwise;
    if (freshness_left_ms(result, wall_ms) > 0)
        return SERVE_FRESH;
    if (is_stale_by_at_most(result, limits->stale_while_revalidate_ms, wall_ms))
        return wish->only_cached ? SERVE_STALE : SERVE_REFRESH;
    return caller_takes_stale(result, wish, wall_ms) ? SERVE_STALE : otherwise;
}

bool freshness_on_error(const struct result *result, const struct cache_directives *wish,
                        const struct freshness_limits *limits, int64_t wall_ms)
{
    return result && !is_refused(result, wish, wall_ms) &&
           is_stale_by_at_most(result, limits->stale_if_error_ms, wall_ms);
}
