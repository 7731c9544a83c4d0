/* SPDX-License-Identifier: MIT */
/* test_intents.c - tests what happens while the intent of a submit is being written: nothing is
 * sent before it is durable, and only what should still be sent then. */
#include "store_flow.h"

#include "tests/support/suite.h"
#include <stdio.h>

TEST(intent_is_durable_before_the_submit_is_sent)
{
    struct caller *caller = request_until("begin_batch", "milvali.com", WAIT_MS);

    flow_advance(5000);
    ck_assert_uint_eq(submits(), 0);
    ck_assert_int_eq(engine_status(flow.engine).submits, 1); /* it uses the slot */
    release();
    ck_assert_uint_eq(submits(), 1);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_OK);
}

TEST(intent_uses_a_slot)
{
    struct engine_options options = flow_options();

    options.batch.slots = 1;
    flow_start(options);
    request_until("begin_batch", "one.com", WAIT_MS);
    struct caller *two = flow_request("two.com", WAIT_MS);
    flow_advance(5000);
    ck_assert_uint_eq(held_calls_count(), 1);
    release();
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(two->err, ERR_OK);
    ck_assert_uint_eq(submits(), 2);
}

TEST(intent_keeps_the_deadline_of_its_caller)
{
    struct caller *caller = request_until("begin_batch", "milvali.com", 3000);

    flow_advance(3000);
    ck_assert_int_eq(caller->err, ERR_STILL_PROCESSING);
    ck_assert_int_eq(caller->charged, CHARGED_NO); /* nothing was sent */
    release();
    struct caller *later = flow_request("milvali.com", 3000);
    flow_advance(3000);
    ck_assert_int_eq(later->charged, CHARGED_MAYBE);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(submits(), 1); /* its 504 named the lookup */
}

TEST(intent_of_a_lookup_without_callers_is_taken_back)
{
    struct caller *caller = request_until("begin_batch", "milvali.com", WAIT_MS);

    engine_abandon(flow.engine, caller->request.ticket);
    flow_settle();
    ck_assert_int_eq(caller->err, ERR_CANCELLED);
    ck_assert_int_eq(engine_status(flow.engine).lookups, 1);
    release();
    ck_assert_int_eq(engine_status(flow.engine).lookups, 0);
    ck_assert_uint_eq(submits(), 0);
    ck_assert_uint_eq(stored().tasks[STORE_NOT_CREATED], 1);
    ck_assert_int_eq(charged(), 0);
}

TEST(intent_of_a_batch_with_a_lookup_without_callers_is_repeated)
{
    held_calls_set(HOLD_POSTED, "begin_batch");
    struct caller *leaves = flow_request("leaves.com", WAIT_MS);
    struct caller *stays = flow_request("stays.com", WAIT_MS);
    flow_advance(1000);
    engine_abandon(flow.engine, leaves->request.ticket);
    flow_settle();
    release();
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(stays->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
    ck_assert_uint_eq(stored().tasks[STORE_NOT_CREATED], 1);
    ck_assert_int_eq(charged(), 1);
}

/* A caller that joins in time keeps the lookup. */
TEST(intent_of_a_lookup_that_is_joined_again_is_sent)
{
    struct caller *leaves = request_until("begin_batch", "milvali.com", WAIT_MS);

    engine_abandon(flow.engine, leaves->request.ticket);
    flow_settle();
    struct caller *joins = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    release();
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(joins->err, ERR_OK);
    ck_assert_uint_eq(submits(), 1);
}

/* Both block submits; the callers get the reason, and no credit is spent. */
RANGE_TEST(intent_is_taken_back_if_submits_are_blocked_meanwhile, 0, 2)
{
    struct caller *caller = request_until("begin_batch", "milvali.com", WAIT_MS);

    if (_i == 0)
        engine_set_paused(flow.engine, true);
    else
        engine_drain(flow.engine, MINUTE_MS);
    flow_settle();
    ck_assert_int_eq(caller->answers, 0);
    release();
    ck_assert_int_eq(caller->err, _i == 0 ? ERR_PAUSED : ERR_DRAINING);
    ck_assert_int_eq(caller->charged, CHARGED_NO);
    ck_assert_uint_eq(submits(), 0);
    ck_assert_uint_eq(stored().tasks[STORE_NOT_CREATED], 1);
    ck_assert_int_eq(charged(), 0);
}

/* The credit counts on the day on which the submit leaves. */
TEST(intent_that_returns_after_midnight_is_recorded_for_the_new_day)
{
    int64_t *wall_ms = &engine_clock(flow.engine)->wall_ms;

    *wall_ms = (FLOW_WALL_MS / DAY_MS + 1) * DAY_MS - 5000;
    struct caller *caller = request_until("begin_batch", "milvali.com", WAIT_MS);
    flow_advance(6000);
    held_calls_set(HOLD_POSTED, "sending");
    flow_settle();
    ck_assert_uint_eq(held_calls_count(), 1);
    ck_assert_uint_eq(submits(), 0);
    release();
    ck_assert_uint_eq(submits(), 1);
    ck_assert_int_eq(charged(), 1);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_uint_eq(submits(), 1);
    *wall_ms -= DAY_MS;
    ck_assert_int_eq(charged(), 0);
}

/* ---- probes ---- */

static void open_circuit(void)
{
    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_SUBMIT, .status = 429, .body = "{}"});
    flow_request("first.com", WAIT_MS);
    flow_advance(26200);
    ck_assert_uint_eq(submits(), 1);
}

