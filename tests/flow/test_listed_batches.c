/* SPDX-License-Identifier: MIT */
/* test_listed_batches.c - tests batches with tasks of lists that wait for a submit: joined by a
 * single request, rejected, probing the circuit, or dropped. */
#include "listed_flow.h"

/* ---- a task that a single request joins ---- */

TEST(joined_by_a_single_request_a_listed_task_is_not_queued_apart)
{
    start(2, 10);
    flow_list_companies("list", 0, 30);
    flow_advance(1000);
    ck_assert_uint_eq(submits(), 1);
    struct caller *listed = flow.callers[29];
    struct caller *single = flow_request_as("other", flow_company(29), WAIT_MS);
    flow_advance(100);
    ck_assert(single->request.lookup == listed->request.lookup);
    ck_assert_uint_eq(submits(), 2); /* in the last slot, after its linger */
    flow_advance(MINUTE_MS);
    expect_result(single, 1100);
    expect_result(listed, 1100);
    ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, flow_company(29)), 1);
}

TEST(joined_by_another_list_a_listed_task_stays_apart)
{
    start(2, 10);
    flow_list_companies("list", 0, 20);
    flow_advance(1000);
    flow_request_with(flow_listed("other", WAIT_MS), flow_company(19));
    flow_advance(1000);
    ck_assert_uint_eq(submits(), 1);
}

/* The batch of the list could not be sent, and is due again while the last slot is free. */
TEST(joined_by_a_single_request_a_batch_of_a_list_takes_the_last_slot)
{
    start(2, 10);
    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_NOT_SENT});
    flow_list_companies("list", 0, 10);
    flow_settle(); /* backs off for about a second */
    ck_assert_int_eq(slots_used(), 0);
    flow_request_companies(100, 10);
    flow_advance(10000);
    ck_assert_int_eq(slots_used(), 1);
    ck_assert_uint_eq(submits(), 2);
    flow_request_as("other", flow_company(3), WAIT_MS);
    flow_settle();
    ck_assert_int_eq(slots_used(), 2);
    ck_assert_uint_eq(submits(), 3);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 20);
}

/* ---- rejected, and probed ---- */

/* Submits `n` lookups, one after the other, and loses each. */
static void lose_submits(int n, const char *client)
{
    for (int i = 0; i < n; i++) {
        fake_upstream_fault(flow.upstream,
                            (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN});
        flow_request_as(client, flow_company(i), WAIT_MS);
        flow_advance(27000);
    }
}

TEST(listed_batch_that_is_split_leaves_the_last_slot_free)
{
    start(2, 10);
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "invalid.com", .is_rejected = true});
    flow_list_companies("list", 0, 9);
    struct caller *invalid = request_listed("invalid.com");
    flow_advance(26000);
    ck_assert_int_eq(slots_used(), 1);
    ck_assert_uint_eq(submits(), 2);
    struct caller *single = flow_request("single.com", WAIT_MS);
    flow_advance(10 * MINUTE_MS);
    expect_result(single, 100);
    ck_assert_int_eq(invalid->err, ERR_UPSTREAM_REJECTED);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 10);
}

TEST(single_lookup_goes_before_a_batch_of_a_list_in_the_only_slot)
{
    start(1, 10);
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "invalid.com", .is_rejected = true});
    flow_list_companies("list", 0, 9);
    request_listed("invalid.com");
    flow_advance(25950);
    struct caller *single = flow_request("single.com", WAIT_MS);
    flow_advance(50); /* it lingers while the parts of the batch are due */
    ck_assert_int_eq(slots_used(), 0);
    flow_advance(50);
    ck_assert_int_eq(slots_used(), 1);
    flow_advance(20 * MINUTE_MS);
    expect_result(single, 100);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 10);
}

TEST(probe_is_a_single_lookup_if_one_waits)
{
    lose_submits(5, "client");
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_CIRCUIT_OPEN);
    flow_list_companies("list", 100, 5);
    flow_settle();
    struct caller *single = flow_request("single.com", WAIT_MS);
    flow_advance(45000);
    ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, "single.com"), 1);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(single->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 6);
}

TEST(probe_is_of_a_list_if_nothing_else_waits)
{
    lose_submits(5, "list");
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_CIRCUIT_OPEN);
    flow_list_companies("list", 100, 5);
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 5);
}

/* The single lookup is the youngest of its batch, which waits to be sent again. */
TEST(probe_cut_from_a_batch_is_its_single_lookup)
{
    start(1, 100);
    lose_submits(4, "client");
    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_NOT_SENT});
    flow_list_companies("list", 100, 3);
    flow_advance(50);
    struct caller *single = flow_request("single.com", WAIT_MS);
    flow_advance(100);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_CIRCUIT_OPEN);
    flow_advance(15000 + 26000);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
    ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, "single.com"), 1);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(single->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 4);
}

TEST(listed_tasks_end_with_a_pause)
{
    start(2, 10);
    flow_list_companies("list", 0, 20);
    flow_settle();
    engine_set_paused(flow.engine, true);
    flow_settle();
    ck_assert_int_eq(flow.callers[19]->err, ERR_PAUSED);
    ck_assert_int_eq(engine_status(flow.engine).queue_tasks, 0);
    flow_advance(30000);
    ck_assert_int_eq(flow.callers[0]->err, ERR_OK);
}

TEST(listed_task_whose_request_left_is_dropped_unsent)
{
    struct caller *leaves = request_listed("milvali.com");

    flow_settle();
    engine_abandon(flow.engine, leaves->request.ticket);
    flow_advance(1000);
    ck_assert_int_eq(leaves->err, ERR_CANCELLED);
    ck_assert_uint_eq(submits(), 0);
    ck_assert_int_eq(engine_status(flow.engine).queue_tasks, 0);
}
