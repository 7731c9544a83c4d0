/* SPDX-License-Identifier: MIT */
/* test_upkeep.c - tests the work besides lookups while the store is slow: what other processes have
 * recorded, the pause, raw results, and lost submits. */
#include "base/metrics.h"
#include "held_calls.h"
#include "notify_flow.h"

#include "tests/support/suite.h"

static const unsigned char *key_of(const struct caller *caller)
{
    return caller->question->key;
}

/* ---- deletions by other processes ---- */

TEST(deletion_is_confirmed_after_it_was_applied)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    flow_advance(MINUTE_MS);
    held_calls_set(HOLD_POSTED, "confirm_news");
    ck_assert_int_eq(store_forget_key(flow.store, key_of(caller)), ERR_OK);
    weak_store_note_change(flow.store, key_of(caller));
    flow_advance(1000);
    ck_assert_uint_eq(weak_store_unconfirmed(flow.store), 1);
    const struct result *cached = cache_find(flow.cache, key_of(caller));
    ck_assert_ptr_null(cached);
    held_calls_release();
    flow_settle();
    ck_assert_uint_eq(weak_store_unconfirmed(flow.store), 0);
}

/* `emailsd forget` deletes again after the confirmation; that must find this result. */
TEST(deletion_is_not_confirmed_before_a_result_that_arrived_meanwhile_is_stored)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    flow_advance(20000); /* in flight */
    held_calls_set(HOLD_EXECUTED, "read_news");
    weak_store_note_change(flow.store, key_of(caller));
    weak_store_fail(flow.store, WEAK_END_TASK, true);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_OK); /* its result is in memory only */
    held_calls_release();
    flow_advance(10000);
    ck_assert_uint_eq(weak_store_unconfirmed(flow.store), 1);
    weak_store_fail(flow.store, WEAK_END_TASK, false);
    flow_advance(3000);
    ck_assert_uint_eq(weak_store_unconfirmed(flow.store), 0);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 1);
}

TEST(news_are_read_again_only_after_their_confirmation)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    flow_advance(MINUTE_MS);
    held_calls_set(HOLD_POSTED, "confirm_news");
    weak_store_note_change(flow.store, key_of(caller));
    flow_advance(1000);
    size_t before = weak_store_calls(flow.store, WEAK_READ_NEWS);
    flow_advance(10000);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_READ_NEWS), before);
    ck_assert_uint_eq(held_calls_count(), 1);
    held_calls_release();
    flow_advance(2000);
    ck_assert_uint_gt(weak_store_calls(flow.store, WEAK_READ_NEWS), before);
}

TEST(deletion_removes_a_result_that_is_cached_before_its_confirmation_returns)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    flow_advance(MINUTE_MS);
    const struct result *late = cache_find(flow.cache, key_of(caller));
    held_calls_set(HOLD_EXECUTED, "confirm_news");
    weak_store_note_change(flow.store, key_of(caller));
    flow_advance(1000);
    cache_put(flow.cache, late);
    held_calls_release();
    flow_settle();
    ck_assert_ptr_null(cache_find(flow.cache, key_of(caller)));
    result_unref(late);
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
    weak_store_note_not_taken(flow.store, key_of(flow.callers[0]), "client", FLOW_WALL_MS / DAY_MS);
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

/* The start reads the tasks themselves. */
TEST(refunds_by_another_process_before_the_start_are_not_news)
{
    flow_request_companies(0, 3);
    flow_advance(MINUTE_MS);
    for (int i = 0; i < 3; i++)
        weak_store_note_not_taken(flow.store, key_of(flow.callers[i]), "client",
                                  FLOW_WALL_MS / DAY_MS);
    flow_restart();
    ck_assert_uint_eq(weak_store_unconfirmed(flow.store), 0);
    flow_advance(5000);
    ck_assert_int_eq(spent(), 3);
}

static void expect_paused(bool paused)
{
    struct caller *caller = flow_request("other.com", 0);

    flow_settle();
    ck_assert_int_eq(caller->err, paused ? ERR_PAUSED : ERR_STILL_PROCESSING);
}

/* It would fail each second. The pause is read meanwhile. */
TEST(news_that_the_store_does_not_accept_are_applied_again_after_a_minute)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    flow_advance(MINUTE_MS);
    weak_store_note_change(flow.store, key_of(caller));
    weak_store_fail_with(flow.store, WEAK_CONFIRM_NEWS, ERR_INTERNAL);
    flow_advance(2000);
    weak_store_fail_with(flow.store, WEAK_CONFIRM_NEWS, ERR_OK);
    ck_assert_int_eq(store_set_paused(flow.store, true), ERR_OK);
    flow_advance(MINUTE_MS - 5000);
    ck_assert_uint_eq(weak_store_unconfirmed(flow.store), 1);
    expect_paused(true);
    flow_advance(5000);
    ck_assert_uint_eq(weak_store_unconfirmed(flow.store), 0);
}

/* ---- the pause ---- */

