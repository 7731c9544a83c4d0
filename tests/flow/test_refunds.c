/* SPDX-License-Identifier: MIT */
/* test_refunds.c - tests what the engine does when another process has recorded that a task was not
 * taken. */
#include "flow.h"
#include "model/question.h"
#include "weak_store.h"

#include "tests/support/suite.h"

static void note_not_taken(const struct caller *caller)
{
    weak_store_note_not_taken(flow.store, &(struct store_not_taken){.key = caller->question->key,
                                                                    .lookup_id = caller->lookup_id,
                                                                    .client = "client",
                                                                    .day = FLOW_WALL_MS / DAY_MS});
}

static int64_t spent(void)
{
    struct account_call account = {
        .call.run = engine_read_account, .name = "client", .quota = ACCOUNT_NO_QUOTA};

    flow_call(&account.call);
    return account.account.spent;
}

/* It is read each second until the store confirms it, and once more if the reply is lost. */
TEST(refund_by_another_process_counts_once_although_it_cannot_be_confirmed)
{
    flow_request_companies(0, 2);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(spent(), 2);
    note_not_taken(flow.callers[0]);
    weak_store_fail(flow.store, WEAK_CONFIRM_NEWS, true);
    flow_advance(5000);
    ck_assert_int_eq(spent(), 1);
    ck_assert_uint_eq(weak_store_unconfirmed(flow.store), 1);
    weak_store_fail(flow.store, WEAK_CONFIRM_NEWS, false);
    weak_store_lose(flow.store, WEAK_CONFIRM_NEWS, true);
    flow_advance(2000);
    ck_assert_uint_eq(weak_store_unconfirmed(flow.store), 0);
    weak_store_lose(flow.store, WEAK_CONFIRM_NEWS, false);
    flow_advance(5000);
    ck_assert_int_eq(spent(), 1);
    ck_assert_uint_eq(weak_store_unconfirmed(flow.store), 0);
}

/* Its question has been asked again since, and that outcome is unknown too. */
TEST(task_that_was_not_taken_does_not_end_the_cooldown_of_a_later_one)
{
    const struct fake_fault lost = {.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN};

    fake_upstream_fault(flow.upstream, lost);
    struct caller *first = flow_request("milvali.com", WAIT_MS);
    flow_advance(flow.options.results.unknown_hold_ms + MINUTE_MS);
    fake_upstream_fault(flow.upstream, lost);
    struct caller *second = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(first->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_int_eq(second->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    note_not_taken(first);
    flow_advance(2000);
    struct caller *third = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(third->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 2);
    note_not_taken(second);
    flow_advance(2000);
    struct caller *fourth = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(fourth->err, ERR_OK);
}

/* The start reads the tasks themselves. */
TEST(refunds_by_another_process_before_the_start_are_not_news)
{
    flow_request_companies(0, 3);
    flow_advance(MINUTE_MS);
    for (int i = 0; i < 3; i++)
        note_not_taken(flow.callers[i]);
    flow_restart();
    ck_assert_uint_eq(weak_store_unconfirmed(flow.store), 0);
    flow_advance(5000);
    ck_assert_int_eq(spent(), 3);
}
