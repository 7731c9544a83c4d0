/* SPDX-License-Identifier: MIT */
/* test_drain.c - the end: nothing is bought any more, what was sent is waited for as long as the
 * patience lasts, and everybody is told something. And what the engine lets be seen of itself. */
#include "base/mem.h"
#include "flow.h"
#include "weak_store.h"

#include "tests/support/suite.h"
#include <string.h>

#define PATIENCE_MS INT64_C(30000)

/* Somebody waits for a lookup whose submit left ten seconds ago. */
static struct asker *submitting(const char *domain)
{
    struct asker *asker = flow_ask(domain, WAIT_MS);

    flow_advance(10000);
    ck_assert_int_eq(asker->answers, 0);
    ck_assert_uint_eq(engine_status(flow.engine).submits, 1);
    return asker;
}

TEST(who_waits_is_served_when_the_lookup_ends_in_time)
{
    struct asker *waiting = submitting("milvali.com");

    engine_drain(flow.engine, PATIENCE_MS);
    flow_advance(PATIENCE_MS);
    ck_assert_int_eq(waiting->err, ERR_OK);
    ck_assert_ptr_nonnull(strstr(waiting->body, "info@milvali.com"));
}

TEST(who_waits_is_told_the_id_when_it_does_not)
{
    vendor_rule(flow.vendor, (struct vendor_rule){.domain = "slow.com", .task_ms = 600000});
    struct asker *waiting = submitting("slow.com");

    engine_drain(flow.engine, PATIENCE_MS);
    flow_advance(PATIENCE_MS - 1);
    ck_assert_int_eq(waiting->answers, 0);
    flow_advance(1);
    ck_assert_int_eq(waiting->err, ERR_DRAINING);
    ck_assert_int_eq(waiting->charged, CHARGED_MAYBE);
    ck_assert_uint_eq(strlen(waiting->lookup_id), ID_LEN);
}

TEST(a_wait_of_ones_own_that_ends_sooner_still_ends)
{
    vendor_rule(flow.vendor, (struct vendor_rule){.domain = "slow.com", .task_ms = 600000});
    struct asker *waiting = flow_ask("slow.com", 20000);

    flow_advance(10000);
    engine_drain(flow.engine, PATIENCE_MS);
    flow_advance(10000);
    ck_assert_int_eq(waiting->err, ERR_STILL_PROCESSING);
}

TEST(what_was_not_sent_ends_at_once_and_has_no_id_to_come_back_for)
{
    struct asker *queued = flow_ask("milvali.com", WAIT_MS);

    flow_settle();
    ck_assert_uint_eq(engine_status(flow.engine).queue, 1);
    engine_drain(flow.engine, PATIENCE_MS);
    flow_settle();
    ck_assert_int_eq(queued->err, ERR_DRAINING);
    ck_assert_int_eq(queued->charged, CHARGED_NO);
    ck_assert_str_eq(queued->lookup_id, "");
    ck_assert_uint_eq(vendor_calls(flow.vendor, VENDOR_SUBMIT), 0);
}

