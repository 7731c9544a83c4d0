/* SPDX-License-Identifier: MIT */
/* test_money.c - tests that no caller pays twice or for another caller's invalid lookup, and
 * that no client is starved. */
#include "flow.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

static const struct fake_fault lost = {.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN, .creates = true};

/* ---- unknown outcomes ---- */

TEST(money_unknown_result_starts_a_cooldown)
{
    fake_upstream_fault(flow.upstream, lost);
    struct caller *first = flow_request("milvali.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(first->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);

    flow_advance(9 * 60000);
    struct caller *early = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(early->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_int_eq(early->charged, CHARGED_MAYBE);
    ck_assert_int_gt(early->retry_after_s, 50);
    ck_assert_int_le(early->retry_after_s, 60);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);

    flow_advance(61000);
    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(later->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
}

TEST(money_unknown_result_says_how_long_its_cooldown_lasts)
{
    fake_upstream_fault(flow.upstream, lost);
    struct caller *first = flow_request("milvali.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_ptr_nonnull(strstr(first->detail, "in cooldown until 2026-11-23T11:30:30Z"));
    struct caller *again = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_str_eq(again->detail, first->detail);
    flow_restart();
    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_str_eq(later->detail, first->detail);
}

/* Its bytes are stored too, but only to find the batch by them. */
TEST(money_unreadable_submit_response_has_the_cooldown_of_a_lost_one)
{
    fake_upstream_fault(flow.upstream, (struct fake_fault){.on = FAKE_SUBMIT,
                                                           .status = 200,
                                                           .body = "{\"ok\":1}",
                                                           .creates = true});
    struct caller *first = flow_request("milvali.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(first->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    flow_advance(10 * MINUTE_MS);
    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(later->err, ERR_OK);
}

TEST(money_cooldown_does_not_affect_another_question)
{
    fake_upstream_fault(flow.upstream, lost);
    flow_request("milvali.com", WAIT_MS);
    flow_advance(30000);
    struct caller *other = flow_request("example.org", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(other->err, ERR_OK);
}

TEST(money_unmatched_result_starts_a_cooldown)
{
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "a.com", .tracking_id = "null"});
    flow_request("a.com", WAIT_MS);
    flow_request("b.com", WAIT_MS);
    flow_advance(40000);
    struct caller *again = flow_request("a.com", WAIT_MS);
    flow_advance(40000);
    ck_assert_int_eq(again->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
}

TEST(money_option_permits_one_automatic_resubmit)
{
    struct engine_options options = flow_options();

    options.batch.retry_unknown = true;
    flow_start(options);
    fake_upstream_fault(flow.upstream, lost);
    struct caller *lucky = flow_request("milvali.com", WAIT_MS);
    flow_advance(70000);
    ck_assert_int_eq(lucky->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);

    fake_upstream_fault(flow.upstream, lost);
    fake_upstream_fault(flow.upstream, lost);
    struct caller *unlucky = flow_request("example.org", WAIT_MS);
    flow_advance(90000);
    ck_assert_int_eq(unlucky->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, "example.org"), 2);
}

TEST(money_resubmit_waits_for_no_long_retry_after)
{
    struct engine_options options = flow_options();

    options.batch.retry_unknown = true;
    options.batch.slots = 1;
    flow_start(options);
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){
            .on = FAKE_SUBMIT, .status = 502, .body = "", .retry_after_s = 3600, .creates = true});
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    struct caller *next = flow_request("example.org", WAIT_MS); /* the slot is free */
    flow_advance(30000);
    ck_assert_int_eq(next->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
}

TEST(money_rejected_resubmit_keeps_the_unknown_result)
{
    struct engine_options options = flow_options();

    options.batch.retry_unknown = true;
    flow_start(options);
    fake_upstream_fault(flow.upstream, lost);
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 402, .body = "{\"detail\":\"no\"}"});
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(70000);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_int_eq(caller->charged, CHARGED_MAYBE);
}

/* The callers leave while the submit is in flight, or while the batch backs off. */
RANGE_TEST(money_resubmit_is_skipped_if_all_callers_have_left, 0, 2)
{
    struct engine_options options = flow_options();

    options.batch.retry_unknown = true;
    flow_start(options);
    fake_upstream_fault(flow.upstream, lost);
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(_i ? 1000 : 26200);
    engine_abandon(flow.engine, caller->request.ticket);
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(later->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
}

/* The journal cannot tell the tasks of a batch apart whose outcome is unknown. */
TEST(money_resubmit_is_for_the_whole_batch_if_one_caller_is_left)
{
    struct engine_options options = flow_options();

    options.batch.retry_unknown = true;
    flow_start(options);
    fake_upstream_fault(flow.upstream, lost);
    struct caller *leaves = flow_request("leaves.com", WAIT_MS);
    struct caller *stays = flow_request("stays.com", WAIT_MS);
    flow_advance(26200);
    engine_abandon(flow.engine, leaves->request.ticket);
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(stays->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 4);
}

/* Its second submit is due when another one is denied, and the upstream may be probed. */
TEST(money_resubmit_that_waits_for_a_slot_never_probes)
{
    struct engine_options options = flow_options();

    options.batch.retry_unknown = true;
    options.batch.slots = 1;
    flow_start(options);
    fake_upstream_fault(flow.upstream, lost);
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 402, .body = "{\"detail\":\"no\"}"});
    struct caller *unknown = flow_request("unknown.com", WAIT_MS);
    flow_advance(1000);
    struct caller *denied = flow_request("denied.com", WAIT_MS);
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(denied->err, ERR_CREDITS_EXHAUSTED);
    ck_assert_int_eq(unknown->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 2);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

