/* SPDX-License-Identifier: MIT */
/* test_intent_failures.c - tests that nothing is sent while intents cannot be written: one that
 * failed is taken back, and no other one is posted until the store works. */
#include "lookup/records/journal.h"
#include "store_flow.h"

#include "tests/support/suite.h"

/* The intent was made or not; its caller cannot know. */
RANGE_TEST(intent_that_fails_is_taken_back, 0, 2)
{
    struct caller *caller = request_until("begin_batch", "milvali.com", WAIT_MS);

    if (_i == 0)
        weak_store_fail(flow.store, WEAK_BEGIN_BATCH, true);
    else
        weak_store_lose(flow.store, WEAK_BEGIN_BATCH, true);
    release();
    ck_assert_int_eq(caller->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(caller->charged, CHARGED_NO);
    ck_assert_int_eq(charged(), _i);
    weak_store_fail(flow.store, WEAK_BEGIN_BATCH, false);
    weak_store_lose(flow.store, WEAK_BEGIN_BATCH, false);
    flow_advance(JOURNAL_RETRY_MS);
    ck_assert_uint_eq(stored().tasks[STORE_OPEN], 0);
    ck_assert_uint_eq(stored().tasks[STORE_NOT_CREATED], (size_t)_i);
    ck_assert_int_eq(charged(), 0);

    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(later->err, ERR_OK);
    ck_assert_uint_eq(submits(), 1);
}

TEST(intent_that_is_slow_blocks_new_lookups)
{
    struct caller *caller = request_until("begin_batch", "milvali.com", WAIT_MS);

    flow_advance(JOURNAL_SLOW_MS);
    struct caller *other = flow_request("other.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(other->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(caller->answers, 0);
    release();
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_OK);
}

/* From now on, the store does not work; the intent in flight fails. */
static void fail_the_intent(void)
{
    weak_store_fail_all(flow.store, true);
    release();
    ck_assert_int_eq(flow.callers[0]->err, ERR_STORAGE_UNAVAILABLE);
}

TEST(intent_is_not_posted_while_the_store_fails)
{
    request_until("begin_batch", "first.com", WAIT_MS);
    struct caller *caller = flow_request("queued.com", WAIT_MS);
    flow_settle();
    fail_the_intent();
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(caller->answers, 0);
    ck_assert_int_eq(engine_status(flow.engine).batches, 0);
    weak_store_fail_all(flow.store, false);
    flow_advance(2000);
    ck_assert_uint_eq(submits(), 1);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

/* A lookup that waits for the store is not one that continues. */
TEST(intent_that_waits_for_the_store_ends_at_the_deadline)
{
    request_until("begin_batch", "first.com", WAIT_MS);
    struct caller *caller = flow_request("queued.com", 5000);
    flow_settle();
    fail_the_intent();
    flow_advance(5000);
    ck_assert_int_eq(caller->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(caller->charged, CHARGED_NO);
    ck_assert_int_eq(caller->retry_after_s, JOURNAL_RETRY_S);
    ck_assert_int_eq(engine_status(flow.engine).lookups, 0);
    weak_store_fail_all(flow.store, false);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(submits(), 0);
}

/* The first response named the lookup, which therefore continues. The second one names it too. */
TEST(intent_that_waits_for_the_store_keeps_a_promise)
{
    request_until("begin_batch", "first.com", WAIT_MS);
    struct caller *promised = flow_request("queued.com", 50);
    flow_advance(50);
    struct caller *late = flow_request("queued.com", 5000);
    flow_settle();
    fail_the_intent();
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(promised->err, ERR_STILL_PROCESSING);
    ck_assert_int_eq(late->err, ERR_STILL_PROCESSING);
    ck_assert_int_eq(late->charged, CHARGED_NO);
    ck_assert_str_eq(late->lookup_id, promised->lookup_id);
    weak_store_fail_all(flow.store, false);
    flow_advance(2000);
    ck_assert_uint_eq(submits(), 1);
}
