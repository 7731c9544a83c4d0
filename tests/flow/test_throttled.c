/* SPDX-License-Identifier: MIT */
/* test_throttled.c - tests submits that get 429: they slow down, and no task is lost. */
#include "flow.h"
#include "weak_store.h"

#include "tests/support/suite.h"
#include <string.h>

static size_t submits(void)
{
    return fake_upstream_calls(flow.upstream, FAKE_SUBMIT);
}

static void throttle(int64_t retry_after_s, bool is_permanent)
{
    fake_upstream_fault(flow.upstream, (struct fake_fault){.on = FAKE_SUBMIT,
                                                           .status = 429,
                                                           .body = "{\"detail\":\"slow down\"}",
                                                           .retry_after_s = retry_after_s,
                                                           .is_permanent = is_permanent});
}

static size_t ended_with(enum err err)
{
    size_t n = 0;

    for (size_t i = 0; i < flow.n_callers; i++)
        n += flow.callers[i]->answers == 1 && flow.callers[i]->err == err;
    return n;
}

RANGE_TEST(throttled_2000_questions_survive_three_minutes_of_429, 0, 2)
{
    const int64_t retry_after_s = _i ? 20 : 0;

    throttle(retry_after_s, true);
    for (int i = 0; i < 2000; i++)
        flow_request(flow_company(i), 20 * MINUTE_MS);
    flow_advance(3 * MINUTE_MS);
    ck_assert_uint_le(submits(), 10);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 0);
    fake_upstream_clear_faults(flow.upstream);
    flow_advance(10 * MINUTE_MS);
    ck_assert_uint_eq(ended_with(ERR_OK), 2000);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2000);
}

TEST(throttled_waits_1_2_4_seconds_and_at_most_a_minute)
{
    static const int64_t pauses_ms[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};

    fake_upstream_set_submit_ms(flow.upstream, 0);
    throttle(0, true);
    flow_request("milvali.com", 10 * MINUTE_MS);
    flow_advance(100);
    ck_assert_uint_eq(submits(), 1);
    for (size_t i = 0; i < sizeof pauses_ms / sizeof *pauses_ms; i++) {
        flow_advance(pauses_ms[i] - 1);
        ck_assert_uint_eq(submits(), 1 + i);
        flow_advance(1);
        ck_assert_uint_eq(submits(), 2 + i);
    }
}

TEST(throttled_waits_for_a_long_retry_after)
{
    throttle(600, false);
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    struct caller *patient = flow_request("blue-bottle.com", 20 * MINUTE_MS);
    ck_assert_int_eq(engine_status(flow.engine).throttled, 0);
    flow_advance(WAIT_MS);
    ck_assert_int_eq(engine_status(flow.engine).throttled, 1);
    ck_assert_int_eq(engine_status(flow.engine).blocked_by, ERR_OK);
    ck_assert_int_eq(caller->err, ERR_STILL_PROCESSING);
    struct caller *other = flow_request("other.com", 1000);
    flow_advance(1000);
    ck_assert_int_eq(other->err, ERR_STILL_PROCESSING); /* its own deadline, not a rejection */
    ck_assert_uint_eq(submits(), 1);
    flow_advance(7 * MINUTE_MS);
    ck_assert_int_eq(patient->err, ERR_OK);
    ck_assert_int_eq(engine_status(flow.engine).throttled, 0);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 3);
}

