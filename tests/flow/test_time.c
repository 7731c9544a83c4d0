/* SPDX-License-Identifier: MIT */
/* test_time.c - a wall clock that jumps, stands still or lies harms nobody and drops nothing. */
#include "flow.h"
#include "weak_store.h"

#include "tests/support/suite.h"

static void jump(int64_t ms)
{
    engine_clock(flow.engine)->wall_ms += ms;
}

static size_t stored(void)
{
    struct store_stats stats;

    ck_assert_int_eq(store_stats(flow.store, &stats), ERR_OK);
    return stats.found;
}

RANGE_TEST(T1_T2_a_jump_during_a_lookup_changes_neither_its_end_nor_its_cost, 0, 4)
{
    static const int64_t jumps[] = {10 * DAY_MS, -10 * DAY_MS, 1000, -1000};

    struct asker *asker = flow_ask("milvali.com", WAIT_MS);
    flow_advance(10000);
    jump(jumps[_i]);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(asker->err, ERR_OK);
    struct asker *again = flow_ask("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert(again->from_cache);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 1);
}

TEST(T1_ten_days_forward_leave_what_lives_for_thirty)
{
    flow_ask("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    jump(10 * DAY_MS);
    flow_restart();
    struct asker *again = flow_ask("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert(again->from_cache);
}

TEST(T2_ten_days_back_expire_nothing_also_after_a_restart)
{
    flow_ask("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    jump(-10 * DAY_MS);
    flow_restart();
    struct asker *again = flow_ask("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert(again->from_cache);
}

TEST(T2_a_hold_out_of_the_future_lasts_no_longer_than_any_other)
{
    flow_ask("milvali.com", WAIT_MS);
    flow_advance(10000); /* being sent */
    flow_restart();
    jump(-10 * DAY_MS);
    flow_restart();
    ck_assert_uint_eq(flow.recovery.held, 1);
    flow_advance(11 * MINUTE_MS);
    struct asker *later = flow_ask("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(later->err, ERR_OK);
}

TEST(T3_deadlines_go_by_the_other_clock_when_the_wall_clock_stands_still)
{
    const int64_t still_ms = engine_clock(flow.engine)->wall_ms;
    struct asker *asker = flow_ask("milvali.com", 5000);

    for (int i = 0; i < 6; i++) {
        engine_clock(flow.engine)->wall_ms = still_ms;
        flow_advance(1000);
    }
    ck_assert_int_eq(asker->err, ERR_STILL_PROCESSING);
}

TEST(T3_a_wall_clock_that_runs_ten_times_too_fast_shortens_no_wait)
{
    struct asker *patient = flow_ask("milvali.com", WAIT_MS);
    struct asker *hasty = flow_ask("milvali.com", 5000);
    int64_t begun_ms = flow_now_ms();

    for (int i = 0; i < 60; i++) {
        flow_advance(1000);
        jump(9000);
    }
    ck_assert_int_eq(hasty->err, ERR_STILL_PROCESSING);
    ck_assert_int_eq(hasty->answered_ms - begun_ms, 5000);
    ck_assert_int_eq(patient->err, ERR_OK);
    ck_assert_int_le(patient->answered_ms - begun_ms, 30000);
    ck_assert_uint_eq(vendor_calls(flow.vendor, VENDOR_SUBMIT), 1);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 1);
}

/* The machine sleeps: an hour is gone at once, and all that fell due meanwhile is due together. */
static void sleep_an_hour(void)
{
    clock_advance(engine_clock(flow.engine), HOUR_MS);
    flow_settle();
}

TEST(T4_an_hour_of_sleep_during_a_submit_leaves_it_unknown_and_alone)
{
    struct asker *asker = flow_ask("milvali.com", WAIT_MS);

    vendor_fault(flow.vendor, (struct vendor_fault){
                                  .on = VENDOR_SUBMIT, .end = TRANSPORT_TIMEOUT, .creates = true});
    flow_advance(10000);
    sleep_an_hour();
    ck_assert_int_eq(asker->answers, 1);
    flow_advance(5 * MINUTE_MS);
    struct asker *again = flow_ask("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(again->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(vendor_calls(flow.vendor, VENDOR_SUBMIT), 1);
    ck_assert_uint_eq(vendor_calls(flow.vendor, VENDOR_STATUS), 0);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 1);
}

TEST(T4_an_hour_of_sleep_is_followed_by_no_storm_of_polls)
{
    for (int i = 0; i < 4; i++) { /* four batches, each in a slot of its own */
        flow_ask(flow_company(i), WAIT_MS);
        flow_advance(200);
    }
    vendor_set_task_ms(flow.vendor, 120000);
    flow_advance(MINUTE_MS);
    size_t before = vendor_calls(flow.vendor, VENDOR_STATUS);
    ck_assert_uint_gt(before, 4);
    sleep_an_hour();
    ck_assert_uint_le(vendor_calls(flow.vendor, VENDOR_STATUS) - before, 4);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(vendor_calls(flow.vendor, VENDOR_SUBMIT), 4);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 4);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(flow.askers[i]->answers, 1);
}

/* ---- dropping what expired long ago ---- */

static void start_with_short_lives(void)
{
    struct engine_options options = flow_options();

    options.lookup.results.ttl_found_ms = MINUTE_MS;
    options.keep_expired_ms = HOUR_MS;
    flow_start(options);
    flow_ask("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(stored(), 1);
}

TEST(what_expired_long_ago_leaves_the_store)
{
    start_with_short_lives();
    flow_advance(HOUR_MS);
    ck_assert_uint_eq(stored(), 1);
    flow_advance(HOUR_MS);
    ck_assert_uint_eq(stored(), 0);
}

TEST(a_reload_may_say_that_it_stays_longer)
{
    start_with_short_lives();
    engine_reload(flow.engine, &(struct engine_settings){0, 5 * HOUR_MS});
    flow_advance(3 * HOUR_MS);
    ck_assert_uint_eq(stored(), 1);
    flow_advance(3 * HOUR_MS);
    ck_assert_uint_eq(stored(), 0);
}

TEST(T1_nothing_is_dropped_by_a_clock_that_just_jumped)
{
    start_with_short_lives();
    jump(300 * DAY_MS);
    flow_advance(HOUR_MS);
    ck_assert_uint_eq(stored(), 1);
}
