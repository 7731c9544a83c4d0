/* SPDX-License-Identifier: MIT */
/* test_time.c - tests that a wall clock that jumps, stops or runs too fast fails no lookup and
 * drops no result. */
#include "flow.h"
#include "weak_store.h"

#include "tests/support/suite.h"

static void jump(int64_t ms)
{
    engine_clock(flow.engine)->wall_ms += ms;
}

/* Requests again, as a client of a daemon that serves expired results for a week. */
static struct caller *ask_again(void)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    caller->request.limits = (struct freshness_limits){.stale_while_revalidate_ms = 7 * DAY_MS,
                                                       .stale_if_error_ms = 90 * DAY_MS};
    flow_settle();
    return caller;
}

static size_t stored(void)
{
    struct store_stats stats;

    ck_assert_int_eq(store_stats(flow.store, &stats), ERR_OK);
    return stats.found;
}

RANGE_TEST(clock_T1_T2_jump_changes_neither_result_nor_cost, 0, 4)
{
    static const int64_t jumps[] = {10 * DAY_MS, -10 * DAY_MS, 1000, -1000};

    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(10000);
    jump(jumps[_i]);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_OK);
    struct caller *again = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert(again->from_cache);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(clock_T1_ten_days_forward_keeps_results_of_thirty_days)
{
    flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    jump(10 * DAY_MS);
    flow_restart();
    struct caller *again = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert(again->from_cache);
}

TEST(clock_T1_jump_of_400_days_buys_nothing)
{
    struct caller *first = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    jump(400 * DAY_MS);
    for (int day = 1; day < 30; day++) {
        struct caller *again = ask_again();
        ck_assert_int_eq(again->disposition, DISPOSITION_STALE); /* starts no refresh */
        ck_assert_str_eq(again->body, first->body);
        flow_advance(DAY_MS);
    }
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
    flow_advance(2 * DAY_MS); /* its life is over without the jump, too */
    ck_assert_int_eq(ask_again()->disposition, DISPOSITION_STALE_REFRESHING);
    flow_advance(7 * DAY_MS);
    ck_assert_int_eq(ask_again()->disposition, DISPOSITION_MISS);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
    ck_assert_int_eq(ask_again()->disposition, DISPOSITION_FRESH);
}

TEST(clock_T1_jump_does_not_tighten_max_age)
{
    flow_request("milvali.com", WAIT_MS);
    flow_advance(HOUR_MS);
    jump(400 * DAY_MS);
    struct caller *lenient = flow_request("milvali.com", WAIT_MS);
    struct caller *strict = flow_request("milvali.com", WAIT_MS);
    lenient->request.directives.max_age_s = 2 * HOUR_MS / 1000;
    strict->request.directives.max_age_s = HOUR_MS / 2000;
    flow_advance(MINUTE_MS);
    ck_assert(lenient->from_cache);
    ck_assert(!strict->from_cache);
}

TEST(clock_T2_result_from_the_future_is_not_as_young_as_max_age_0_wants)
{
    flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    jump(-10 * DAY_MS);
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    caller->request.directives.max_age_s = 0;
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert(!caller->from_cache);
}

TEST(clock_T2_ten_days_back_expires_nothing)
{
    flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    jump(-10 * DAY_MS);
    flow_restart();
    struct caller *again = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert(again->from_cache);
}

TEST(clock_T2_set_back_still_permits_a_refresh)
{
    flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    jump(-10 * DAY_MS);
    struct caller *refreshed = flow_request("milvali.com", WAIT_MS);
    refreshed->request.directives.refresh = true;
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(refreshed->err, ERR_OK);
    ck_assert(!refreshed->from_cache);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
}

TEST(clock_T2_cooldown_from_the_future_lasts_no_longer)
{
    flow_request("milvali.com", WAIT_MS);
    flow_advance(10000); /* in flight */
    flow_restart();
    jump(-10 * DAY_MS);
    flow_restart();
    ck_assert_uint_eq(flow.recovery.held, 1);
    flow_advance(11 * MINUTE_MS);
    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(later->err, ERR_OK);
}

