/* SPDX-License-Identifier: MIT */
/* test_credits.c - what may be bought in a day: over restarts, over midnight, and at a risk. */
#include "flow.h"
#include "weak_store.h"

#include "tests/support/suite.h"

#define MIDNIGHT_MS ((FLOW_WALL_MS / DAY_MS + 1) * DAY_MS)

static const struct vendor_fault lost = {
    .on = VENDOR_SUBMIT, .end = TRANSPORT_BROKEN, .creates = true};

/* ---- a day ---- */

static void start_with_credits(int64_t credits)
{
    struct engine_options options = flow_options();

    options.credits_per_day = credits;
    flow_start(options);
}

static size_t ended_with(enum err err)
{
    size_t n = 0;

    for (size_t i = 0; i < flow.n_askers; i++)
        n += flow.askers[i]->answers == 1 && flow.askers[i]->err == err;
    return n;
}

TEST(no_more_is_bought_in_a_day_than_was_allowed)
{
    start_with_credits(50);
    flow_ask_companies(0, 120);
    flow_advance(60000);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 50);
    ck_assert_uint_eq(ended_with(ERR_OK), 50);
    ck_assert_uint_eq(ended_with(ERR_CREDITS_EXHAUSTED), 70);
    ck_assert_int_gt(flow.askers[119]->retry_after_s, 3600);

    struct asker *hit = flow_ask("company0.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(hit->err, ERR_OK);
}

