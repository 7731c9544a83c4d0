/* SPDX-License-Identifier: MIT */
/* test_notify_limits.c - tests that nothing is believed that a call of a notify URL says, and what
 * such calls can cause at most. */
#include "notify_flow.h"

#include "tests/support/suite.h"

#define STRANGER "0123456789abcdef0123456789abcdef"

/* ---- what is not believed ---- */

TEST(notify_with_an_unknown_token_causes_no_read)
{
    flow_start(options());
    lose("milvali.com");
    size_t before = reads();
    for (int i = 0; i < 50; i++)
        notify(STRANGER, "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(10 * MINUTE_MS);
    ck_assert_uint_eq(reads(), before);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
}

static const char *const useless[] = {
    "",
    "hello",
    "{\"status\":\"COMPLETED\",\"data\":[{\"email\":\"a@milvali.com\"}]}",
    "{\"batch_id\":\"3f2b8a54-0d7e-4f0c-9a53-6f1d2c4b5a69\",\"task_id\":\"x1\",\"id\":\"y/../z\"}",
    "{\"batch_id\":\"%s\"}", /* of another lookup */
    "{\"task_id\":\"%s\"}",
};

LOOP_TEST(notify_with_ids_of_others_resolves_nothing, useless)
{
    flow_start(options());
    flow_request("other.com", WAIT_MS);
    flow_advance(3 * MINUTE_MS);
    lose("milvali.com");
    size_t before = reads();
    notify(token(), useless[_i],
           strstr(useless[_i], "batch") ? batch_id("other.com") : task_id("other.com"));
    flow_advance(HOUR_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    ck_assert_uint_le(reads() - before, 40); /* and the tries end */
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 0);
    ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, "milvali.com"), 1);
}

TEST(notify_is_not_believed_without_our_tracking_id)
{
    flow_start(options());
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "milvali.com", .tracking_id = "null"});
    lose("milvali.com");
    notify(token(), "{\"task_id\":\"%s\"}", task_id("milvali.com"));
    flow_advance(HOUR_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
}

TEST(notify_tries_are_limited_for_ids_that_nobody_knows)
{
    struct buf body autobuf = BUF_INIT(1 << 16);

    flow_start(options());
    lose("milvali.com");
    size_t before = reads();
    for (int i = 0; i < 50; i++) {
        buf_clear(&body);
        for (int j = 0; j < 20; j++)
            buf_addf(&body, "{\"id\":\"x%d-%d\"}", i, j);
        ck_assert(engine_notify(flow.engine, token(), body.data, body.len));
        flow_settle();
    }
    flow_advance(HOUR_MS);
    ck_assert_uint_le(reads() - before, 256 * 2 * 5);
}

TEST(notify_tries_end_for_a_batch_that_lists_nothing)
{
    flow_start(options());
    lose("milvali.com");
    fake_upstream_fault(
        flow.upstream, (struct fake_fault){
                           .on = FAKE_TASK_IDS, .status = 200, .body = "[]", .is_permanent = true});
    size_t before = reads();
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(DAY_MS);
    ck_assert_uint_gt(reads() - before, 50);
    ck_assert_uint_le(reads() - before, 100 + 5);
}

/* While the upstream fails, a round is one read, however many ids there are. */
TEST(notify_tries_few_ids_while_the_upstream_fails)
{
    static const char ids[] = "{\"id\":\"a\",\"x\":{\"id\":\"b\",\"y\":{\"id\":\"c\"}}}";

    flow_start(options());
    lose("milvali.com");
    fake_upstream_fault(
        flow.upstream, (struct fake_fault){
                           .on = FAKE_TASK_IDS, .status = 429, .body = "{}", .is_permanent = true});
    size_t before = reads();
    notify(token(), ids, "");
    flow_advance(10000);
    ck_assert_uint_le(reads() - before, 3);
}

TEST(notify_queue_is_limited)
{
    flow_start(options());
    int taken = 0;
    while (taken < 1000 && engine_notify(flow.engine, STRANGER, "", 0))
        taken++;
    ck_assert_int_eq(taken, 64);
    flow_settle();
    ck_assert(engine_notify(flow.engine, STRANGER, "", 0));
    flow_settle();
}

/* Each token that is kept costs a query once the store can be read. */
TEST(notify_with_unknown_tokens_is_limited_while_the_store_cannot_be_read)
{
    char stranger[64];

    flow_start(options());
    lose("milvali.com");
    weak_store_fail(flow.store, WEAK_FIND_BATCH, true);
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    for (int i = 0; i < 1100; i++) {
        snprintf(stranger, sizeof stranger, "%032x", i);
        notify(stranger, "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    }
    weak_store_fail(flow.store, WEAK_FIND_BATCH, false);
    size_t before = weak_store_calls(flow.store, WEAK_FIND_BATCH);
    flow_advance(MINUTE_MS);
    ck_assert_uint_le(weak_store_calls(flow.store, WEAK_FIND_BATCH) - before, 100);
    expect_answered("milvali.com");
}

/* ---- a batch that is known ---- */

TEST(notify_of_a_batch_in_progress_polls_it_now)
{
    flow_start(options());
    fake_upstream_set_task_ms(flow.upstream, 10 * MINUTE_MS);
    struct caller *caller = flow_request("milvali.com", 20 * MINUTE_MS);
    flow_advance(9 * MINUTE_MS);
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "milvali.com", .task_ms = 1});
    flow_settle();
    int64_t before_ms = flow_now_ms();
    size_t before = reads();
    for (int i = 0; i < 20; i++)
        notify(token(), "%s", "");
    flow_advance(1500);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_int_le(caller->answered_ms - before_ms, 1500);
    ck_assert_uint_le(reads() - before, 4); /* twenty hints, not twenty polls */
}

/* ---- money ---- */

TEST(notify_proves_the_batch_so_that_it_is_not_paid_again)
{
    struct engine_options risky = options();

    risky.batch.retry_unknown = true;
    flow_start(risky);
    lose_next_submit();
    flow_request("milvali.com", WAIT_MS);
    flow_advance(5000);
    notify(token(), "{\"x\":\"%s\"}", "");
    flow_advance(3 * MINUTE_MS);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
    notify(token(), "{\"task_id\":\"%s\"}", task_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    expect_answered("milvali.com");
}
