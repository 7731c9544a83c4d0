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

static const struct {
    const char *header;
    int64_t age_s;
    enum serve serve;
    bool on_error;
} moments[] = {
    {NULL, 0, SERVE_FRESH, true},
    {NULL, 99, SERVE_FRESH, true},
    {NULL, 100, SERVE_REFRESH, true},
    {NULL, 150, SERVE_REFRESH, true},
    {NULL, 151, SERVE_ASK, true},
    {NULL, 600, SERVE_ASK, true},
    {NULL, 601, SERVE_ASK, false},
    {"no-cache", 0, SERVE_ASK, false},
    {"max-age=30", 30, SERVE_FRESH, true},
    {"max-age=30", 31, SERVE_ASK, false},
    {"max-age=0", 0, SERVE_FRESH, true},
    {"max-age=0", 1, SERVE_ASK, false},
    {"max-age=\"30\"", 31, SERVE_ASK, false},
    {"MAX-AGE = 30", 31, SERVE_ASK, false},
    {"max-age=soon", 99, SERVE_FRESH, true},
    {"max-age", 99, SERVE_FRESH, true},
    {"max-age=99999999999999999999", 99, SERVE_FRESH, true},
    {"min-fresh=10", 90, SERVE_FRESH, true},
    {"min-fresh=10", 91, SERVE_ASK, false},
    {"max-stale", 10000, SERVE_STALE, false},
    {"max-stale=100", 200, SERVE_STALE, true},
    {"max-stale=100", 201, SERVE_ASK, true},
    {"only-if-cached", 99, SERVE_FRESH, true},
    {"only-if-cached", 120, SERVE_STALE, true},
    {"only-if-cached", 151, SERVE_NOTHING, true},
    {"only-if-cached, max-age=10", 11, SERVE_NOTHING, false},
    {"no-store, community=\"UCI\"", 99, SERVE_FRESH, true},
    {",, ,max-age=30,,", 31, SERVE_ASK, false},
    {"xmax-age=30", 31, SERVE_FRESH, true},
};

LOOP_TEST(freshness_depends_on_the_age_of_the_result, moments)
{
    struct result result = answer();
    struct cache_directives directives = CACHE_DIRECTIVES_NONE;
    int64_t wall_ms = FETCHED_MS + moments[_i].age_s * 1000;

    cache_control_read(&directives, moments[_i].header);
    ck_assert_msg(freshness_judge(&result, &directives, &limits, wall_ms) == moments[_i].serve &&
                      freshness_on_error(&result, &directives, &limits, wall_ms) ==
                          moments[_i].on_error,
                  "%s at %lld s", moments[_i].header ? moments[_i].header : "(no header)",
                  (long long)moments[_i].age_s);
}

TEST(freshness_without_a_result_is_a_miss)
{
    struct cache_directives directives = CACHE_DIRECTIVES_NONE;

    ck_assert_int_eq(freshness_judge(NULL, &directives, &limits, 0), SERVE_ASK);
    directives.only_cached = true;
    ck_assert_int_eq(freshness_judge(NULL, &directives, &limits, 0), SERVE_NOTHING);
    ck_assert(!freshness_on_error(NULL, &directives, &limits, 0));
}

TEST(freshness_expired_failure_is_a_miss)
{
    struct result result = answer();
    struct cache_directives directives = CACHE_DIRECTIVES_NONE;

    result.err = ERR_LOOKUP_FAILED;
    ck_assert_int_eq(freshness_judge(&result, &directives, &limits, FETCHED_MS + 99000),
                     SERVE_FRESH);
    ck_assert_int_eq(freshness_judge(&result, &directives, &limits, FETCHED_MS + 100000),
                     SERVE_ASK);
    ck_assert(!freshness_on_error(&result, &directives, &limits, FETCHED_MS + 100000));
    directives.max_stale_s = INT64_MAX;
    ck_assert_int_eq(freshness_judge(&result, &directives, &limits, FETCHED_MS + 100000),
                     SERVE_ASK);
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
    static const int order[] = {[SERVE_FRESH] = 0,
                                [SERVE_REFRESH] = 1,
                                [SERVE_STALE] = 1,
                                [SERVE_ASK] = 2,
                                [SERVE_NOTHING] = 2};
    struct result result = answer();

    for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
        struct cache_directives directives = CACHE_DIRECTIVES_NONE;
        int before = 0;
        cache_control_read(&directives, moments[i].header);
        for (int64_t ms = 0; ms < 700000; ms += 250) {
            int now = order[freshness_judge(&result, &directives, &limits, FETCHED_MS + ms)];
            ck_assert_int_ge(now, before);
            before = now;
        }
    }
}
