/* SPDX-License-Identifier: MIT */
/* freshness.c - see freshness.h. */
#include "model/freshness.h"

int64_t freshness_life_ms(const struct result *result)
{
    return result->expires_ms - result->fetched_ms;
}

int64_t freshness_left_ms(const struct result *result, int64_t wall_ms)
{
    int64_t life_ms = freshness_life_ms(result);
    int64_t left_ms = result->expires_ms - wall_ms;

    return left_ms < life_ms ? left_ms : life_ms;
}

int64_t freshness_age_ms(const struct result *result, int64_t wall_ms)
{
    return wall_ms > result->fetched_ms ? wall_ms - result->fetched_ms : 0;
}

/* Returns whether the directives exclude the result. One from the future was fetched before the
 * clock was set back. Its age is unknown, but after a small correction it is as good as new. */
static bool is_excluded(const struct result *result, const struct cache_directives *directives,
                        int64_t asked_wall_ms, int64_t wall_ms)
{
    int64_t ahead_ms = result->fetched_ms - wall_ms;

    if (directives->refresh)
        return ahead_ms > 0 || result->fetched_ms < asked_wall_ms;
    return directives->max_age_s >= 0 &&
           (ahead_ms >= CLOCK_JUMP_MS ||
            freshness_age_ms(result, wall_ms) > directives->max_age_s * 1000);
}

static bool is_stale_by_at_most(const struct result *result, int64_t ms, int64_t wall_ms)
{
    return !result->err && -freshness_left_ms(result, wall_ms) <= ms;
}

static bool caller_accepts_stale(const struct result *result,
                                 const struct cache_directives *directives, int64_t wall_ms)
{
    if (directives->max_stale_s < 0)
        return false;
    return directives->max_stale_s == INT64_MAX
               ? !result->err
               : is_stale_by_at_most(result, directives->max_stale_s * 1000, wall_ms);
}

/* Judges at the wall time `wall_ms`. */
static struct freshness judge_at(const struct result *result,
                                 const struct cache_directives *directives,
                                 const struct freshness_limits *limits, int64_t asked_wall_ms,
                                 int64_t wall_ms)
{
    bool is_expired = freshness_left_ms(result, wall_ms) <= 0;
    struct freshness verdict = {
        .disposition = DISPOSITION_MISS,
        .reason = is_expired && !directives->refresh ? MISS_EXPIRED : MISS_EXCLUDED,
    };

    if (is_excluded(result, directives, asked_wall_ms, wall_ms))
        return verdict;
    verdict.is_fallback =
        !directives->only_cached && is_stale_by_at_most(result, limits->stale_if_error_ms, wall_ms);
    if (!is_expired)
        verdict.disposition = DISPOSITION_FRESH;
    else if (is_stale_by_at_most(result, limits->stale_while_revalidate_ms, wall_ms))
        verdict.disposition =
            directives->only_cached ? DISPOSITION_STALE : DISPOSITION_STALE_REFRESHING;
    else if (caller_accepts_stale(result, directives, wall_ms))
        verdict.disposition = DISPOSITION_STALE;
    return verdict;
}

struct freshness freshness_judge(const struct result *result,
                                 const struct cache_directives *directives,
                                 const struct freshness_limits *limits, int64_t asked_wall_ms,
                                 const struct clock *clock)
{
    if (!result)
        return (struct freshness){.disposition = DISPOSITION_MISS, .reason = MISS_ABSENT};
    struct freshness verdict = judge_at(result, directives, limits, asked_wall_ms, clock->wall_ms);
    int64_t unjumped_ms = clock_wall_since(clock, result->fetched_ms);
    if (unjumped_ms == clock->wall_ms || directives->refresh)
        return verdict;
    bool is_fresh_by_wall = verdict.disposition == DISPOSITION_FRESH;
    verdict = judge_at(result, directives, limits, asked_wall_ms, unjumped_ms);
    if (verdict.disposition == DISPOSITION_FRESH && !is_fresh_by_wall)
        verdict.disposition = DISPOSITION_STALE;
    return verdict;
}