TEST(pause_is_not_undone_by_a_read_that_is_older)
{
    held_calls_set(HOLD_EXECUTED, "read_news");
    flow_advance(1000);
    ck_assert_uint_eq(held_calls_count(), 1);
    engine_set_paused(flow.engine, true);
    flow_settle();
    held_calls_release();
    flow_settle();
    expect_paused(true);
    flow_advance(3000);
    expect_paused(true);
}

TEST(pause_is_not_undone_by_a_read_that_is_older_than_its_write)
{
    held_calls_set(HOLD_POSTED, "set_paused");
    engine_set_paused(flow.engine, true);
    flow_advance(1500); /* the news are read before the pause is written */
    expect_paused(true);
    held_calls_release();
    flow_settle();
    expect_paused(true);
    flow_advance(3000);
    expect_paused(true);
}

TEST(pause_that_changes_while_it_is_written_is_written_again)
{
    bool paused = true;

    held_calls_set(HOLD_EXECUTED, "set_paused");
    engine_set_paused(flow.engine, true);
    flow_settle();
    ck_assert(store_paused(flow.store, &paused) == ERR_OK && paused);
    engine_set_paused(flow.engine, false);
    flow_settle();
    ck_assert_uint_eq(held_calls_count(), 1); /* one write at a time */
    held_calls_release();
    flow_settle();
    ck_assert(store_paused(flow.store, &paused) == ERR_OK && !paused);
    expect_paused(false);
}

TEST(pause_is_written_again_if_the_reply_was_lost)
{
    bool paused = false;

    weak_store_lose(flow.store, WEAK_SET_PAUSED, true);
    engine_set_paused(flow.engine, true);
    flow_settle();
    weak_store_lose(flow.store, WEAK_SET_PAUSED, false);
    size_t before = weak_store_calls(flow.store, WEAK_SET_PAUSED);
    flow_advance(2000);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_SET_PAUSED), before + 1);
    ck_assert(store_paused(flow.store, &paused) == ERR_OK && paused);
}

/* The reload asks for the pause while older news are being read. */
TEST(pause_is_read_after_a_reload_although_news_are_being_read)
{
    held_calls_set(HOLD_EXECUTED, "read_news");
    flow_advance(1000);
    ck_assert_int_eq(store_set_paused(flow.store, true), ERR_OK);
    engine_reload(flow.engine, &(struct engine_settings){0, flow_options().keep_expired_ms});
    flow_settle();
    held_calls_release();
    flow_settle();
    expect_paused(true);
}

/* ---- notifications ---- */

TEST(notify_twice_while_the_token_is_looked_up_tries_the_ids_of_both)
{
    flow_start(options());
    lose("milvali.com");
    held_calls_set(HOLD_POSTED, "read_batch");
    notify(token(), "{\"batch_id\":\"%s\"}", "b-wrong");
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    ck_assert_uint_eq(held_calls_count(), 2);
    flow_advance(5000);
    held_calls_release();
    flow_advance(5 * MINUTE_MS);
    expect_answered("milvali.com");
}

/* The upstream does not call a second time. */
TEST(notify_while_the_store_cannot_be_read_is_kept)
{
    flow_start(options());
    lose("milvali.com");
    weak_store_fail(flow.store, WEAK_FIND_BATCH, true);
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(5000);
    weak_store_fail(flow.store, WEAK_FIND_BATCH, false);
    flow_advance(5 * MINUTE_MS);
    expect_answered("milvali.com");
}

TEST(notify_with_an_unknown_token_is_forgotten_when_the_store_can_be_read)
{
    flow_start(options());
    lose("milvali.com");
    weak_store_fail(flow.store, WEAK_FIND_BATCH, true);
    notify("0123456789abcdef0123456789abcdef", "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(5000);
    size_t before = weak_store_calls(flow.store, WEAK_FIND_BATCH);
    weak_store_fail(flow.store, WEAK_FIND_BATCH, false);
    flow_advance(5 * MINUTE_MS);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_FIND_BATCH), before + 1);
    ck_assert_uint_eq(reads(), 0);
}

TEST(notify_is_rejected_while_too_many_tokens_are_looked_up)
{
    char unknown[64];
    size_t n = 0;

    flow_start(options());
    held_calls_set(HOLD_POSTED, "read_batch");
    for (; n < 200; n++) {
        snprintf(unknown, sizeof unknown, "%032zu", n);
        if (!engine_notify(flow.engine, unknown, "t-1", 3))
            break;
        flow_settle();
    }
    ck_assert_uint_eq(n, 64);
    ck_assert_uint_eq(held_calls_count(), 64);
    held_calls_release();
    flow_settle();
    ck_assert(engine_notify(flow.engine, unknown, "t-1", 3));
    flow_settle();
}