/* A probe that was not sent is not a probe: the next one leaves without a further pause. */
TEST(intent_of_a_probe_that_is_taken_back_permits_another)
{
    open_circuit();
    held_calls_set(HOLD_POSTED, "sending");
    flow_advance(2000);
    ck_assert_uint_eq(held_calls_count(), 1);
    engine_abandon(flow.engine, flow.callers[0]->request.ticket);
    struct caller *second = flow_request("second.com", WAIT_MS);
    flow_settle();
    release();
    flow_advance(200);
    ck_assert_uint_eq(submits(), 2);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(second->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, "first.com"), 0);
}

/* ---- second payments ---- */

static const struct fake_fault lost = {.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN};

/* Starts that many callers whose submit was lost, and is about to be paid for again. Returns the
 * first. */
static struct caller *paying_again(int n)
{
    struct engine_options options = flow_options();

    options.batch.retry_unknown = true;
    options.batch.notify_url = "https://emailsd.example/notify";
    flow_start(options);
    fake_upstream_fault(flow.upstream, lost);
    flow_request_companies(0, n);
    held_calls_set(HOLD_POSTED, "mark_resubmitted");
    while (!held_calls_count())
        flow_advance(1000);
    ck_assert_uint_eq(submits(), 1);
    return flow.callers[0];
}

TEST(intent_to_pay_again_is_sent_once_it_is_durable)
{
    struct caller *caller = paying_again(1);

    release();
    ck_assert_uint_eq(submits(), 2);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_int_eq(charged(), 2);
}

TEST(intent_to_pay_again_may_be_charged)
{
    struct caller *caller = paying_again(1);

    engine_abandon(flow.engine, caller->request.ticket);
    flow_settle();
    ck_assert_int_eq(caller->charged, CHARGED_MAYBE);
    release();
    ck_assert_uint_eq(submits(), 1);
}

/* The upstream calls, so the batch exists: the second credit is refunded. */
TEST(intent_to_pay_again_is_taken_back_if_the_batch_exists)
{
    struct caller *caller = paying_again(1);

    engine_notify(flow.engine, fake_upstream_notify_token(flow.upstream), "{}", 2);
    flow_settle();
    release();
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(submits(), 1);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    ck_assert_int_eq(charged(), 1);
}

/* The same, when the second submit was rejected and is to be repeated. */
TEST(intent_to_repeat_a_second_payment_is_taken_back_if_the_batch_exists)
{
    struct caller *caller = paying_again(1);

    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_SUBMIT, .status = 429, .body = "{}"});
    held_calls_set(HOLD_POSTED, "sending");
    while (!held_calls_count())
        flow_advance(1000);
    ck_assert_uint_eq(submits(), 2);
    engine_notify(flow.engine, fake_upstream_notify_token(flow.upstream), "{}", 2);
    flow_settle();
    release();
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(submits(), 2);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    ck_assert_int_eq(charged(), 1);
}

