/* SPDX-License-Identifier: MIT */
/* test_freshness.c - tests which results may be served.
 *
 * The rows are moments in the life of one result. It is fresh for 100 s, served stale for
 * another 50 s, and served as a fallback on errors for 500 s. */
#include "base/mem.h"
#include "model/freshness.h"

#include "tests/support/suite.h"

#define FETCHED_MS INT64_C(1000000)
#define DAY_MS     INT64_C(86400000)

#define PLAIN CACHE_DIRECTIVES_NONE
#define REFRESH                                                                                    \
    {                                                                                              \
        .refresh = true, .max_age_s = -1, .max_stale_s = -1                                        \
    }
#define MAX_AGE(n)                                                                                 \
    {                                                                                              \
        .max_age_s = (n), .max_stale_s = -1                                                        \
    }
#define MAX_STALE(n)                                                                               \
    {                                                                                              \
        .max_age_s = -1, .max_stale_s = (n)                                                        \
    }
#define ONLY_CACHED                                                                                \
    {                                                                                              \
        .only_cached = true, .max_age_s = -1, .max_stale_s = -1                                    \
    }

static const struct freshness_limits limits = {.stale_while_revalidate_ms = 50000,
                                               .stale_if_error_ms = 500000};

static struct result answer(void)
{
    return (struct result){.fetched_ms = FETCHED_MS, .expires_ms = FETCHED_MS + 100000};
}

/* Judges for a request that has just arrived. */
static struct freshness judge(const struct result *result,
                              const struct cache_directives *directives, int64_t wall_ms)
{
    const struct clock clock = clock_fake(wall_ms);

    return freshness_judge(result, directives, &limits, wall_ms, &clock);
}

static const struct {
    struct cache_directives directives;
    int64_t age_s;
    enum disposition disposition;
    bool is_fallback;
} moments[] = {
    {MAX_AGE(-1), 0, DISPOSITION_FRESH, true},
    {MAX_AGE(-1), 99, DISPOSITION_FRESH, true},
    {MAX_AGE(-1), 100, DISPOSITION_STALE_REFRESHING, true},
    {MAX_AGE(-1), 150, DISPOSITION_STALE_REFRESHING, true},
    {MAX_AGE(-1), 151, DISPOSITION_MISS, true},
    {MAX_AGE(-1), 600, DISPOSITION_MISS, true},
    {MAX_AGE(-1), 601, DISPOSITION_MISS, false},
    {REFRESH, 0, DISPOSITION_FRESH, true}, /* fetched when the request arrived */
    {REFRESH, 1, DISPOSITION_MISS, false},
    {MAX_AGE(30), 30, DISPOSITION_FRESH, true},
    {MAX_AGE(30), 31, DISPOSITION_MISS, false},
    {MAX_AGE(0), 0, DISPOSITION_FRESH, true},
    {MAX_AGE(0), 1, DISPOSITION_MISS, false},
    {MAX_STALE(INT64_MAX), 10000, DISPOSITION_STALE, false},
    {MAX_STALE(100), 200, DISPOSITION_STALE, true},
    {MAX_STALE(100), 201, DISPOSITION_MISS, true},
    {ONLY_CACHED, 99, DISPOSITION_FRESH, false}, /* no lookup can fail */
    {ONLY_CACHED, 120, DISPOSITION_STALE, false},
    {ONLY_CACHED, 151, DISPOSITION_MISS, false},
    {{.only_cached = true, .max_age_s = 10, .max_stale_s = -1}, 11, DISPOSITION_MISS, false},
};

LOOP_TEST(freshness_depends_on_the_age_of_the_result, moments)
{
    struct result result = answer();
    int64_t wall_ms = FETCHED_MS + moments[_i].age_s * 1000;
    struct freshness verdict = judge(&result, &moments[_i].directives, wall_ms);

    ck_assert_int_eq(verdict.disposition, moments[_i].disposition);
    ck_assert_int_eq(verdict.is_fallback, moments[_i].is_fallback);
}

TEST(freshness_without_a_result_is_a_miss)
{
    struct cache_directives directives = PLAIN;

    for (int i = 0; i < 2; i++) {
        struct freshness verdict = judge(NULL, &directives, 0);
        ck_assert_int_eq(verdict.disposition, DISPOSITION_MISS);
        ck_assert_int_eq(verdict.reason, MISS_ABSENT);
        ck_assert(!verdict.is_fallback);
        directives.only_cached = true;
    }
}

