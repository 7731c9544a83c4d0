/* SPDX-License-Identifier: MIT */
/* test_freshness.c - tests which results may be served.
 *
 * The rows are moments in the life of one result. It is fresh for 100 s, served stale for
 * another 50 s, and served as a fallback on errors for 500 s. */
#include "base/mem.h"
#include "http/protocol/cache_control.h"
#include "model/freshness.h"

#include "tests/support/suite.h"

#define FETCHED_MS INT64_C(1000000)

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
    return freshness_judge(result, directives, &limits, wall_ms, wall_ms);
}

static const struct {
    const char *header;
    int64_t age_s;
    enum disposition disposition;
    bool is_fallback;
} moments[] = {
    {NULL, 0, DISPOSITION_FRESH, true},
    {NULL, 99, DISPOSITION_FRESH, true},
    {NULL, 100, DISPOSITION_STALE_REFRESHING, true},
    {NULL, 150, DISPOSITION_STALE_REFRESHING, true},
    {NULL, 151, DISPOSITION_MISS, true},
    {NULL, 600, DISPOSITION_MISS, true},
    {NULL, 601, DISPOSITION_MISS, false},
    {"no-cache", 0, DISPOSITION_FRESH, true}, /* fetched when the request arrived */
    {"no-cache", 1, DISPOSITION_MISS, false},
    {"no-cache, max-age=0", 0, DISPOSITION_FRESH, true},
    {"max-age=30", 30, DISPOSITION_FRESH, true},
    {"max-age=30", 31, DISPOSITION_MISS, false},
    {"max-age=0", 0, DISPOSITION_FRESH, true},
    {"max-age=0", 1, DISPOSITION_MISS, false},
    {"max-age=\"30\"", 31, DISPOSITION_MISS, false},
    {"MAX-AGE = 30", 31, DISPOSITION_MISS, false},
    {"max-age=soon", 99, DISPOSITION_FRESH, true},
    {"max-age", 99, DISPOSITION_FRESH, true},
    {"max-age=99999999999999999999", 99, DISPOSITION_FRESH, true},
    {"min-fresh=10", 90, DISPOSITION_FRESH, true},
    {"min-fresh=10", 91, DISPOSITION_MISS, false},
    {"max-stale", 10000, DISPOSITION_STALE, false},
    {"max-stale=100", 200, DISPOSITION_STALE, true},
    {"max-stale=100", 201, DISPOSITION_MISS, true},
    {"only-if-cached", 99, DISPOSITION_FRESH, true},
    {"only-if-cached", 120, DISPOSITION_STALE, true},
    {"only-if-cached", 151, DISPOSITION_MISS, true},
    {"only-if-cached, max-age=10", 11, DISPOSITION_MISS, false},
    {"no-store, community=\"UCI\"", 99, DISPOSITION_FRESH, true},
    {",, ,max-age=30,,", 31, DISPOSITION_MISS, false},
    {"xmax-age=30", 31, DISPOSITION_FRESH, true},
};

LOOP_TEST(freshness_depends_on_the_age_of_the_result, moments)
{
    struct result result = answer();
    struct cache_directives directives = CACHE_DIRECTIVES_NONE;
    int64_t wall_ms = FETCHED_MS + moments[_i].age_s * 1000;

    cache_control_read(&directives, moments[_i].header);
    struct freshness verdict = judge(&result, &directives, wall_ms);
    ck_assert_msg(verdict.disposition == moments[_i].disposition &&
                      verdict.is_fallback == moments[_i].is_fallback,
                  "%s at %lld s", moments[_i].header ? moments[_i].header : "(no header)",
                  (long long)moments[_i].age_s);
}

TEST(freshness_without_a_result_is_a_miss)
{
    struct cache_directives directives = CACHE_DIRECTIVES_NONE;

    for (int i = 0; i < 2; i++) {
        struct freshness verdict = judge(NULL, &directives, 0);
        ck_assert_int_eq(verdict.disposition, DISPOSITION_MISS);
        ck_assert_int_eq(verdict.reason, MISS_ABSENT);
        ck_assert(!verdict.is_fallback);
        directives.only_cached = true;
    }
}

static const struct {
    const char *header;
    int64_t age_s;
    enum miss_reason reason;
} misses[] = {
    {NULL, 151, MISS_EXPIRED},
    {"max-stale=10", 151, MISS_EXPIRED},
    {"only-if-cached", 151, MISS_EXPIRED},
    {"max-age=30", 151, MISS_EXPIRED},
    {"max-age=30", 31, MISS_EXCLUDED},
    {"min-fresh=10", 91, MISS_EXCLUDED},
    {"no-cache", 10, MISS_EXCLUDED},
    {"no-cache", 151, MISS_EXCLUDED},
};

LOOP_TEST(freshness_miss_has_its_reason, misses)
{
    struct result result = answer();
    struct cache_directives directives = CACHE_DIRECTIVES_NONE;

    cache_control_read(&directives, misses[_i].header);
    struct freshness verdict = judge(&result, &directives, FETCHED_MS + misses[_i].age_s * 1000);
    ck_assert_int_eq(verdict.disposition, DISPOSITION_MISS);
    ck_assert_int_eq(verdict.reason, misses[_i].reason);
}

TEST(freshness_result_from_the_future_does_not_satisfy_no_cache)
{
    struct result result = answer();
    struct cache_directives directives = {.no_cache = true, .max_age_s = -1, .max_stale_s = -1};
    struct freshness verdict =
        freshness_judge(&result, &directives, &limits, FETCHED_MS - 2000, FETCHED_MS - 1000);

    ck_assert_int_eq(verdict.disposition, DISPOSITION_MISS);
    ck_assert_int_eq(verdict.reason, MISS_EXCLUDED);
}

TEST(freshness_result_fetched_since_the_request_satisfies_no_cache)
{
    struct result result = answer();
    struct cache_directives directives = {.no_cache = true, .max_age_s = 0, .max_stale_s = -1};
    int64_t wall_ms = FETCHED_MS + 1000;

    ck_assert_int_eq(
        freshness_judge(&result, &directives, &limits, FETCHED_MS + 1, wall_ms).disposition,
        DISPOSITION_MISS);
    ck_assert_int_eq(
        freshness_judge(&result, &directives, &limits, FETCHED_MS, wall_ms).disposition,
        DISPOSITION_FRESH);
}

TEST(freshness_expired_failure_is_a_miss)
{
    struct result result = answer();
    struct cache_directives directives = CACHE_DIRECTIVES_NONE;
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
    int64_t wall_ms = FETCHED_MS - 10 * 86400000LL;

    ck_assert_int_eq(freshness_age_ms(&result, wall_ms), 0);
    ck_assert_int_eq(freshness_left_ms(&result, wall_ms), 100000);
}

TEST(freshness_never_improves_with_age)
{
    static const int order[] = {[DISPOSITION_FRESH] = 0,
                                [DISPOSITION_STALE_REFRESHING] = 1,
                                [DISPOSITION_STALE] = 1,
                                [DISPOSITION_MISS] = 2};
    struct result result = answer();

    for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
        struct cache_directives directives = CACHE_DIRECTIVES_NONE;
        int before = 0;
        cache_control_read(&directives, moments[i].header);
        for (int64_t ms = 0; ms < 700000; ms += 250) {
            int now = order[judge(&result, &directives, FETCHED_MS + ms).disposition];
            ck_assert_int_ge(now, before);
            before = now;
        }
    }
}