TEST(notify_for_a_batch_that_is_resumed_while_the_token_is_looked_up_polls_it)
{
    const uint64_t *polled = &metrics_mine()->notifications[NOTIFICATION_POLLED];

    flow_start(options());
    fake_upstream_set_task_ms(flow.upstream, HOUR_MS);
    lose("milvali.com");
    held_calls_set(HOLD_EXECUTED, "resolve_batch");
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(10000);
    ck_assert_uint_eq(held_calls_count(), 1);
    held_calls_set(HOLD_EXECUTED, "read_batch");
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    uint64_t before = *polled;
    held_calls_release();
    flow_settle();
    ck_assert_uint_eq(*polled, before + 1);
    flow_advance(2 * HOUR_MS);
    expect_answered("milvali.com");
}

/* ---- lost submits ---- */

/* The cooldown is over, so another lookup of the question was started meanwhile. */
TEST(resolved_task_is_unknown_again_if_its_question_is_in_flight)
{
    flow_start(options());
    lose("milvali.com");
    char of[64];
    snprintf(of, sizeof of, "%s", token());
    flow_advance(11 * MINUTE_MS);
    held_calls_set(HOLD_EXECUTED, "resolve_batch");
    notify(of, "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(5000);
    ck_assert_uint_eq(held_calls_count(), 1);
    ck_assert_uint_eq(stored().tasks[STORE_OPEN], 1);
    struct caller *again = flow_request("milvali.com", WAIT_MS);
    flow_advance(1000);
    ck_assert_uint_eq(held_calls_count(), 2); /* its intent too */
    held_calls_release();
    flow_settle();
    ck_assert_uint_eq(stored().tasks[STORE_OPEN], 1);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    flow_advance(3 * MINUTE_MS);
    ck_assert_int_eq(again->err, ERR_OK);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 1);
    ck_assert_uint_eq(stored().batches[STORE_DONE], 2);
}

/* Of three questions, one is asked again: the others are polled. */
TEST(resolved_batch_is_polled_except_for_a_question_in_flight)
{
    flow_start(options());
    lose_next_submit();
    flow_request_companies(0, 3);
    flow_advance(27000);
    char of[64];
    snprintf(of, sizeof of, "%s", token());
    flow_advance(11 * MINUTE_MS);
    held_calls_set(HOLD_EXECUTED, "resolve_batch");
    notify(of, "{\"batch_id\":\"%s\"}", batch_id(flow_company(0)));
    flow_advance(5000);
    flow_request_companies(1, 1);
    flow_advance(1000);
    held_calls_release();
    flow_advance(3 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 3);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    ck_assert_uint_eq(stored().batches[STORE_DONE], 2);
    ck_assert_int_eq(flow.callers[3]->err, ERR_OK);
}

/* Runs until the reply to the first write was lost, and until it was repeated. */
static void lose_one_reply(void)
{
    while (weak_store_calls(flow.store, WEAK_RESOLVE) == 0)
        flow_advance(100);
    weak_store_lose(flow.store, WEAK_RESOLVE, false);
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_RESOLVE), 2);
}

TEST(resolved_batch_is_polled_although_the_reply_was_lost)
{
    flow_start(options());
    lose("milvali.com");
    weak_store_lose(flow.store, WEAK_RESOLVE, true);
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    lose_one_reply();
    expect_answered("milvali.com");
}

TEST(resolved_task_is_available_although_the_reply_was_lost)
{
    flow_start(options());
    lose("milvali.com");
    weak_store_lose(flow.store, WEAK_RESOLVE, true);
    notify(token(), "{\"task_id\":\"%s\"}", task_id("milvali.com"));
    lose_one_reply();
    expect_answered("milvali.com");
}

/* The store has the result, but the write has not returned: the cooldown has not ended. */
TEST(resolved_task_is_served_before_its_write_has_returned)
{
    flow_start(options());
    lose("milvali.com");
    held_calls_set(HOLD_EXECUTED, "resolve_task");
    notify(token(), "{\"task_id\":\"%s\"}", task_id("milvali.com"));
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(held_calls_count(), 1);
    expect_answered("milvali.com");
    held_calls_release();
    flow_settle();
    expect_answered("milvali.com");
}

/* The deletion is in the news before the result that it deleted has returned. */
TEST(resolved_task_that_was_deleted_meanwhile_is_removed_before_that_is_confirmed)
{
    flow_start(options());
    lose("milvali.com");
    held_calls_set(HOLD_EXECUTED, "resolve_task");
    notify(token(), "{\"task_id\":\"%s\"}", task_id("milvali.com"));
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(held_calls_count(), 1);
    const unsigned char *key = key_of(flow.callers[flow.n_callers - 1]);
    ck_assert_int_eq(store_forget_key(flow.store, key), ERR_OK);
    weak_store_note_change(flow.store, key);
    flow_advance(2000);
    ck_assert_uint_eq(weak_store_unconfirmed(flow.store), 1);
    held_calls_release();
    flow_advance(2000);
    ck_assert_uint_eq(weak_store_unconfirmed(flow.store), 0);
    ck_assert_ptr_null(cache_find(flow.cache, key));
}