/* ---- a rejected batch ---- */

TEST(money_split_with_open_circuit_answers_all_callers)
{
    fake_upstream_set_balance(flow.upstream, 0);
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 402, .body = "{\"detail\":\"no\"}"});
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 400, .body = "{\"detail\":\"no\"}"});
    flow_request("first.com", WAIT_MS);
    flow_advance(1000);
    struct caller *a = flow_request("a.com", WAIT_MS);
    struct caller *b = flow_request("b.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(a->err, ERR_CREDITS_EXHAUSTED);
    ck_assert_int_eq(b->err, ERR_CREDITS_EXHAUSTED);
}

TEST(money_batch_backing_off_fails_when_the_circuit_is_latched)
{
    fake_upstream_set_balance(flow.upstream, 0);
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 429, .body = "", .retry_after_s = 30});
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 402, .body = "{\"detail\":\"no\"}"});
    struct caller *backing_off = flow_request("a.com", WAIT_MS);
    flow_advance(1000);
    flow_request("b.com", WAIT_MS);
    flow_advance(27000);
    ck_assert_int_eq(backing_off->err, ERR_CREDITS_EXHAUSTED);
}

TEST(money_parts_and_the_queue_alternate_for_a_slot)
{
    struct engine_options options = flow_options();

    options.batch.slots = 1;
    flow_start(options);
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "bad.com", .is_rejected = true});
    struct caller *bad = flow_request("bad.com", WAIT_MS);
    struct caller *good = flow_request("good.com", WAIT_MS);
    flow_advance(1000);
    struct caller *next = flow_request("next.com", WAIT_MS);
    flow_advance(120000);
    ck_assert_int_eq(bad->err, ERR_UPSTREAM_REJECTED);
    ck_assert_int_eq(good->err, ERR_OK);
    ck_assert_int_eq(next->err, ERR_OK);
    ck_assert_int_lt(bad->answered_ms, next->answered_ms);
    ck_assert_int_lt(next->answered_ms, good->answered_ms);
}

TEST(money_drain_stops_all_submits)
{
    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_NOT_SENT});
    struct caller *backing_off = flow_request("a.com", WAIT_MS);
    flow_advance(200);
    engine_drain(flow.engine, 0);
    flow_advance(60000);
    ck_assert_int_eq(backing_off->err, ERR_DRAINING);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 0);
}

/* ---- fairness ---- */

TEST(fairness_single_lookup_is_in_the_next_batch)
{
    struct engine_options options = flow_options();

    options.batch.slots = 1;
    flow_start(options);
    for (int i = 0; i < 1000; i++)
        flow_request_as("flood", flow_company(i), 20 * 60000);
    flow_settle(); /* the first batch is in flight, nine wait */
    struct caller *small = flow_request_as("small", "milvali.com", 20 * 60000);
    int64_t asked_ms = flow_now_ms();
    flow_advance(20 * 60000);
    ck_assert_int_eq(small->err, ERR_OK);
    /* The rest of the first submit, its own submit, its task, and its read among a hundred. */
    ck_assert_int_le(small->answered_ms - asked_ms, 2 * 26000 + 2000 + 12000);
}

TEST(fairness_client_that_fills_the_queue_blocks_no_other)
{
    struct engine_options options = flow_options();

    options.batch.slots = 1;
    options.batch.size = 1;
    options.batch.max_queued = 10;
    flow_start(options);
    for (int i = 0; i < 13; i++) { /* one is sent immediately */
        flow_request_as("flood", flow_company(i), 60 * 60000);
        flow_advance(200);
    }
    struct caller *small = flow_request_as("small", "milvali.com", 60 * 60000);
    flow_settle();
    ck_assert_int_eq(small->answers, 0); /* it waits */
    ck_assert_int_eq(flow.callers[11]->err, ERR_OVERLOADED);
    ck_assert_int_eq(flow.callers[12]->err, ERR_OVERLOADED);
    flow_advance(60 * 60000);
    ck_assert_int_eq(small->err, ERR_OK);
    ck_assert_int_lt(small->answered_ms, flow.callers[3]->answered_ms);
}

/* ---- number of upstream calls ---- */

RANGE_TEST(calls_per_lookup_stay_within_their_bound, 0, 6)
{
    static const size_t sizes[] = {1, 99, 100, 101, 250, 1000};
    size_t n = sizes[_i];

    for (size_t i = 0; i < n; i++) {
        char domain[32];
        snprintf(domain, sizeof domain, "company%zu.com", i);
        flow_request(domain, 20 * 60000);
    }
    flow_advance(10 * 60000);
    size_t batches = (n + 99) / 100;
    ck_assert_uint_le(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), batches + 1);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_TASK), n);
    /* A task takes 2 s: ten polls of 250 ms, a few more while reads obey the limit, and lists. */
    ck_assert_uint_le(fake_upstream_calls(flow.upstream, FAKE_STATUS) +
                          fake_upstream_calls(flow.upstream, FAKE_TASK_IDS),
                      (batches + 1) * 40);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(flow.callers[i]->err, ERR_OK);
}