TEST(clock_T3_stopped_wall_clock_keeps_deadlines)
{
    const int64_t still_ms = engine_clock(flow.engine)->wall_ms;
    struct caller *caller = flow_request("milvali.com", 5000);

    for (int i = 0; i < 6; i++) {
        engine_clock(flow.engine)->wall_ms = still_ms;
        flow_advance(1000);
    }
    ck_assert_int_eq(caller->err, ERR_STILL_PROCESSING);
}

TEST(clock_T3_fast_wall_clock_shortens_no_wait)
{
    struct caller *patient = flow_request("milvali.com", WAIT_MS);
    struct caller *hasty = flow_request("milvali.com", 5000);
    int64_t begun_ms = flow_now_ms();

    for (int i = 0; i < 60; i++) {
        flow_advance(1000);
        jump(9000);
    }
    ck_assert_int_eq(hasty->err, ERR_STILL_PROCESSING);
    ck_assert_int_eq(hasty->answered_ms - begun_ms, 5000);
    ck_assert_int_eq(patient->err, ERR_OK);
    ck_assert_int_le(patient->answered_ms - begun_ms, 30000);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

/* The machine sleeps: an hour passes in one step, and everything that fell due meanwhile is due
 * at the same time. */
static void sleep_an_hour(void)
{
    clock_advance(engine_clock(flow.engine), HOUR_MS);
    flow_settle();
}

TEST(clock_T4_sleep_during_submit_leaves_it_unknown)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_TIMEOUT, .creates = true});
    flow_advance(10000);
    sleep_an_hour();
    ck_assert_int_eq(caller->answers, 1);
    flow_advance(5 * MINUTE_MS);
    struct caller *again = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(again->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_STATUS), 0);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(clock_T4_sleep_causes_no_burst_of_polls)
{
    for (int i = 0; i < 4; i++) { /* four batches, each in its own slot */
        flow_request(flow_company(i), WAIT_MS);
        flow_advance(200);
    }
    fake_upstream_set_task_ms(flow.upstream, 120000);
    flow_advance(MINUTE_MS);
    size_t before = fake_upstream_calls(flow.upstream, FAKE_STATUS);
    ck_assert_uint_gt(before, 4);
    sleep_an_hour();
    ck_assert_uint_le(fake_upstream_calls(flow.upstream, FAKE_STATUS) - before, 4);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 4);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 4);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(flow.callers[i]->answers, 1);
}

/* ---- removal of expired results ---- */

static void start_with_short_lives(void)
{
    struct engine_options options = flow_options();

    options.results.ttl_found_ms = MINUTE_MS;
    options.keep_expired_ms = HOUR_MS;
    flow_start(options);
    flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(stored(), 1);
}

TEST(store_purges_results_expired_long_ago)
{
    start_with_short_lives();
    flow_advance(HOUR_MS);
    ck_assert_uint_eq(stored(), 1);
    flow_advance(HOUR_MS);
    ck_assert_uint_eq(stored(), 0);
}

TEST(store_purge_follows_the_reloaded_limit)
{
    start_with_short_lives();
    engine_reload(flow.engine, &(struct engine_settings){0, 5 * HOUR_MS});
    flow_advance(3 * HOUR_MS);
    ck_assert_uint_eq(stored(), 1);
    flow_advance(3 * HOUR_MS);
    ck_assert_uint_eq(stored(), 0);
}

TEST(clock_T1_jump_purges_nothing)
{
    start_with_short_lives();
    jump(300 * DAY_MS);
    flow_advance(HOUR_MS);
    ck_assert_uint_eq(stored(), 1);
    flow_advance(HOUR_MS); /* expired long ago without the jump, too */
    ck_assert_uint_eq(stored(), 0);
}

TEST(clock_T1_jump_never_purges_a_result_that_is_still_good)
{
    flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    jump(400 * DAY_MS);
    flow_advance(DAY_MS);
    ck_assert_uint_eq(stored(), 1);
}
