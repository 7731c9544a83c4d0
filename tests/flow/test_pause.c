/* SPDX-License-Identifier: MIT */
/* test_pause.c - tests a pause of paid lookups, by another process on the store or by a call to
 * the engine. */
#include "flow.h"
#include "weak_store.h"

#include "tests/support/suite.h"

TEST(pause_fails_queued_lookups_and_stops_paid_lookups)
{
    struct caller *known = flow_request("known.com", WAIT_MS);
    flow_advance(60000);
    struct caller *waits = flow_request("waits.com", WAIT_MS);
    flow_settle(); /* lingers */
    ck_assert_int_eq(store_set_paused(flow.store, true), ERR_OK);
    engine_reload(flow.engine, &(struct engine_settings){0, flow_options().keep_expired_ms});
    flow_settle();
    struct caller *late = flow_request("late.com", WAIT_MS);
    struct caller *hit = flow_request("known.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(waits->err, ERR_PAUSED);
    ck_assert_int_eq(late->err, ERR_PAUSED);
    ck_assert_int_eq(late->charged, CHARGED_NO);
    ck_assert_str_eq(hit->body, known->body);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);

    flow_restart(); /* and stays paused */
    struct caller *still = flow_request("late.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(still->err, ERR_PAUSED);
    ck_assert_int_eq(store_set_paused(flow.store, false), ERR_OK);
    engine_reload(flow.engine, &(struct engine_settings){0, flow_options().keep_expired_ms});
    flow_settle();
    struct caller *again = flow_request("late.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(again->err, ERR_OK);
}

TEST(pause_by_call_applies_immediately_and_over_restarts)
{
    struct caller *waits = flow_request("waits.com", WAIT_MS);
    flow_settle(); /* lingers */
    engine_set_paused(flow.engine, true);
    flow_settle();
    ck_assert_int_eq(waits->err, ERR_PAUSED);
    flow_advance(60000);
    flow_restart();
    struct caller *still = flow_request("waits.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(still->err, ERR_PAUSED);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 0);
    engine_set_paused(flow.engine, false);
    struct caller *again = flow_request("waits.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(again->err, ERR_OK);
}

TEST(pause_not_written_applies_and_is_written_later)
{
    bool paused;

    weak_store_fail(flow.store, WEAK_SET_PAUSED, true);
    engine_set_paused(flow.engine, true);
    flow_advance(10000);
    struct caller *waits = flow_request("waits.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(waits->err, ERR_PAUSED);
    ck_assert(store_paused(flow.store, &paused) == ERR_OK && !paused);
    weak_store_fail(flow.store, WEAK_SET_PAUSED, false);
    flow_advance(2000);
    ck_assert(store_paused(flow.store, &paused) == ERR_OK && paused);
}