/* The same for the parts of a batch whose second submit was rejected as a whole. */
TEST(intent_to_repeat_a_part_is_not_recorded_if_the_batch_exists)
{
    struct caller *caller = paying_again(2), *other = flow.callers[1];

    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 400, .body = "{\"detail\":\"no\"}"});
    release();
    engine_notify(flow.engine, fake_upstream_notify_token(flow.upstream), "{}", 2);
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_int_eq(other->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(submits(), 2);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 2);
    ck_assert_int_eq(charged(), 2);
}

/* The same after the parts were made. */
TEST(intent_to_repeat_a_part_is_taken_back_if_the_batch_exists)
{
    struct caller *caller = paying_again(2), *other = flow.callers[1];
    char token[64];

    snprintf(token, sizeof token, "%s", fake_upstream_notify_token(flow.upstream));
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 400, .body = "{\"detail\":\"no\"}"});
    held_calls_set(HOLD_POSTED, "sending");
    while (held_calls_count() < 2)
        flow_advance(1000);
    ck_assert_uint_eq(submits(), 2);
    engine_notify(flow.engine, token, "{}", 2);
    flow_settle();
    release();
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_int_eq(other->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(submits(), 2);
    ck_assert_int_eq(charged(), 2);
}

TEST(intent_to_pay_again_is_taken_back_during_a_pause)
{
    struct caller *caller = paying_again(1);

    engine_set_paused(flow.engine, true);
    flow_settle();
    release();
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(submits(), 1);
    ck_assert_int_eq(charged(), 1);
}

RANGE_TEST(intent_to_pay_again_that_fails_pays_once, 0, 2)
{
    struct caller *caller = paying_again(1);

    if (_i == 0)
        weak_store_fail(flow.store, WEAK_MARK_RESUBMITTED, true);
    else
        weak_store_lose(flow.store, WEAK_MARK_RESUBMITTED, true);
    release();
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_int_eq(charged(), 1 + _i);
    weak_store_fail(flow.store, WEAK_MARK_RESUBMITTED, false);
    weak_store_lose(flow.store, WEAK_MARK_RESUBMITTED, false);
    flow_advance(JOURNAL_RETRY_MS);
    ck_assert_int_eq(charged(), 1);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    ck_assert_uint_eq(submits(), 1);
}

/* The second submit was rejected; the intent to repeat it was made or not. The second credit is
 * refunded in any case, and the first one stays spent. */
RANGE_TEST(intent_to_repeat_a_second_payment_that_fails_pays_once, 0, 2)
{
    struct caller *caller = paying_again(1);

    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_SUBMIT, .status = 429, .body = "{}"});
    held_calls_set(HOLD_POSTED, "sending");
    while (!held_calls_count())
        flow_advance(1000);
    ck_assert_int_eq(charged(), 2);
    if (_i == 0)
        weak_store_fail(flow.store, WEAK_SENDING, true);
    else
        weak_store_lose(flow.store, WEAK_SENDING, true);
    release();
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    weak_store_fail(flow.store, WEAK_SENDING, false);
    weak_store_lose(flow.store, WEAK_SENDING, false);
    flow_advance(JOURNAL_RETRY_MS);
    ck_assert_int_eq(charged(), 1);
    ck_assert_int_eq(engine_status(flow.engine).credits_spent, 1);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    ck_assert_uint_eq(submits(), 2);
}

/* ---- shutdown ---- */

/* A kill while the intent is written: its outcome is unknown, because it may have been sent. */
TEST(intent_that_was_written_at_a_kill_is_unknown)
{
    request_until("begin_batch", "milvali.com", 3000);
    flow_advance(3000);   /* its 504 keeps the lookup after the caller has left */
    held_calls_release(); /* written, but not returned */
    flow_restart();
    ck_assert_uint_eq(flow.recovery.unknown_tasks, 1);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 0);
}

TEST(intent_that_was_not_written_at_a_kill_leaves_no_trace)
{
    request_until("begin_batch", "milvali.com", WAIT_MS);
    weak_store_fail(flow.store, WEAK_BEGIN_BATCH, true);
    held_calls_release();
    flow_restart();
    weak_store_fail(flow.store, WEAK_BEGIN_BATCH, false);
    ck_assert_uint_eq(stored().tasks[STORE_OPEN], 0);
    ck_assert_uint_eq(flow.recovery.unknown_tasks, 0);
    ck_assert_uint_eq(submits(), 0);
}