static const struct {
    struct cache_directives directives;
    int64_t age_s;
    enum miss_reason reason;
} misses[] = {
    {MAX_AGE(-1), 151, MISS_EXPIRED}, {MAX_STALE(10), 151, MISS_EXPIRED},
    {ONLY_CACHED, 151, MISS_EXPIRED}, {MAX_AGE(30), 151, MISS_EXPIRED},
    {MAX_AGE(30), 31, MISS_EXCLUDED}, {REFRESH, 10, MISS_EXCLUDED},
    {REFRESH, 151, MISS_EXCLUDED},
};

LOOP_TEST(freshness_miss_has_its_reason, misses)
{
    struct result result = answer();
    struct freshness verdict =
        judge(&result, &misses[_i].directives, FETCHED_MS + misses[_i].age_s * 1000);

    ck_assert_int_eq(verdict.disposition, DISPOSITION_MISS);
    ck_assert_int_eq(verdict.reason, misses[_i].reason);
}

/* ---- clocks that were set ---- */

static const struct {
    struct cache_directives directives;
    int64_t ahead_ms;
    enum disposition disposition;
} futures[] = {
    {REFRESH, 1, DISPOSITION_MISS},
    {MAX_AGE(0), 1, DISPOSITION_FRESH}, /* a correction of the clock spends nothing */
    {MAX_AGE(0), CLOCK_JUMP_MS - 1, DISPOSITION_FRESH},
    {MAX_AGE(0), CLOCK_JUMP_MS, DISPOSITION_MISS},
    {MAX_AGE(999999), CLOCK_JUMP_MS, DISPOSITION_MISS},
};

LOOP_TEST(freshness_result_from_the_future_has_no_known_age, futures)
{
    struct result result = answer();
    int64_t wall_ms = FETCHED_MS - futures[_i].ahead_ms;
    const struct clock clock = clock_fake(wall_ms);
    struct freshness verdict =
        freshness_judge(&result, &futures[_i].directives, &limits, wall_ms - 1, &clock);

    ck_assert_int_eq(verdict.disposition, futures[_i].disposition);
    if (verdict.disposition == DISPOSITION_MISS)
        ck_assert_int_eq(verdict.reason, MISS_EXCLUDED);
}

TEST(freshness_result_fetched_since_the_request_satisfies_refresh)
{
    struct result result = answer();
    struct cache_directives directives = REFRESH;
    const struct clock clock = clock_fake(FETCHED_MS + 1000);

    ck_assert_int_eq(
        freshness_judge(&result, &directives, &limits, FETCHED_MS + 1, &clock).disposition,
        DISPOSITION_MISS);
    ck_assert_int_eq(freshness_judge(&result, &directives, &limits, FETCHED_MS, &clock).disposition,
                     DISPOSITION_FRESH);
}

/* Returns a clock that jumped `age_s` after the fetch, and has shown `later_s` since. */
static struct clock jumped(int64_t age_s, int64_t jump_ms, int64_t later_s)
{
    struct clock clock = clock_fake(FETCHED_MS + age_s * 1000);

    clock.wall_ms += jump_ms;
    ck_assert(clock_turn(&clock));
    clock_advance(&clock, later_s * 1000);
    return clock;
}

static enum disposition judge_by(const struct clock *clock, const struct result *result,
                                 const struct cache_directives *directives)
{
    return freshness_judge(result, directives, &limits, clock->wall_ms, clock).disposition;
}

static const struct {
    struct cache_directives directives;
    int64_t later_s;
    enum disposition disposition;
} after_jump[] = {
    {MAX_AGE(-1), 0, DISPOSITION_STALE},
    {MAX_AGE(-1), 39, DISPOSITION_STALE},
    {MAX_AGE(-1), 40, DISPOSITION_STALE_REFRESHING}, /* expired without the jump, too */
    {MAX_AGE(-1), 90, DISPOSITION_STALE_REFRESHING},
    {MAX_AGE(-1), 91, DISPOSITION_MISS},
    {MAX_AGE(70), 10, DISPOSITION_STALE},
    {MAX_AGE(70), 11, DISPOSITION_MISS},
    {ONLY_CACHED, 39, DISPOSITION_STALE},
    {ONLY_CACHED, 91, DISPOSITION_MISS},
    {REFRESH, 0, DISPOSITION_MISS},
};

