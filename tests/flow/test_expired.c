/* SPDX-License-Identifier: MIT */
/* test_expired.c - tests when an expired result is served, and how it is refreshed. */
#include "base/metrics.h"
#include "flow.h"

#include "tests/support/suite.h"
#include <string.h>

static const struct freshness_limits lenient = {.stale_while_revalidate_ms = DAY_MS,
                                                .stale_if_error_ms = 3 * DAY_MS};

/* Fills the cache and advances to `ms` after the result's expiry. The result expires after an hour,
 * because a simulated month takes seconds. */
static struct caller *ask_until_expired(int64_t ms)
{
    struct engine_options options = flow_options();

    options.results.ttl_found_ms = HOUR_MS;
    flow_start(options);
    struct caller *first = flow_request("milvali.com", WAIT_MS);

    flow_advance(30000);
    flow_advance(HOUR_MS + ms);
    return first;
}

static struct caller *ask_leniently(void)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    caller->request.limits = lenient;
    return caller;
}

TEST(lookup_expired_result_is_served_while_it_may_be)
{
    struct caller *first = ask_until_expired(HOUR_MS);
    struct caller *stale = ask_leniently();
    struct caller *cached = ask_leniently();

    cached->request.directives.only_cached = true;
    flow_settle();
    ck_assert_int_eq(stale->disposition, DISPOSITION_STALE_REFRESHING);
    ck_assert_int_eq(cached->disposition, DISPOSITION_STALE);
    ck_assert_str_eq(stale->body, first->body);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(lookup_failed_has_the_expired_result_as_fallback)
{
    ask_until_expired(2 * DAY_MS);
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "milvali.com", .state = "ERRORED"});
    struct caller *lenient_caller = ask_leniently();
    struct caller *hasty = ask_leniently();
    struct caller *strict = flow_request("milvali.com", WAIT_MS);

    hasty->request.wait_until_ms = 0;
    flow_advance(40000);
    ck_assert_int_eq(lenient_caller->err, ERR_LOOKUP_FAILED);
    ck_assert(lenient_caller->has_fallback);
    ck_assert_int_eq(hasty->err, ERR_STILL_PROCESSING);
    ck_assert(!hasty->has_fallback); /* the lookup may still succeed */
    ck_assert(!strict->has_fallback);
}

TEST(lookup_only_cached_is_never_paid)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    caller->request.directives.only_cached = true;
    flow_advance(30000);
    ck_assert_int_eq(caller->err, ERR_NOT_CACHED);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 0);
}

/* The same request may be answered with an expired result only if it may also spend. */
TEST(lookup_only_cached_has_no_fallback)
{
    ask_until_expired(2 * DAY_MS);
    struct caller *cached = ask_leniently();

    cached->request.directives.only_cached = true;
    flow_settle();
    ck_assert_int_eq(cached->err, ERR_NOT_CACHED);
    ck_assert(!cached->has_fallback);
}

/* ---- refreshes ---- */

/* Returns the result in the cache; the caller owns the reference. */
static const struct result *find_cached(void)
{
    return cache_find(flow.cache, flow.callers[0]->question->key);
}

static uint64_t outcomes(enum metrics_outcome outcome)
{
    struct metrics sum;

    metrics_read(&sum);
    return sum.cache_outcomes[outcome];
}

/* Does what a worker does that serves an expired result. Returns whether it had the claim. */
static bool refresh_as(const char *client, int64_t quota, int64_t asked_wall_ms)
{
    const struct slice fields[QUESTION_PARTS] = {{"milvali.com", strlen("milvali.com")}};
    const struct account_ref account = {client, quota, 1};
    const struct result *expired = find_cached();
    struct question *question = NULL;
    struct errmsg why;

    bool is_mine = result_claim_refresh(expired, flow_now_ms());
    if (is_mine) {
        ck_assert_int_eq(question_new(fields, &question, &why), ERR_OK);
        engine_refresh(flow.engine, question, &account, expired, asked_wall_ms);
    }
    result_unref(expired);
    flow_settle();
    return is_mine;
}

static bool refresh(void)
{
    return refresh_as("client", ACCOUNT_NO_QUOTA, engine_clock(flow.engine)->wall_ms);
}

TEST(refresh_replaces_the_result_without_a_waiter)
{
    struct caller *first = ask_until_expired(HOUR_MS);

    ck_assert(refresh());
    flow_advance(30000);
    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(later->disposition, DISPOSITION_FRESH);
    ck_assert_str_ne(later->body, first->body);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
}

TEST(refresh_is_free_if_a_result_was_fetched_meanwhile)
{
    int64_t before_ms = engine_clock(flow.engine)->wall_ms;
    uint64_t bought = outcomes(CACHE_REFRESHING), stale = outcomes(CACHE_STALE);

    flow_request("milvali.com", WAIT_MS);
    flow_advance(30000);
    ck_assert(refresh_as("client", ACCOUNT_NO_QUOTA, before_ms));
    flow_advance(30000);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
    ck_assert_uint_eq(outcomes(CACHE_REFRESHING), bought);
    ck_assert_uint_eq(outcomes(CACHE_STALE), stale + 1);
}

TEST(refresh_that_a_client_cannot_pay_is_left_to_the_next)
{
    ask_until_expired(HOUR_MS);
    uint64_t bought = outcomes(CACHE_REFRESHING);
    int64_t wall_ms = engine_clock(flow.engine)->wall_ms;

    flow_request_with_quota("spent", 1, "other.com", WAIT_MS);
    flow_advance(30000);
    for (int i = 0; i < 5; i++)
        ck_assert(refresh_as("spent", 1, wall_ms));
    ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, "milvali.com"), 1);
    ck_assert_uint_eq(outcomes(CACHE_REFRESHING), bought);
    ck_assert(refresh_as("rich", 1000, wall_ms));
    ck_assert_uint_eq(outcomes(CACHE_REFRESHING), bought + 1);
    ck_assert(!refresh_as("third", 1000, wall_ms)); /* it is in flight */
    flow_advance(30000);
    ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, "milvali.com"), 2);
}

TEST(refresh_that_nobody_can_buy_now_is_tried_a_minute_later)
{
    ask_until_expired(HOUR_MS);
    engine_set_paused(flow.engine, true);
    flow_settle();
    ck_assert(refresh());
    engine_set_paused(flow.engine, false);
    flow_settle();
    ck_assert(!refresh());
    flow_advance(RESULT_REFRESH_MS);
    ck_assert(refresh());
    flow_advance(30000);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
}