TEST(while_draining_one_may_join_and_hear_what_is_kept_but_buy_nothing)
{
    struct asker *known = flow_ask("known.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(known->err, ERR_OK);
    struct asker *waiting = submitting("milvali.com");

    engine_drain(flow.engine, PATIENCE_MS);
    flow_settle();
    struct asker *joined = flow_ask("milvali.com", WAIT_MS);
    struct asker *new = flow_ask("new.com", WAIT_MS);
    struct asker *again = flow_ask("known.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(new->err, ERR_DRAINING);
    ck_assert_int_eq(new->charged, CHARGED_NO);
    ck_assert_str_eq(new->lookup_id, "");
    ck_assert_int_eq(again->err, ERR_OK);
    ck_assert_str_eq(again->body, known->body);
    ck_assert_int_eq(joined->answers, 0);
    flow_advance(PATIENCE_MS);
    ck_assert_int_eq(waiting->err, ERR_OK);
    ck_assert_int_eq(joined->err, ERR_OK);
    ck_assert(joined->collapsed);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 2);
}

TEST(when_the_patience_is_over_nobody_can_join_any_more)
{
    vendor_rule(flow.vendor, (struct vendor_rule){.domain = "slow.com", .task_ms = 600000});
    submitting("slow.com");
    engine_drain(flow.engine, PATIENCE_MS);
    flow_advance(PATIENCE_MS);
    struct asker *late = flow_ask("slow.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(late->err, ERR_DRAINING);
}

TEST(a_submit_that_is_refused_while_draining_is_not_sent_again)
{
    vendor_fault(flow.vendor,
                 (struct vendor_fault){
                     .on = VENDOR_SUBMIT, .status = 429, .body = "{}", .retry_after_s = 1});
    struct asker *waiting = submitting("milvali.com");

    engine_drain(flow.engine, PATIENCE_MS);
    flow_advance(PATIENCE_MS);
    ck_assert_int_eq(waiting->err, ERR_DRAINING);
    ck_assert_int_eq(waiting->charged, CHARGED_NO);
    ck_assert_str_eq(waiting->lookup_id, "");
    ck_assert_uint_eq(vendor_calls(flow.vendor, VENDOR_SUBMIT), 1);
}

TEST(after_the_restart_what_was_told_is_there_and_was_bought_once)
{
    vendor_rule(flow.vendor, (struct vendor_rule){.domain = "slow.com", .task_ms = 60000});
    struct asker *waiting = submitting("slow.com");

    engine_drain(flow.engine, PATIENCE_MS);
    flow_advance(PATIENCE_MS);
    ck_assert_int_eq(waiting->err, ERR_DRAINING);
    flow_restart();
    ck_assert_uint_eq(flow.recovery.resumed_tasks, 1);
    struct asker *again = flow_ask("slow.com", WAIT_MS);
    flow_advance(120000);
    ck_assert_int_eq(again->err, ERR_OK);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 1);
}

/* ---- what is seen from outside ---- */

TEST(a_glance_shows_who_waits_and_what_is_under_way)
{
    struct status status = engine_status(flow.engine);
    ck_assert(status.store_usable && !status.paused && status.circuit == ERR_OK);
    ck_assert_uint_eq(status.waiters + status.lookups + status.queue + status.submits, 0);
    submitting("milvali.com");
    flow_ask("milvali.com", WAIT_MS);
    flow_ask("blue-bottle.com", WAIT_MS);
    flow_settle();
    status = engine_status(flow.engine);
    ck_assert_uint_eq(status.waiters, 3);
    ck_assert_uint_eq(status.lookups, 2);
    ck_assert_uint_eq(status.queue, 1);
    ck_assert_uint_eq(status.submits, 1);
    ck_assert_int_eq(status.credits_spent, 2);
}

TEST(a_glance_shows_what_shut_the_gate)
{
    vendor_fault(flow.vendor,
                 (struct vendor_fault){.on = VENDOR_SUBMIT, .status = 401, .body = "{}"});
    flow_ask("milvali.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_UPSTREAM_AUTH);
    ck_assert(engine_status(flow.engine).store_usable);
}

TEST(a_store_that_refused_an_intent_is_tried_until_it_is_well_though_nobody_asks)
{
    weak_store_fail_all(flow.store, true);
    struct asker *refused = flow_ask("milvali.com", WAIT_MS);
    flow_advance(1000);
    ck_assert_int_eq(refused->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert(!engine_status(flow.engine).store_usable);
    flow_advance(10 * JOURNAL_RETRY_MS);
    ck_assert(!engine_status(flow.engine).store_usable);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_TRY), 0);
    weak_store_fail_all(flow.store, false);
    flow_advance(JOURNAL_RETRY_MS);
    ck_assert(engine_status(flow.engine).store_usable);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_TRY), 1);
    flow_advance(10 * JOURNAL_RETRY_MS);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_TRY), 1); /* a well one is left alone */
}

TEST(a_backlog_is_counted_and_gone_when_it_is_written)
{
    submitting("milvali.com");
    weak_store_fail(flow.store, WEAK_SUBMITTED, true);
    flow_advance(17000);
    ck_assert_uint_ge(engine_status(flow.engine).journal_backlog, 1);
    ck_assert(!engine_status(flow.engine).store_usable);
    weak_store_fail(flow.store, WEAK_SUBMITTED, false);
    flow_advance(JOURNAL_RETRY_MS);
    ck_assert_uint_eq(engine_status(flow.engine).journal_backlog, 0);
    ck_assert(engine_status(flow.engine).store_usable);
}
