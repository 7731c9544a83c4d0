/* SPDX-License-Identifier: MIT */
/* test_pause.c - the operator stops all buying, beside the daemon or by telling it. */
#include "flow.h"
#include "weak_store.h"

#include "tests/support/suite.h"

TEST(while_it_is_paused_nothing_is_bought_and_what_waited_is_told)
{
    struct asker *known = flow_ask("known.com", WAIT_MS);
    flow_advance(60000);
    struct asker *waits = flow_ask("waits.com", WAIT_MS);
    flow_settle(); /* lingers */
    ck_assert_int_eq(store_set_paused(flow.store, true), ERR_OK);
    engine_reload(flow.engine, &(struct engine_settings){0, flow_options().keep_expired_ms});
    flow_settle();
    struct asker *late = flow_ask("late.com", WAIT_MS);
    struct asker *hit = flow_ask("known.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(waits->err, ERR_PAUSED);
    ck_assert_int_eq(late->err, ERR_PAUSED);
    ck_assert_int_eq(late->charged, CHARGED_NO);
    ck_assert_str_eq(hit->body, known->body);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 1);

    flow_restart(); /* and stays so */
    struct asker *still = flow_ask("late.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(still->err, ERR_PAUSED);
    ck_assert_int_eq(store_set_paused(flow.store, false), ERR_OK);
    engine_reload(flow.engine, &(struct engine_settings){0, flow_options().keep_expired_ms});
    struct asker *again = flow_ask("late.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(again->err, ERR_OK);
}

TEST(a_pause_that_is_given_to_the_daemon_holds_at_once_and_over_restarts)
{
    struct asker *waits = flow_ask("waits.com", WAIT_MS);
    flow_settle(); /* lingers */
    engine_set_paused(flow.engine, true);
    flow_settle();
    ck_assert_int_eq(waits->err, ERR_PAUSED);
    flow_advance(60000);
    flow_restart();
    struct asker *still = flow_ask("waits.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(still->err, ERR_PAUSED);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 0);
    engine_set_paused(flow.engine, false);
    struct asker *again = flow_ask("waits.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(again->err, ERR_OK);
}

TEST(a_pause_that_cannot_be_written_holds_and_is_written_later)
{
    bool paused;

    weak_store_fail(flow.store, WEAK_SET_PAUSED, true);
    engine_set_paused(flow.engine, true);
    flow_advance(10000);
    struct asker *waits = flow_ask("waits.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(waits->err, ERR_PAUSED);
    ck_assert(store_paused(flow.store, &paused) == ERR_OK && !paused);
    weak_store_fail(flow.store, WEAK_SET_PAUSED, false);
    flow_advance(2000);
    ck_assert(store_paused(flow.store, &paused) == ERR_OK && paused);
}
