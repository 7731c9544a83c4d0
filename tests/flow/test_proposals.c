/* SPDX-License-Identifier: MIT */
/* test_proposals.c - tests a batch id that the operator proposes for a lost submit: the engine asks
 * the upstream before it believes it, so a wrong id changes nothing. */
#include "notify_flow.h"

#include "tests/support/suite.h"

static char tracking_id[64];

static void note_tracking_id(void *arg, const struct store_task *task, const char *batch_id)
{
    (void)arg;
    (void)batch_id;
    snprintf(tracking_id, sizeof tracking_id, "%s", task->tracking_id);
}

/* Proposes the id for the lost lookup, as `emailsd resolve` does. */
static void propose(const char *id)
{
    ck_assert_int_eq(store_each_unknown(flow.store, 0, 1, note_tracking_id, NULL), ERR_OK);
    ck_assert_int_eq(store_propose_batch(flow.store, tracking_id, id), ERR_OK);
}

static enum store_proposal_state proposal(void)
{
    enum store_proposal_state state = STORE_PROPOSED;

    ck_assert_int_eq(store_proposal_state(flow.store, tracking_id, &state), ERR_OK);
    return state;
}

TEST(proposal_of_the_right_batch_resumes_it)
{
    lose("milvali.com");
    propose(batch_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(proposal(), STORE_PROPOSAL_CONFIRMED);
    expect_answered("milvali.com");
}

TEST(proposal_of_a_wrong_batch_changes_nothing_and_the_right_one_resumes_it)
{
    flow_request("other.com", WAIT_MS);
    flow_advance(3 * MINUTE_MS);
    lose("milvali.com");
    propose(batch_id("other.com"));
    flow_advance(5000);
    ck_assert_int_eq(proposal(), STORE_PROPOSAL_REJECTED);
    expect_unknown("milvali.com");
    propose(batch_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    expect_answered("milvali.com");
}

TEST(proposal_that_was_rejected_may_be_repeated)
{
    lose("milvali.com");
    for (int i = 0; i < 2; i++) {
        size_t before = reads();
        propose("b-unknown");
        flow_advance(MINUTE_MS);
        ck_assert_uint_ge(reads() - before, 5); /* it may not have been visible at first */
        ck_assert_uint_le(reads() - before, 6);
        ck_assert_int_eq(proposal(), STORE_PROPOSAL_REJECTED);
    }
    expect_unknown("milvali.com");
}

TEST(proposal_is_tried_although_a_notification_named_a_task_by_that_id)
{
    flow_start(options());
    lose("milvali.com");
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_TASK, .status = 503, .body = "busy", .is_permanent = true});
    notify(token(), "{\"task_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(10000);
    fake_upstream_clear_faults(flow.upstream);
    propose(batch_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    expect_answered("milvali.com");
}

TEST(proposal_outlives_an_upstream_that_fails_and_a_restart)
{
    lose("milvali.com");
    fake_upstream_fault(flow.upstream, (struct fake_fault){.on = FAKE_TASK_IDS,
                                                           .status = 503,
                                                           .body = "busy",
                                                           .is_permanent = true});
    propose(batch_id("milvali.com"));
    flow_advance(10 * MINUTE_MS);
    ck_assert_int_eq(proposal(), STORE_PROPOSED);
    flow_restart();
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(proposal(), STORE_PROPOSED);
    fake_upstream_clear_faults(flow.upstream);
    flow_advance(10 * MINUTE_MS);
    expect_answered("milvali.com");
}