LOOP_TEST(freshness_jump_ahead_leaves_a_result_its_life, after_jump)
{
    struct result result = answer();
    const struct clock clock = jumped(60, 400 * DAY_MS, after_jump[_i].later_s);

    ck_assert_int_eq(judge_by(&clock, &result, &after_jump[_i].directives),
                     after_jump[_i].disposition);
}

TEST(freshness_jump_ahead_leaves_a_result_as_fallback)
{
    struct result result = answer();
    struct cache_directives directives = PLAIN;
    const struct clock soon = jumped(60, 400 * DAY_MS, 540), late = jumped(60, 400 * DAY_MS, 541);

    ck_assert(freshness_judge(&result, &directives, &limits, soon.wall_ms, &soon).is_fallback);
    ck_assert(!freshness_judge(&result, &directives, &limits, late.wall_ms, &late).is_fallback);
}

TEST(freshness_result_fetched_after_a_jump_is_judged_as_ever)
{
    struct cache_directives directives = PLAIN;
    const struct clock clock = jumped(60, 400 * DAY_MS, 500);
    struct result result = {.fetched_ms = clock.wall_ms - 120000, .expires_ms = clock.wall_ms - 1};

    ck_assert_int_eq(judge_by(&clock, &result, &directives), DISPOSITION_STALE_REFRESHING);
}

static const struct {
    struct cache_directives directives;
    int64_t jump_ms, later_s;
    enum disposition disposition;
} after_jump_back[] = {
    {MAX_AGE(70), -400 * DAY_MS, 10, DISPOSITION_STALE},
    {MAX_AGE(70), -400 * DAY_MS, 11, DISPOSITION_MISS},
    {MAX_AGE(70), -CLOCK_JUMP_MS, 10, DISPOSITION_FRESH}, /* less than an hour ahead now */
    {MAX_AGE(70), -CLOCK_JUMP_MS, 11, DISPOSITION_MISS},
    {MAX_AGE(-1), -400 * DAY_MS, 39, DISPOSITION_FRESH},
    {MAX_AGE(-1), -400 * DAY_MS, 40, DISPOSITION_STALE_REFRESHING},
};

LOOP_TEST(freshness_jump_back_that_was_seen_does_not_hide_the_age, after_jump_back)
{
    struct result result = answer();
    const struct clock clock = jumped(60, after_jump_back[_i].jump_ms, after_jump_back[_i].later_s);

    ck_assert_int_eq(judge_by(&clock, &result, &after_jump_back[_i].directives),
                     after_jump_back[_i].disposition);
}

TEST(freshness_expired_failure_is_a_miss)
{
    struct result result = answer();
    struct cache_directives directives = PLAIN;
    int64_t end_ms = FETCHED_MS + 100000;

    result.err = ERR_LOOKUP_FAILED;
    ck_assert_int_eq(judge(&result, &directives, end_ms - 1000).disposition, DISPOSITION_FRESH);
    ck_assert_int_eq(judge(&result, &directives, end_ms).disposition, DISPOSITION_MISS);
    ck_assert(!judge(&result, &directives, end_ms).is_fallback);
    directives.max_stale_s = INT64_MAX;
    ck_assert_int_eq(judge(&result, &directives, end_ms).disposition, DISPOSITION_MISS);
}

TEST(freshness_clock_set_back_changes_no_age)
{
    struct result result = answer();
    int64_t wall_ms = FETCHED_MS - 10 * DAY_MS;

    ck_assert_int_eq(freshness_age_ms(&result, wall_ms), 0);
    ck_assert_int_eq(freshness_left_ms(&result, wall_ms), 100000);
    ck_assert_int_eq(freshness_life_ms(&result), 100000);
}

TEST(freshness_never_improves_with_age)
{
    static const int order[] = {[DISPOSITION_FRESH] = 0,
                                [DISPOSITION_STALE_REFRESHING] = 1,
                                [DISPOSITION_STALE] = 1,
                                [DISPOSITION_MISS] = 2};
    struct result result = answer();

    for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
        int before = 0;
        for (int64_t ms = 0; ms < 700000; ms += 250) {
            int now = order[judge(&result, &moments[i].directives, FETCHED_MS + ms).disposition];
            ck_assert_int_ge(now, before);
            before = now;
        }
    }
}
