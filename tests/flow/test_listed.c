/* SPDX-License-Identifier: MIT */
/* test_listed.c - tests that the lookups of lists use what single ones leave free: slots, queue,
 * waiter slots and back-pressure; and that they change no estimate of single ones. */
#include "held_calls.h"
#include "listed_flow.h"
#include "lookup/batching/batcher.h"
#include "lookup/recalls.h"

/* ---- slots ---- */

TEST(listed_full_batches_leave_immediately_but_for_the_last_slot)
{
    start(4, 10);
    flow_list_companies("list", 0, 50);
    flow_settle();
    ck_assert_uint_eq(submits(), 3);
    ck_assert_int_eq(engine_status(flow.engine).queue_tasks, 20);
    flow_advance(25000); /* also not when the linger is over */
    ck_assert_uint_eq(submits(), 3);
    flow_advance(1000); /* the first three are accepted */
    ck_assert_uint_eq(submits(), 5);
    ck_assert_int_eq(engine_status(flow.engine).queue_tasks, 0);
}

TEST(listed_task_leaves_after_the_linger)
{
    struct caller *caller = request_listed("milvali.com");

    flow_advance(99);
    ck_assert_uint_eq(submits(), 0);
    flow_advance(1);
    ck_assert_uint_eq(submits(), 1);
    flow_advance(30000);
    ck_assert_int_eq(caller->err, ERR_OK);
}

TEST(listed_tasks_use_the_only_slot)
{
    start(1, 10);
    flow_list_companies("list", 0, 20);
    flow_settle();
    ck_assert_uint_eq(submits(), 1);
    flow_advance(26000);
    ck_assert_uint_eq(submits(), 2);
}

TEST(single_lookup_takes_the_last_slot_alone)
{
    start(4, 10);
    flow_list_companies("list", 0, 45);
    flow_settle();
    struct caller *single = flow_request_as("list", "single.com", WAIT_MS); /* the same client */
    flow_advance(99);
    ck_assert_uint_eq(submits(), 3);
    flow_advance(1);
    ck_assert_uint_eq(submits(), 4);
    ck_assert_int_eq(engine_status(flow.engine).queue_tasks, 15);
    flow_advance(MINUTE_MS);
    expect_result(single, 100);
}

/* Single lookups use two slots, the list one of the two that it may have. */
TEST(listed_tasks_fill_a_batch_if_single_lookups_use_their_slots)
{
    start(3, 10);
    flow_request_companies(100, 10);
    flow_settle();
    flow_list_companies("list", 0, 25);
    flow_settle();
    ck_assert_uint_eq(submits(), 2);
    struct caller *single = flow_request("single.com", WAIT_MS);
    flow_advance(100);
    ck_assert_uint_eq(submits(), 3);
    ck_assert_int_eq(engine_status(flow.engine).queue_tasks, 6);
    flow_advance(MINUTE_MS);
    expect_result(single, 100);
}

TEST(listed_tasks_and_single_lookups_leave_apart_while_slots_are_free)
{
    start(4, 10);
    flow_request("single.com", WAIT_MS);
    flow_list_companies("list", 0, 3);
    flow_advance(100);
    ck_assert_uint_eq(submits(), 2);
    ck_assert_int_eq(slots_used(), 2);
}

TEST(single_lookup_is_in_the_next_batch_behind_a_list)
{
    start(1, 10);
    flow_list_companies("list", 0, 40);
    flow_advance(1000);
    struct caller *same = flow_request_as("list", "same.com", WAIT_MS);
    struct caller *other = flow_request_as("other", "other.com", WAIT_MS);
    flow_advance(25000); /* the first batch of the list is accepted */
    ck_assert_uint_eq(submits(), 2);
    flow_advance(MINUTE_MS);
    expect_result(same, 25000);
    expect_result(other, 25000);
}

