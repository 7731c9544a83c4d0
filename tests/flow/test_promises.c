/* SPDX-License-Identifier: MIT */
/* test_promises.c - tests that a response promises only what a restart does not break. */
#include "flow.h"
#include "weak_store.h"

#include "tests/support/suite.h"
#include <string.h>

/* What a client may rely on: only a lookup that the upstream has accepted outlives a kill. */
TEST(lookup_promises_only_what_outlives_a_restart)
{
    struct caller *queued = flow_request("milvali.com", 10);
    flow_advance(20);
    struct caller *submitting = flow_request("milvali.com", 1000);
    flow_advance(2000);
    ck_assert_ptr_nonnull(strstr(queued->detail, "is queued and not sent yet"));
    ck_assert_ptr_nonnull(strstr(queued->detail, "if the server has restarted"));
    ck_assert_ptr_nonnull(strstr(submitting->detail, "the lookup continues; "));
    fake_upstream_set_task_ms(flow.upstream, 2 * MINUTE_MS);
    flow_advance(30000);
    struct caller *accepted = flow_request("milvali.com", 1000);
    flow_advance(2000);
    ck_assert_int_eq(accepted->err, ERR_STILL_PROCESSING);
    ck_assert_ptr_nonnull(strstr(accepted->detail, "even if the server restarts"));
}

/* Starts a lookup whose task takes two minutes, and returns the message of a caller that waited for
 * 30 s. */
static const char *promise_after_acceptance(void)
{
    struct caller *caller = flow_request("milvali.com", 30000);

    fake_upstream_set_task_ms(flow.upstream, 2 * MINUTE_MS);
    flow_advance(30000);
    ck_assert_int_eq(caller->err, ERR_STILL_PROCESSING);
    return caller->detail;
}

TEST(lookup_in_a_volatile_store_promises_no_restart)
{
    weak_store_set_durable(flow.store, false);
    ck_assert_ptr_null(strstr(promise_after_acceptance(), "restart"));
}

TEST(lookup_whose_batch_id_is_not_written_promises_no_restart)
{
    weak_store_fail(flow.store, WEAK_SUBMITTED, true);
    ck_assert_ptr_null(strstr(promise_after_acceptance(), "restart"));
}

TEST(lookup_queued_is_forgotten_by_a_kill_and_costs_nothing)
{
    struct caller *hasty = flow_request("milvali.com", 10);

    flow_advance(20);
    flow_restart();
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(hasty->charged, CHARGED_NO);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 0);
    flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}
