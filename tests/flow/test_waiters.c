/* SPDX-License-Identifier: MIT */
/* test_waiters.c - tests the limits of requests that wait: in total, fairly by client, and of one
 * client; and that a request that does not wait needs no slot. */
#include "flow.h"

#include "tests/support/suite.h"
#include <string.h>

static void start_with_slots(size_t max_waiters)
{
    struct engine_options options = flow_options();

    options.max_waiters = max_waiters;
    flow_start(options);
}

/* Lets `n` requests of the client wait for the same lookup. */
static void park(const char *client, int n)
{
    for (int i = 0; i < n; i++)
        flow_request_as(client, "milvali.com", WAIT_MS);
    flow_settle();
}

static enum err outcome_of_one_more(const char *client)
{
    struct caller *caller = flow_request_as(client, "milvali.com", WAIT_MS);

    flow_settle();
    return caller->answers ? caller->err : ERR_OK; /* ERR_OK: it waits */
}

TEST(waiters_of_one_client_leave_slots_for_another)
{
    start_with_slots(4);
    park("greedy", 4);
    ck_assert_int_eq(outcome_of_one_more("greedy"), ERR_OVERLOADED);
    ck_assert_int_eq(outcome_of_one_more("small"), ERR_OK);
    ck_assert_int_eq(outcome_of_one_more("small"), ERR_OK);
    ck_assert_int_eq(outcome_of_one_more("small"), ERR_OVERLOADED); /* its half is used */
    ck_assert_int_eq(outcome_of_one_more("greedy"), ERR_OVERLOADED);
    ck_assert_int_eq(outcome_of_one_more("third"), ERR_OK);
    flow_advance(30000);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(waiters_never_exceed_twice_the_limit)
{
    static const char *const clients[] = {"a", "b", "c", "d", "e"};
    size_t n_waiting = 0;

    start_with_slots(4);
    park("greedy", 4);
    for (size_t i = 0; i < 5; i++)
        n_waiting += outcome_of_one_more(clients[i]) == ERR_OK;
    ck_assert_uint_eq(n_waiting, 3); /* the fifth client has less than one slot */
}

TEST(waiter_slot_is_not_needed_without_a_wait)
{
    start_with_slots(1);
    park("greedy", 1);
    struct caller *joins = flow_request_as("greedy", "milvali.com", 0);
    struct caller *starts = flow_request_as("small", "other.com", 0);
    flow_settle();
    ck_assert_int_eq(joins->err, ERR_STILL_PROCESSING);
    ck_assert_int_eq(starts->err, ERR_STILL_PROCESSING);
    flow_advance(30000);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
}

TEST(waiter_slot_is_not_needed_for_a_refresh)
{
    start_with_slots(1);
    flow_request_as("greedy", "milvali.com", WAIT_MS);
    flow_refresh_companies(0, 2);
    flow_advance(30000);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 3);
}

TEST(waiter_slot_is_free_after_each_end_of_a_wait)
{
    start_with_slots(1);
    struct caller *leaves = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(outcome_of_one_more("client"), ERR_OVERLOADED);
    engine_abandon(flow.engine, leaves->request.ticket);
    flow_settle();
    struct caller *times_out = flow_request("milvali.com", 100);
    flow_settle();
    ck_assert_int_eq(times_out->answers, 0);
    flow_advance(100);
    ck_assert_int_eq(times_out->err, ERR_STILL_PROCESSING);
    struct caller *ends = flow_request("milvali.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(ends->err, ERR_OK);
    struct caller *next = flow_request("other.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(next->err, ERR_OK);
}

TEST(waiter_slot_is_free_after_a_rejected_start)
{
    struct engine_options options = flow_options();

    options.max_waiters = 1;
    options.batch.max_queued = 1;
    flow_start(options);
    flow_request("a.com", 0);
    struct caller *rejected = flow_request("b.com", WAIT_MS);
    flow_settle(); /* until then it holds the slot, while the store is read */
    struct caller *joins = flow_request("a.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(rejected->err, ERR_OVERLOADED);
    ck_assert_int_eq(joins->err, ERR_OK);
}

/* The engine was busy until after the deadline, and the worker has replied meanwhile. */
TEST(waiter_slot_is_not_needed_by_a_request_that_is_late)
{
    start_with_slots(1);
    park("greedy", 1);
    struct caller *late = flow_request_as("small", "other.com", WAIT_MS);
    late->request.wait_until_ms = flow_now_ms() - 1;
    flow_settle();
    ck_assert_int_eq(late->err, ERR_STILL_PROCESSING);
    flow_advance(30000);
    ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, "other.com"), 1);
}

static struct caller *request_with_limit(size_t max_waiters, int64_t wait_ms)
{
    struct caller *caller = flow_request_as("limited", "milvali.com", wait_ms);

    caller->request.max_waiters = max_waiters; /* the engine has not run yet */
    flow_settle();
    return caller;
}

TEST(waiters_own_limit_is_rejected_with_its_reason)
{
    struct caller *first = request_with_limit(2, WAIT_MS), *second = request_with_limit(2, WAIT_MS);
    struct caller *third = request_with_limit(2, WAIT_MS);
    struct caller *without_wait = request_with_limit(2, 0);
    struct caller *other = flow_request_as("other", "milvali.com", WAIT_MS);

    flow_settle();
    ck_assert_int_eq(third->err, ERR_QUOTA_EXCEEDED);
    ck_assert_ptr_nonnull(strstr(third->detail, "as its key allows"));
    ck_assert_int_eq(third->retry_after_s, 15); /* half of the 30 s of a lookup */
    ck_assert_int_eq(third->charged, CHARGED_NO);
    ck_assert_int_eq(without_wait->err, ERR_STILL_PROCESSING);
    flow_advance(30000);
    ck_assert_int_eq(first->err + second->err + other->err, ERR_OK);
    ck_assert_int_eq(request_with_limit(2, WAIT_MS)->err, ERR_OK); /* a hit */
}