TEST(single_lookup_leaves_with_a_full_batch_in_the_only_slot)
{
    start(1, 10);
    struct caller *single = flow_request("single.com", WAIT_MS);
    flow_list_companies("list", 0, 9);
    flow_settle();
    ck_assert_uint_eq(submits(), 1);
    ck_assert_int_eq(slots_used(), 1);
    flow_advance(MINUTE_MS);
    expect_result(single, 0);
}

TEST(single_lookups_fill_their_batch_before_listed_ones)
{
    start(2, 10);
    flow_list_companies("list", 0, 19); /* nine are left in the queue */
    flow_settle();
    flow_request_companies(100, 10);
    flow_settle();
    ck_assert_uint_eq(submits(), 2);
    ck_assert_int_eq(engine_status(flow.engine).queue_tasks, 9);
    flow_advance(30000);
    for (int i = 100; i < 110; i++)
        ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, flow_company(i)), 1);
}

TEST(listed_clients_are_served_in_turn)
{
    start(1, 10);
    flow_list_companies("a", 0, 30);
    flow_settle();
    flow_list_companies("b", 100, 5);
    flow_advance(MINUTE_MS);
    for (size_t i = 30; i < 35; i++)
        expect_result(flow.callers[i], 26000);
}

/* ---- limits ---- */

TEST(listed_tasks_do_not_count_in_the_queue_of_single_ones)
{
    struct engine_options options = flow_options();

    options.batch.max_queued = 1;
    flow_start(options);
    flow_list_companies("list", 0, 50);
    flow_settle();
    struct caller *single = flow_request_as("list", "single.com", WAIT_MS);
    struct caller *rejected = flow_request_as("list", "more.com", WAIT_MS);
    flow_list_companies("list", 50, 10);
    flow_settle();
    ck_assert_int_eq(rejected->err, ERR_OVERLOADED);
    ck_assert_int_eq(engine_status(flow.engine).queue_tasks, 61);
    flow_advance(MINUTE_MS);
    expect_result(single, 100);
}

TEST(listed_requests_need_no_waiter_slot)
{
    struct engine_options options = flow_options();

    options.max_waiters = 1;
    flow_start(options);
    flow_list_companies("list", 0, 20);
    flow_settle();
    struct caller *single = flow_request_as("list", "single.com", WAIT_MS);
    flow_settle();
    struct caller *rejected = flow_request_as("list", "more.com", WAIT_MS);
    struct caller *joins = flow_request_with(flow_listed("list", WAIT_MS), "single.com");
    flow_settle();
    ck_assert_int_eq(rejected->err, ERR_OVERLOADED);
    flow_advance(MINUTE_MS);
    expect_result(single, 100);
    expect_result(joins, 100);
}

/* The alerts are about callers that wait for a response. */
TEST(listed_requests_are_not_counted_as_waiters)
{
    start(1, 10);
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *leaves = request_listed("first.com");
    flow_settle();
    ck_assert_int_eq(engine_status(flow.engine).waiters, 0);
    held_calls_release();
    flow_list_companies("list", 0, 20);
    flow_advance(1000);
    ck_assert_int_eq(engine_status(flow.engine).waiters, 0);
    ck_assert_int_eq(engine_status(flow.engine).queue_tasks, 11);
    ck_assert_int_eq(engine_status(flow.engine).queue_oldest_ms, 0);
    struct caller *single = flow_request("single.com", WAIT_MS);
    flow_advance(1000);
    ck_assert_int_eq(engine_status(flow.engine).waiters, 1);
    ck_assert_int_eq(engine_status(flow.engine).queue_oldest_ms, single->asked_ms);
    engine_abandon(flow.engine, leaves->request.ticket);
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(engine_status(flow.engine).waiters, 0);
    expect_result(single, 25000);
}

/* Without a slot, a single one would end after half a second. */
TEST(listed_request_waits_for_the_store_without_a_waiter_slot)
{
    struct engine_options options = flow_options();

    options.max_waiters = 1;
    flow_start(options);
    flow_request("milvali.com", WAIT_MS);
    flow_settle();
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *listed = request_listed("other.com");
    flow_advance(2 * RECALL_MS);
    ck_assert_int_eq(listed->answers, 0);
    held_calls_release();
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(listed->err, ERR_OK);
    ck_assert_int_eq(listed->answers, 1);
}