TEST(a_restart_does_not_open_a_new_account)
{
    start_with_credits(50);
    flow_ask_companies(0, 30);
    flow_advance(60000);
    flow_restart();
    flow_ask_companies(100, 30);
    flow_advance(10000); /* being sent: unknown after the next kill, and spent */
    flow_restart();
    flow_ask_companies(200, 30);
    flow_advance(60000);
    ck_assert_uint_le(vendor_ledger(flow.vendor), 50);
    struct asker *late = flow_ask("late.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(late->err, ERR_CREDITS_EXHAUSTED);
}

TEST(a_new_day_has_new_credits_and_a_clock_set_back_has_none)
{
    start_with_credits(1);
    flow_ask_companies(0, 1);
    flow_advance(60000);
    engine_clock(flow.engine)->wall_ms -= 86400000;
    struct asker *yesterday = flow_ask("yesterday.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(yesterday->err, ERR_CREDITS_EXHAUSTED);
    ck_assert_int_le(yesterday->retry_after_s, 86400);
    engine_clock(flow.engine)->wall_ms += 2 * 86400000;
    struct asker *tomorrow = flow_ask("tomorrow.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(tomorrow->err, ERR_OK);
}

TEST(a_clock_set_back_over_midnight_finds_the_account_of_that_day_also_over_restarts)
{
    start_with_credits(1);
    flow_ask_companies(0, 1);
    flow_advance(60000);
    engine_clock(flow.engine)->wall_ms += 86400000;
    flow_restart(); /* nothing is bought on the new day */
    engine_clock(flow.engine)->wall_ms -= 86400000;
    flow_restart();
    struct asker *again = flow_ask("again.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(again->err, ERR_CREDITS_EXHAUSTED);
}

TEST(what_was_never_created_is_given_back_also_over_a_restart)
{
    start_with_credits(1);
    vendor_rule(flow.vendor, (struct vendor_rule){.domain = "bad.com", .disliked = true});
    struct asker *bad = flow_ask("bad.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(bad->err, ERR_UPSTREAM_REJECTED);
    flow_restart();
    struct asker *good = flow_ask("good.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(good->err, ERR_OK);
}

TEST(who_leaves_before_anything_was_sent_gives_his_credit_back)
{
    struct engine_options options = flow_options();

    options.credits_per_day = 1;
    options.batch.linger_ms = 10000;
    flow_start(options);
    struct asker *leaves = flow_ask("one.com", WAIT_MS);
    flow_advance(100);
    engine_abandon(flow.engine, leaves->ask.number);
    flow_advance(100);
    struct asker *stays = flow_ask("two.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(stays->err, ERR_OK);
}

/* ---- midnight ---- */

/* One lookup a submit, one submit at a time; it is ten seconds to midnight. */
static void start_before_midnight(int64_t credits)
{
    struct engine_options options = flow_options();

    options.credits_per_day = credits;
    options.batch.size = 1;
    options.batch.slots = 1;
    flow_start(options);
    engine_clock(flow.engine)->wall_ms = MIDNIGHT_MS - 10000;
}

TEST(what_waits_at_midnight_is_sent_and_counts_on_the_new_day)
{
    start_before_midnight(2);
    struct asker *sent = flow_ask("sent.com", WAIT_MS);
    struct asker *queued = flow_ask("queued.com", WAIT_MS);
    flow_advance(15000);
    /* The first may yet have to be sent again; both hold a credit of the new day. */
    struct asker *early = flow_ask("early.com", WAIT_MS);
    flow_advance(25000); /* it was taken: yesterday's */
    struct asker *third = flow_ask("third.com", WAIT_MS);
    struct asker *late = flow_ask("late.com", WAIT_MS);
    flow_advance(120000);
    ck_assert_int_eq(sent->err, ERR_OK);
    ck_assert_int_eq(queued->err, ERR_OK);
    ck_assert_int_eq(early->err, ERR_CREDITS_EXHAUSTED);
    ck_assert_int_eq(third->err, ERR_OK);
    ck_assert_int_eq(late->err, ERR_CREDITS_EXHAUSTED);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 3); /* one yesterday, two today */
}

TEST(what_waits_at_midnight_counts_on_its_clients_quota_of_the_new_day)
{
    start_before_midnight(0);
    flow_ask("sent.com", WAIT_MS);
    struct asker *queued = flow_ask_paid("ann", 1, "queued.com", WAIT_MS);
    flow_advance(15000);
    struct asker *other = flow_ask_paid("ann", 1, "other.com", WAIT_MS);
    flow_advance(120000);
    ck_assert_int_eq(queued->err, ERR_OK);
    ck_assert_int_eq(other->err, ERR_QUOTA_EXCEEDED);
}

TEST(what_is_sent_again_after_midnight_is_on_the_new_account_also_over_a_kill)
{
    start_before_midnight(1);
    vendor_fault(flow.vendor,
                 (struct vendor_fault){.on = VENDOR_SUBMIT, .status = 429, .body = "{}"});
    flow_ask("first.com", WAIT_MS);
    flow_advance(26200 + 5000); /* refused on the new day, and sent again */
    ck_assert_uint_eq(vendor_calls(flow.vendor, VENDOR_SUBMIT), 2);
    flow_restart();
    struct asker *second = flow_ask("second.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(second->err, ERR_CREDITS_EXHAUSTED);
    /* Yesterday's account was given its credit back. */
    engine_clock(flow.engine)->wall_ms += DAY_MS;
    struct asker *third = flow_ask("third.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(third->err, ERR_OK);
}

/* ---- at a risk ---- */

static void start_with_risk(int64_t credits)
{
    struct engine_options options = flow_options();

    options.credits_per_day = credits;
    options.batch.retry_unknown = true;
    flow_start(options);
}

TEST(a_resubmit_at_a_risk_takes_a_second_credit_and_is_left_out_without_one)
{
    start_with_risk(1);
    vendor_fault(flow.vendor, lost);
    struct asker *asker = flow_ask("milvali.com", WAIT_MS);
    flow_advance(120000);
    ck_assert_int_eq(asker->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_int_eq(asker->charged, CHARGED_MAYBE);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 1);
}

TEST(of_a_batch_all_are_bought_again_or_none)
{
    start_with_risk(3);
    vendor_fault(flow.vendor, lost);
    flow_ask_companies(0, 2); /* two more would be four */
    flow_advance(120000);
    ck_assert_uint_eq(ended_with(ERR_UPSTREAM_OUTCOME_UNKNOWN), 2);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 2);
    struct asker *third = flow_ask("third.com", WAIT_MS); /* that credit was given back */
    flow_advance(60000);
    ck_assert_int_eq(third->err, ERR_OK);
}

TEST(both_credits_of_a_risk_are_in_the_account_also_over_a_kill)
{
    start_with_risk(3);
    vendor_fault(flow.vendor, lost);
    struct asker *lucky = flow_ask("milvali.com", WAIT_MS);
    flow_advance(26200 + 2000); /* lost, and sent again */
    flow_restart();
    struct asker *third = flow_ask("third.com", WAIT_MS);
    struct asker *fourth = flow_ask("fourth.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(lucky->answers, 1);
    ck_assert_int_eq(third->err, ERR_OK);
    ck_assert_int_eq(fourth->err, ERR_CREDITS_EXHAUSTED);
    ck_assert_uint_le(vendor_ledger(flow.vendor), 3);
}

TEST(a_risk_that_cannot_be_written_down_is_not_taken)
{
    start_with_risk(2);
    vendor_fault(flow.vendor, lost);
    weak_store_fail(flow.store, WEAK_RISK, true);
    struct asker *asker = flow_ask("milvali.com", WAIT_MS);
    flow_advance(60000);
    weak_store_fail(flow.store, WEAK_RISK, false);
    ck_assert_int_eq(asker->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(vendor_calls(flow.vendor, VENDOR_SUBMIT), 1);
    struct asker *second = flow_ask("second.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(second->err, ERR_OK);
}
