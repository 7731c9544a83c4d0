/* SPDX-License-Identifier: MIT */
/* test_credits.c - tests the daily budget: over restarts, over midnight, and for resubmits that
 * may pay twice. */
#include "flow.h"
#include "weak_store.h"

#include "tests/support/suite.h"
#include <string.h>

#define MIDNIGHT_MS ((FLOW_WALL_MS / DAY_MS + 1) * DAY_MS)

static const struct fake_fault lost = {.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN, .creates = true};

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

    for (size_t i = 0; i < flow.n_callers; i++)
        n += flow.callers[i]->answers == 1 && flow.callers[i]->err == err;
    return n;
}

TEST(budget_limits_paid_lookups_per_day)
{
    start_with_credits(50);
    flow_request_companies(0, 120);
    flow_advance(60000);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 50);
    ck_assert_uint_eq(ended_with(ERR_OK), 50);
    ck_assert_uint_eq(ended_with(ERR_CREDITS_EXHAUSTED), 70);
    ck_assert_int_gt(flow.callers[119]->retry_after_s, 3600);
    ck_assert_ptr_nonnull(strstr(flow.callers[119]->detail, "--credits-per-day"));

    struct caller *hit = flow_request("company0.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(hit->err, ERR_OK);
}

TEST(budget_after_restart_keeps_its_account)
{
    start_with_credits(50);
    flow_request_companies(0, 30);
    flow_advance(60000);
    flow_restart();
    flow_request_companies(100, 30);
    flow_advance(10000); /* in flight: unknown after the next kill, and spent */
    flow_restart();
    flow_request_companies(200, 30);
    flow_advance(60000);
    ck_assert_uint_le(fake_upstream_ledger(flow.upstream), 50);
    struct caller *late = flow_request("late.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(late->err, ERR_CREDITS_EXHAUSTED);
}

TEST(budget_on_new_day_is_full_and_clock_set_back_adds_none)
{
    start_with_credits(1);
    flow_request_companies(0, 1);
    flow_advance(60000);
    engine_clock(flow.engine)->wall_ms -= 86400000;
    struct caller *yesterday = flow_request("yesterday.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(yesterday->err, ERR_CREDITS_EXHAUSTED);
    ck_assert_int_le(yesterday->retry_after_s, 86400);
    engine_clock(flow.engine)->wall_ms += 2 * 86400000;
    struct caller *tomorrow = flow_request("tomorrow.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(tomorrow->err, ERR_OK);
}

TEST(budget_with_clock_set_back_uses_that_days_account)
{
    start_with_credits(1);
    flow_request_companies(0, 1);
    flow_advance(60000);
    engine_clock(flow.engine)->wall_ms += 86400000;
    flow_restart(); /* no paid lookup on the new day */
    engine_clock(flow.engine)->wall_ms -= 86400000;
    flow_restart();
    struct caller *again = flow_request("again.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(again->err, ERR_CREDITS_EXHAUSTED);
}

TEST(budget_refunds_tasks_never_created_also_after_restart)
{
    start_with_credits(1);
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "bad.com", .is_rejected = true});
    struct caller *bad = flow_request("bad.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(bad->err, ERR_UPSTREAM_REJECTED);
    flow_restart();
    struct caller *good = flow_request("good.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(good->err, ERR_OK);
}

TEST(budget_refunds_caller_that_leaves_before_the_submit)
{
    struct engine_options options = flow_options();

    options.credits_per_day = 1;
    options.batch.linger_ms = 10000;
    flow_start(options);
    struct caller *leaves = flow_request("one.com", WAIT_MS);
    flow_advance(100);
    engine_abandon(flow.engine, leaves->request.ticket);
    flow_advance(100);
    struct caller *stays = flow_request("two.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(stays->err, ERR_OK);
}

/* ---- midnight ---- */

/* One lookup per submit, one submit at a time; it is ten seconds before midnight. */
static void start_before_midnight(int64_t credits)
{
    struct engine_options options = flow_options();

    options.credits_per_day = credits;
    options.batch.size = 1;
    options.batch.slots = 1;
    flow_start(options);
    engine_clock(flow.engine)->wall_ms = MIDNIGHT_MS - 10000;
}

TEST(budget_charges_lookup_queued_at_midnight_to_new_day)
{
    start_before_midnight(2);
    struct caller *sent = flow_request("sent.com", WAIT_MS);
    struct caller *queued = flow_request("queued.com", WAIT_MS);
    flow_advance(15000);
    /* The first may have to be sent again; both reserve a credit of the new day. */
    struct caller *early = flow_request("early.com", WAIT_MS);
    flow_advance(25000); /* it was created: yesterday's credit */
    struct caller *third = flow_request("third.com", WAIT_MS);
    struct caller *late = flow_request("late.com", WAIT_MS);
    flow_advance(120000);
    ck_assert_int_eq(sent->err, ERR_OK);
    ck_assert_int_eq(queued->err, ERR_OK);
    ck_assert_int_eq(early->err, ERR_CREDITS_EXHAUSTED);
    ck_assert_int_eq(third->err, ERR_OK);
    ck_assert_int_eq(late->err, ERR_CREDITS_EXHAUSTED);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 3); /* one yesterday, two today */
}

TEST(quota_charges_lookup_queued_at_midnight_to_new_day)
{
    start_before_midnight(0);
    flow_request("sent.com", WAIT_MS);
    struct caller *queued = flow_request_with_quota("ann", 1, "queued.com", WAIT_MS);
    flow_advance(15000);
    struct caller *other = flow_request_with_quota("ann", 1, "other.com", WAIT_MS);
    flow_advance(120000);
    ck_assert_int_eq(queued->err, ERR_OK);
    ck_assert_int_eq(other->err, ERR_QUOTA_EXCEEDED);
}

TEST(budget_charges_retry_after_midnight_to_new_day)
{
    start_before_midnight(1);
    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_SUBMIT, .status = 429, .body = "{}"});
    flow_request("first.com", WAIT_MS);
    flow_advance(26200 + 5000); /* rejected on the new day, and sent again */
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 2);
    flow_restart();
    struct caller *second = flow_request("second.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(second->err, ERR_CREDITS_EXHAUSTED);
    /* The credit was refunded to yesterday's account. */
    engine_clock(flow.engine)->wall_ms += DAY_MS;
    struct caller *third = flow_request("third.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(third->err, ERR_OK);
}

/* ---- resubmits that may pay twice ---- */

static void start_with_risk(int64_t credits)
{
    struct engine_options options = flow_options();

    options.credits_per_day = credits;
    options.batch.retry_unknown = true;
    flow_start(options);
}

TEST(budget_resubmit_takes_second_credit_or_is_skipped)
{
    start_with_risk(1);
    fake_upstream_fault(flow.upstream, lost);
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(120000);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_int_eq(caller->charged, CHARGED_MAYBE);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(budget_resubmit_pays_for_the_whole_batch_or_not_at_all)
{
    start_with_risk(3);
    fake_upstream_fault(flow.upstream, lost);
    flow_request_companies(0, 2); /* two more would be four */
    flow_advance(120000);
    ck_assert_uint_eq(ended_with(ERR_UPSTREAM_OUTCOME_UNKNOWN), 2);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
    struct caller *third =
        flow_request("third.com", WAIT_MS); /* the credit of the skipped resubmit was refunded */
    flow_advance(60000);
    ck_assert_int_eq(third->err, ERR_OK);
}

TEST(budget_records_both_credits_of_resubmit_over_a_kill)
{
    start_with_risk(3);
    fake_upstream_fault(flow.upstream, lost);
    struct caller *lucky = flow_request("milvali.com", WAIT_MS);
    flow_advance(26200 + 2000); /* lost, and sent again */
    flow_restart();
    struct caller *third = flow_request("third.com", WAIT_MS);
    struct caller *fourth = flow_request("fourth.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(lucky->answers, 1);
    ck_assert_int_eq(third->err, ERR_OK);
    ck_assert_int_eq(fourth->err, ERR_CREDITS_EXHAUSTED);
    ck_assert_uint_le(fake_upstream_ledger(flow.upstream), 3);
}

TEST(budget_resubmit_blocked_by_a_pause_takes_no_second_credit)
{
    start_with_risk(3);
    fake_upstream_fault(flow.upstream, lost);
    struct caller *unlucky = flow_request("milvali.com", WAIT_MS);
    flow_advance(26200); /* lost; the batch backs off */
    ck_assert_int_eq(unlucky->answers, 0);
    engine_set_paused(flow.engine, true);
    flow_settle();
    ck_assert_int_eq(unlucky->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_int_eq(unlucky->charged, CHARGED_MAYBE);
    engine_set_paused(flow.engine, false);
    flow_settle();

    struct caller *second = flow_request("second.com", WAIT_MS);
    flow_advance(60000);
    flow_restart();
    struct caller *third = flow_request("third.com", WAIT_MS);
    flow_advance(60000);
    struct caller *fourth = flow_request("fourth.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(second->err, ERR_OK);
    ck_assert_int_eq(third->err, ERR_OK);
    ck_assert_int_eq(fourth->err, ERR_CREDITS_EXHAUSTED);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 3);
}

TEST(budget_resubmit_during_a_pause_is_not_awaited)
{
    start_with_risk(3);
    fake_upstream_fault(flow.upstream, lost);
    struct caller *unlucky = flow_request("milvali.com", WAIT_MS);
    flow_advance(1000); /* the submit is in flight */
    engine_set_paused(flow.engine, true);
    flow_advance(25200);
    ck_assert_int_eq(unlucky->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    engine_set_paused(flow.engine, false);
    flow_advance(60000);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
}

TEST(budget_resubmit_not_journalled_is_not_sent)
{
    start_with_risk(2);
    fake_upstream_fault(flow.upstream, lost);
    weak_store_fail(flow.store, WEAK_MARK_RESUBMITTED, true);
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(60000);
    weak_store_fail(flow.store, WEAK_MARK_RESUBMITTED, false);
    flow_advance(1000); /* until the journal tries again */
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
    struct caller *second = flow_request("second.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(second->err, ERR_OK);
}

static void add_credits(void *arg, const char *client, int64_t credits)
{
    (void)client;
    *(int64_t *)arg += credits;
}

TEST(credits_accounts_of_past_days_are_deleted_while_running)
{
    int64_t first_day = FLOW_WALL_MS / DAY_MS, credits = 0, last;

    flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(store_accounts(flow.store, first_day, add_credits, &credits, &last), ERR_OK);
    ck_assert_int_eq(credits, 1);
    clock_advance(engine_clock(flow.engine), (STORE_ACCOUNT_DAYS + 1) * DAY_MS);
    flow_advance(2 * HOUR_MS);
    credits = 0;
    ck_assert_int_eq(store_accounts(flow.store, first_day, add_credits, &credits, &last), ERR_OK);
    ck_assert_int_eq(credits, 0);
}

/* The second submit provably creates nothing: its credit is refunded, and the first stays spent. */
RANGE_TEST(budget_refunds_second_credit_of_resubmit_never_created, 0, 3)
{
    static const struct fake_fault second[] = {
        {.on = FAKE_SUBMIT, .status = 402, .body = "{\"detail\":\"no\"}"},
        {.on = FAKE_SUBMIT, .status = 401, .body = "{\"detail\":\"no\"}"},
        {.on = FAKE_SUBMIT, .status = 400, .body = "{\"detail\":\"no\"}"},
    };

    start_with_risk(3);
    fake_upstream_fault(flow.upstream, lost);
    fake_upstream_fault(flow.upstream, second[_i]);
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(120000);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_int_eq(caller->charged, CHARGED_MAYBE);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 2);
    ck_assert_int_eq(engine_status(flow.engine).credits_spent, 1);
    flow_restart(); /* and in the store */
    ck_assert_int_eq(engine_status(flow.engine).credits_spent, 1);
}

TEST(budget_refunds_second_credit_after_kill_while_it_waits)
{
    start_with_risk(3);
    fake_upstream_fault(flow.upstream, lost);
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 429, .body = "{}", .retry_after_s = 60});
    flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS); /* lost, sent again, and not created */
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 2);
    ck_assert_int_eq(engine_status(flow.engine).credits_spent, 2);
    flow_restart();
    ck_assert_int_eq(engine_status(flow.engine).credits_spent, 1);
}

TEST(budget_commits_second_credit_of_resubmit_that_may_exist)
{
    start_with_risk(3);
    fake_upstream_fault(flow.upstream, lost);
    fake_upstream_fault(flow.upstream, lost);
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(120000);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_int_eq(engine_status(flow.engine).credits_spent, 2);
    flow_restart();
    ck_assert_int_eq(engine_status(flow.engine).credits_spent, 2);
}

TEST(credits_of_the_server_are_named_when_exhausted)
{
    struct engine_options options = flow_options();

    options.credits_per_day = 1;
    flow_start(options);
    flow_request("one.com", WAIT_MS);
    struct caller *ours = flow_request("two.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(ours->err, ERR_CREDITS_EXHAUSTED);
    ck_assert_ptr_nonnull(strstr(ours->detail, "--credits-per-day"));
}

TEST(credits_of_the_upstream_are_named_when_exhausted)
{
    fake_upstream_set_balance(flow.upstream, 0);
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 402, .body = "{\"detail\":\"no\"}"});
    struct caller *refused = flow_request("one.com", WAIT_MS);
    flow_advance(28000);
    struct caller *later = flow_request("two.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(refused->err, ERR_CREDITS_EXHAUSTED);
    ck_assert_ptr_nonnull(strstr(refused->detail, "the upstream"));
    ck_assert_int_eq(later->err, ERR_CREDITS_EXHAUSTED);
    ck_assert_ptr_nonnull(strstr(later->detail, "the upstream"));
}