/* A list stops at half of the unread tasks at which a single lookup waits: two minutes of reads. */
TEST(listed_tasks_leave_half_of_the_back_pressure)
{
    struct engine_options options = flow_options();

    options.batch.reads_per_second = 1; /* at most 120 unread */
    options.batch.slots = 2;
    options.batch.size = 20;
    flow_start(options);
    fake_upstream_set_task_ms(flow.upstream, HOUR_MS);
    flow_list_companies("list", 0, 100);
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(submits(), 4); /* when the fourth left, 60 were unread: not too many */
    ck_assert_int_eq(engine_status(flow.engine).queue_tasks, 20);
    struct caller *single = flow_request("single.com", 3 * HOUR_MS);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(submits(), 5); /* alone: the list does not fill its batch */
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 81);
    flow_advance(2 * HOUR_MS);
    expect_result(single, 100);
}

/* ---- estimates ---- */

/* The list's lookups wait for slots for minutes. */
TEST(listed_lookups_are_not_in_the_estimate_of_single_ones)
{
    start(2, 10);
    flow_list_companies("list", 0, 100);
    flow_advance(4 * MINUTE_MS);
    struct caller *joined = flow_request_as("other", flow_company(99), WAIT_MS);
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(joined->err, ERR_OK);
    struct caller *single = flow_request("single.com", 0);
    flow_settle();
    ck_assert_int_eq(single->err, ERR_STILL_PROCESSING);
    ck_assert_int_eq(single->progress.expected_ms, 30000); /* as at the start */
}

/* Single lookups wait for slots, while results of a list are read. */
TEST(listed_lookups_are_not_in_the_rate_of_the_queue)
{
    struct engine_options options = flow_options();

    options.batch.slots = 2;
    options.batch.size = 30;
    options.batch.max_queued = 5;
    flow_start(options);
    fake_upstream_set_task_ms(flow.upstream, 30000);
    flow_list_companies("list", 0, 30);
    flow_settle();
    fake_upstream_set_submit_ms(flow.upstream, 200000);
    flow_request_companies(100, 1);
    flow_advance(100);
    flow_request_companies(101, 1);
    flow_advance(26000);
    flow_request_companies(110, 5);
    flow_advance(110000);
    ck_assert_int_eq(flow.callers[0]->err, ERR_OK);
    struct caller *rejected = flow_request("more.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(rejected->err, ERR_OVERLOADED);
    ck_assert_int_eq(rejected->retry_after_s, OVERLOADED_MIN_S);
}

/* ---- requests that never start a lookup ---- */

static struct caller *request_without_start(const char *domain)
{
    struct lookup_request request = flow_listed("list", WAIT_MS);

    request.never_starts = true;
    return flow_request_with(request, domain);
}

TEST(never_starting_request_ends_without_a_lookup_in_flight)
{
    struct caller *caller = request_without_start("milvali.com");

    flow_settle();
    ck_assert_int_eq(caller->err, ERR_CREDITS_EXHAUSTED);
    ck_assert_int_eq(caller->charged, CHARGED_NO);
    ck_assert_str_eq(caller->detail, "the request's own limit (max_credits)");
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 0);
}

TEST(never_starting_request_joins_and_is_served_from_the_cache)
{
    flow_request("milvali.com", WAIT_MS);
    flow_settle();
    struct caller *joins = request_without_start("milvali.com");
    flow_advance(30000);
    struct caller *hit = request_without_start("milvali.com");
    flow_settle();
    ck_assert_int_eq(joins->err, ERR_OK);
    ck_assert(joins->collapsed);
    ck_assert_int_eq(hit->err, ERR_OK);
    ck_assert(hit->from_cache);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}
