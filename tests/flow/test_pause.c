/* SPDX-License-Identifier: MIT */
/* test_pause.c - the operator stops all buying, beside the daemon or by telling it. */
#include "flow.h"
#include "weak_store.h"

#include <check.h>

#define WAIT_MS 300000

static struct flow flow;

static void setup(void)
{
    flow_start(&flow, flow_options());
}

static void teardown(void)
{
    flow_end(&flow);
}

START_TEST(while_it_is_paused_nothing_is_bought_and_what_waited_is_told)
{
    struct asker *known = flow_ask(&flow, "known.com", WAIT_MS);
    flow_advance(&flow, 60000);
    struct asker *waits = flow_ask(&flow, "waits.com", WAIT_MS);
    flow_settle(&flow); /* lingers */
    ck_assert_int_eq(store_set_paused(flow.store, true), ERR_OK);
    engine_reload(flow.engine, &(struct engine_settings){0, flow_options().keep_expired_ms});
    flow_settle(&flow);
    struct asker *late = flow_ask(&flow, "late.com", WAIT_MS);
    struct asker *hit = flow_ask(&flow, "known.com", WAIT_MS);
    flow_advance(&flow, 60000);
    ck_assert_int_eq(waits->err, ERR_PAUSED);
    ck_assert_int_eq(late->err, ERR_PAUSED);
    ck_assert_int_eq(late->charged, CHARGED_NO);
    ck_assert_str_eq(hit->body, known->body);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 1);

    flow_restart(&flow); /* and stays so */
    struct asker *still = flow_ask(&flow, "late.com", WAIT_MS);
    flow_settle(&flow);
    ck_assert_int_eq(still->err, ERR_PAUSED);
    ck_assert_int_eq(store_set_paused(flow.store, false), ERR_OK);
    engine_reload(flow.engine, &(struct engine_settings){0, flow_options().keep_expired_ms});
    struct asker *again = flow_ask(&flow, "late.com", WAIT_MS);
    flow_advance(&flow, 60000);
    ck_assert_int_eq(again->err, ERR_OK);
}
END_TEST

START_TEST(a_pause_that_is_given_to_the_daemon_holds_at_once_and_over_restarts)
{
    struct asker *waits = flow_ask(&flow, "waits.com", WAIT_MS);
    flow_settle(&flow); /* lingers */
    engine_set_paused(flow.engine, true);
    flow_settle(&flow);
    ck_assert_int_eq(waits->err, ERR_PAUSED);
    flow_advance(&flow, 60000);
    flow_restart(&flow);
    struct asker *still = flow_ask(&flow, "waits.com", WAIT_MS);
    flow_settle(&flow);
    ck_assert_int_eq(still->err, ERR_PAUSED);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 0);
    engine_set_paused(flow.engine, false);
    struct asker *again = flow_ask(&flow, "waits.com", WAIT_MS);
    flow_advance(&flow, 60000);
    ck_assert_int_eq(again->err, ERR_OK);
}
END_TEST

START_TEST(a_pause_that_cannot_be_written_holds_and_is_written_later)
{
    bool paused;

    weak_store_fail(flow.store, WEAK_SET_PAUSED, true);
    engine_set_paused(flow.engine, true);
    flow_advance(&flow, 10000);
    struct asker *waits = flow_ask(&flow, "waits.com", WAIT_MS);
    flow_settle(&flow);
    ck_assert_int_eq(waits->err, ERR_PAUSED);
    ck_assert(store_paused(flow.store, &paused) == ERR_OK && !paused);
    weak_store_fail(flow.store, WEAK_SET_PAUSED, false);
    flow_advance(&flow, 2000);
    ck_assert(store_paused(flow.store, &paused) == ERR_OK && paused);
}
END_TEST

Suite *suite(void);
Suite *suite(void)
{
    Suite *s = suite_create("flow: pause");
    TCase *t = tcase_create("pause");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, while_it_is_paused_nothing_is_bought_and_what_waited_is_told);
    tcase_add_test(t, a_pause_that_is_given_to_the_daemon_holds_at_once_and_over_restarts);
    tcase_add_test(t, a_pause_that_cannot_be_written_holds_and_is_written_later);
    suite_add_tcase(s, t);
    return s;
}
