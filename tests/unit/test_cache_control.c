/* SPDX-License-Identifier: MIT */
/* test_cache_control.c - tests that a Cache-Control header can only make a request cheaper. */
#include "base/mem.h"
#include "base/slice.h"
#include "http/protocol/cache_control.h"

#include "tests/support/suite.h"

static const struct {
    const char *header;
    bool only_cached;
    int64_t max_stale_s;
} rows[] = {
    {NULL, false, -1},
    {"", false, -1},
    {"only-if-cached", true, -1},
    {"ONLY-IF-CACHED", true, -1},
    {"max-stale", false, INT64_MAX},
    {"max-stale=100", false, 100},
    {"max-stale=\"100\"", false, 100},
    {"Max-Stale = 100", false, 100},
    {"max-stale=soon", false, INT64_MAX},
    {"only-if-cached, max-stale=7", true, 7},
    {"community=\"only-if-cached\"", false, -1},
    {",, ,max-stale=7,,", false, 7},
    {"xmax-stale=7", false, -1},
    {"max-stale=99999999999999999999", false, SLICE_SECONDS_MAX},
};

LOOP_TEST(cache_control_directives_that_save_are_read, rows)
{
    struct cache_directives directives = CACHE_DIRECTIVES_NONE;

    cache_control_read(&directives, rows[_i].header);
    ck_assert_int_eq(directives.only_cached, rows[_i].only_cached);
    ck_assert_int_eq(directives.max_stale_s, rows[_i].max_stale_s);
}

static const char *const spending[] = {"no-cache", "no-store", "max-age=0", "min-fresh=99999999",
                                       "no-cache, no-store, must-revalidate, max-age=0"};

LOOP_TEST(cache_control_directives_that_spend_are_ignored, spending)
{
    struct cache_directives directives = CACHE_DIRECTIVES_NONE;

    cache_control_read(&directives, spending[_i]);
    ck_assert(!directives.refresh);
    ck_assert(!directives.only_cached);
    ck_assert_int_eq(directives.max_age_s, -1);
    ck_assert_int_eq(directives.max_stale_s, -1);
}