TEST(throttled_three_times_without_credits_ends_the_queue)
{
    throttle(0, true);
    fake_upstream_set_balance(flow.upstream, 0);
    flow_request_companies(0, 2);
    flow_advance(100);
    flow_request_companies(2, 1);
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(ended_with(ERR_CREDITS_EXHAUSTED), 3);
    ck_assert_uint_eq(submits(), 4); /* two at first, then one at a time */
    struct caller *late = flow_request("late.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(late->err, ERR_CREDITS_EXHAUSTED);
}

TEST(throttled_with_credits_goes_on)
{
    for (int i = 0; i < 5; i++)
        throttle(0, false);
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(WAIT_MS - 1);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_uint_eq(submits(), 6);
    ck_assert_uint_ge(fake_upstream_calls(flow.upstream, FAKE_BALANCE), 1);
}

TEST(throttled_reads_do_not_stop_submits)
{
    for (int i = 0; i < 10; i++)
        fake_upstream_fault(flow.upstream,
                            (struct fake_fault){.on = FAKE_STATUS, .status = 429, .body = ""});
    struct caller *first = flow_request("a.com", WAIT_MS);
    flow_advance(60000);
    struct caller *second = flow_request("b.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(first->err, ERR_OK);
    ck_assert_int_eq(second->err, ERR_OK);
}

TEST(throttled_probe_of_a_half_open_circuit_keeps_its_pause)
{
    fake_upstream_set_submit_ms(flow.upstream, 0);
    for (int i = 0; i < 5; i++)
        fake_upstream_fault(flow.upstream,
                            (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN});
    throttle(45, false);
    for (int i = 0; i < 5; i++) {
        flow_request(flow_company(i), WAIT_MS);
        flow_advance(100);
    }
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_CIRCUIT_OPEN);
    struct caller *probe = flow_request("probe.com", WAIT_MS);
    flow_advance(16000);
    ck_assert_uint_eq(submits(), 6);
    flow_advance(43000);
    ck_assert_uint_eq(submits(), 6);
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(probe->err, ERR_OK);
}

/* ---- nothing was sent ---- */

TEST(throttled_caller_whose_wait_ends_is_told_that_nothing_was_charged)
{
    throttle(600, false);
    struct caller *caller = flow_request("milvali.com", MINUTE_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_STILL_PROCESSING);
    ck_assert_int_eq(caller->charged, CHARGED_NO);
    ck_assert_ptr_nonnull(strstr(caller->detail, "not sent yet"));
    flow_advance(12 * MINUTE_MS); /* and it is sent later: it was promised */
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(throttled_lookup_is_not_sent_after_its_callers_have_left)
{
    throttle(600, false);
    struct caller *leaves = flow_request("leaves.com", WAIT_MS);
    struct caller *stays = flow_request("stays.com", 20 * MINUTE_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(engine_status(flow.engine).credits_spent, 2);
    engine_abandon(flow.engine, leaves->request.ticket);
    flow_settle();
    ck_assert_int_eq(leaves->err, ERR_CANCELLED);
    ck_assert_int_eq(engine_status(flow.engine).credits_spent, 1);
    flow_advance(12 * MINUTE_MS);
    ck_assert_int_eq(stays->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
    flow_restart(); /* the credit was refunded in the store too */
    ck_assert_int_eq(engine_status(flow.engine).credits_spent, 1);
}

TEST(throttled_lookup_is_not_sent_again_if_its_callers_left_during_the_submit)
{
    throttle(0, false);
    struct caller *leaves = flow_request("leaves.com", WAIT_MS);
    struct caller *stays = flow_request("stays.com", WAIT_MS);
    flow_advance(1000);
    engine_abandon(flow.engine, leaves->request.ticket);
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(stays->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
    ck_assert_int_eq(engine_status(flow.engine).credits_spent, 1);
}

RANGE_TEST(throttled_batch_ends_when_all_its_callers_have_left, 0, 2)
{
    throttle(60, false);
    flow_request_companies(0, 3);
    flow_advance(_i ? 1000 : MINUTE_MS); /* during the submit, or after it */
    for (size_t i = 0; i < 3; i++)
        engine_abandon(flow.engine, flow.callers[i]->request.ticket);
    flow_advance(10 * MINUTE_MS);
    ck_assert_uint_eq(submits(), 1);
    ck_assert_int_eq(engine_status(flow.engine).throttled, 0); /* the next submit may leave */
    ck_assert_int_eq(engine_status(flow.engine).lookups, 0);
    ck_assert_int_eq(engine_status(flow.engine).batches, 0);
    ck_assert_int_eq(engine_status(flow.engine).credits_spent, 0);
}

TEST(throttled_lookups_whose_callers_leave_together_are_recorded_together)
{
    throttle(600, false);
    flow_request_companies(0, 10);
    flow_advance(MINUTE_MS);
    for (size_t i = 1; i < 10; i++)
        engine_abandon(flow.engine, flow.callers[i]->request.ticket);
    struct caller *returns = flow_request(flow_company(9), WAIT_MS);
    flow_settle();
    ck_assert_int_eq(returns->answers, 0);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_SPLIT), 1);
    ck_assert_int_eq(engine_status(flow.engine).credits_spent, 2);
    ck_assert_int_eq(engine_status(flow.engine).lookups, 2);
}

TEST(throttled_lookup_is_sent_again_for_a_caller_that_joined_after_another_left)
{
    throttle(0, false);
    struct caller *leaves = flow_request("milvali.com", WAIT_MS);
    flow_advance(1000);
    engine_abandon(flow.engine, leaves->request.ticket);
    struct caller *joins = flow_request("milvali.com", WAIT_MS);
    flow_advance(2 * MINUTE_MS);
    ck_assert(joins->collapsed);
    ck_assert_int_eq(joins->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(throttled_lookup_leaves_its_batch_while_the_disk_fails)
{
    throttle(60, false);
    struct caller *leaves = flow_request("leaves.com", WAIT_MS);
    struct caller *stays = flow_request("stays.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    weak_store_fail(flow.store, WEAK_SPLIT, true);
    engine_abandon(flow.engine, leaves->request.ticket);
    flow_settle();
    ck_assert_int_eq(engine_status(flow.engine).lookups, 1);
    weak_store_fail(flow.store, WEAK_SPLIT, false);
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(stays->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}
