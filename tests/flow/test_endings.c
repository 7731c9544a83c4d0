/* SPDX-License-Identifier: MIT */
/* test_endings.c - tests that no result is returned before it is durable, unless the store is known
 * to be unavailable: a lookup that has ended waits for the disk, and can be joined meanwhile. */
#include "lookup/records/journal.h"
#include "store_flow.h"

#include "tests/support/suite.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Starts a caller whose lookup ends while the write of its result is held. */
static struct caller *ending(const char *domain)
{
    struct caller *caller = request_until("end_task", domain, WAIT_MS);

    ck_assert_int_eq(caller->answers, 0);
    return caller;
}

TEST(ending_result_is_returned_once_it_is_durable)
{
    struct caller *caller = ending("milvali.com");

    flow_advance(5000);
    ck_assert_int_eq(caller->answers, 0);
    ck_assert_uint_eq(cache_stats(flow.cache).n, 0);
    release();
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_uint_eq(cache_stats(flow.cache).n, 1);
    ck_assert_int_eq(engine_status(flow.engine).lookups, 0);
}

TEST(ending_lookup_can_be_joined)
{
    struct caller *first = ending("milvali.com");
    struct caller *joined = flow_request("milvali.com", WAIT_MS);

    flow_advance(1000);
    ck_assert_int_eq(joined->answers, 0);
    release();
    ck_assert_int_eq(joined->err, ERR_OK);
    ck_assert(joined->collapsed);
    ck_assert_str_eq(joined->body, first->body);
    ck_assert_uint_eq(submits(), 1);
}

TEST(ending_lookup_keeps_the_deadline_of_its_caller)
{
    held_calls_set(HOLD_POSTED, "end_task");
    struct caller *caller = flow_request("milvali.com", 33000);

    flow_advance(33000);
    ck_assert_uint_eq(held_calls_count(), 1);
    ck_assert_int_eq(caller->err, ERR_STILL_PROCESSING);
    ck_assert_int_eq(caller->charged, CHARGED_YES);
    ck_assert_ptr_null(strstr(caller->detail, "restarts"));
    release();
    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert(later->from_cache);
}

TEST(ending_lookup_is_not_dropped_when_its_caller_leaves)
{
    struct caller *caller = ending("milvali.com");

    engine_abandon(flow.engine, caller->request.ticket);
    flow_settle();
    ck_assert_int_eq(caller->err, ERR_CANCELLED);
    ck_assert_int_eq(engine_status(flow.engine).lookups, 1);
    release();
    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert(later->from_cache);
    ck_assert_uint_eq(submits(), 1);
}

TEST(ending_lookup_is_shown_as_in_progress)
{
    struct caller *caller = ending("milvali.com");
    struct caller *brief = flow_request("milvali.com", 0);
    struct find_lookup_call find = {.call.run = engine_find_lookup};

    flow_settle();
    ck_assert_int_eq(brief->err, ERR_STILL_PROCESSING);
    memcpy(find.id, brief->lookup_id, ID_TEXT);
    flow_call(&find.call);
    ck_assert_int_eq(find.err, ERR_OK);
    ck_assert_ptr_null(find.result);
    ck_assert_str_eq(find.domain, "milvali.com");
    release();
    flow_call(&find.call);
    ck_assert_ptr_nonnull(find.result);
    result_unref(find.result);
    ck_assert_int_eq(caller->err, ERR_OK);
}

TEST(ending_lookup_ends_its_callers_at_the_end_of_a_drain)
{
    struct caller *caller = ending("milvali.com");

    engine_drain(flow.engine, 2000);
    flow_advance(2000);
    ck_assert_int_eq(caller->err, ERR_DRAINING);
    release();
    ck_assert_int_eq(engine_status(flow.engine).lookups, 0);
}

TEST(ending_lookup_is_delivered_during_a_drain)
{
    struct caller *caller = ending("milvali.com");

    engine_drain(flow.engine, 2000);
    flow_advance(1000);
    ck_assert_int_eq(caller->answers, 0);
    release();
    ck_assert_int_eq(caller->err, ERR_OK);
}

/* ---- a store that fails, or hangs ---- */

/* The write that was held fails: then the result is all that there is. */
TEST(ending_result_is_returned_when_its_write_fails)
{
    struct caller *caller = ending("milvali.com");

    weak_store_fail(flow.store, WEAK_END_TASK, true);
    release();
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_int_eq(engine_status(flow.engine).journal_backlog, 1);
    weak_store_fail(flow.store, WEAK_END_TASK, false);
    flow_advance(JOURNAL_RETRY_MS);
    ck_assert_int_eq(engine_status(flow.engine).journal_backlog, 0);
    flow_restart();
    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert(later->from_cache);
}

/* The write was made, and its confirmation was lost. */
TEST(ending_written_twice_is_stored_once)
{
    struct store_stats stats;
    struct caller *caller = ending("milvali.com");

    weak_store_lose(flow.store, WEAK_END_TASK, true);
    release();
    ck_assert_int_eq(caller->err, ERR_OK);
    weak_store_lose(flow.store, WEAK_END_TASK, false);
    flow_advance(JOURNAL_RETRY_MS);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_END_TASK), 2);
    ck_assert_int_eq(engine_status(flow.engine).journal_backlog, 0);
    ck_assert_int_eq(store_stats(flow.store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.tasks[STORE_ANSWERED], 1);
    ck_assert_uint_eq(stats.found, 1);
}

TEST(ending_result_is_returned_when_its_write_is_slow)
{
    struct caller *caller = ending("milvali.com");
    int64_t began_ms = flow_now_ms();

    flow_advance(JOURNAL_SLOW_MS);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_int_ge(caller->answered_ms, began_ms);
    ck_assert(!engine_status(flow.engine).store_usable);
    struct caller *other = flow_request("other.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(other->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(other->charged, CHARGED_NO);

    release();
    ck_assert(engine_status(flow.engine).store_usable);
    struct caller *later = flow_request("other.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(later->err, ERR_OK);
    ck_assert_uint_eq(submits(), 2);
}

/* The writes after the one that fails are not made either. */
TEST(ending_results_after_a_failed_write_are_returned)
{
    held_calls_set(HOLD_POSTED, "end_task");
    flow_request_companies(0, 3);
    while (held_calls_count() < 3)
        flow_advance(1000);
    weak_store_fail(flow.store, WEAK_END_TASK, true);
    release();
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(flow.callers[i]->err, ERR_OK);
    ck_assert_int_eq(engine_status(flow.engine).journal_backlog, 3);
    weak_store_fail(flow.store, WEAK_END_TASK, false);
    flow_advance(JOURNAL_RETRY_MS);
    ck_assert_int_eq(engine_status(flow.engine).journal_backlog, 0);
}

/* Starts a caller whose batch id is deferred; its write is repeated, and held. Its result is
 * recorded meanwhile. */
static struct caller *ending_behind_a_repeated_entry(void)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    weak_store_fail(flow.store, WEAK_SUBMITTED, true);
    while (!engine_status(flow.engine).journal_backlog)
        flow_advance(100);
    weak_store_fail(flow.store, WEAK_SUBMITTED, false);
    held_calls_set(HOLD_POSTED, "submitted");
    while (held_calls_count() < 2)
        flow_advance(1000);
    return caller;
}

/* The repeated entry fails again, so the one that was posted after it must fail too, and both are
 * written in order. */
TEST(ending_result_behind_a_repeated_entry_that_fails_is_written_after_it)
{
    struct caller *caller = ending_behind_a_repeated_entry();
    struct store_stats stats;

    weak_store_fail(flow.store, WEAK_SUBMITTED, true);
    release();
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_int_eq(engine_status(flow.engine).journal_backlog, 2);
    ck_assert_int_eq(store_stats(flow.store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.tasks[STORE_ANSWERED], 0);
    weak_store_fail(flow.store, WEAK_SUBMITTED, false);
    flow_advance(JOURNAL_RETRY_MS);
    ck_assert_int_eq(engine_status(flow.engine).journal_backlog, 0);
    flow_restart();
    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert(later->from_cache);
    ck_assert_str_eq(later->body, caller->body);
}

/* ---- what the log keeps ---- */

static int n_logged; /* lines about an unwritten result, by count_logged() */
static int reader;   /* end of the pipe that is stderr; Check runs each test in its own process */

static void read_stderr(void)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    close(ends[1]);
    reader = ends[0];
    ck_assert_int_eq(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
}

/* Adds the lines that were logged since the last call. */
static void count_logged(void)
{
    static const char what[] = "event=journal_entry_deferred entry=result id=";
    char text[65536];
    ssize_t n = read(reader, text, sizeof text - 1);

    text[n > 0 ? n : 0] = '\0';
    for (const char *at = text; (at = strstr(at, what)); at++)
        n_logged++;
}

/* One entry is recorded before the store is slow, and one while it is. */
TEST(ending_results_whose_writes_are_slow_are_logged_once_with_their_ids)
{
    read_stderr();
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "late.com", .task_ms = 12000});
    flow_request("late.com", WAIT_MS);
    struct caller *caller = ending("milvali.com");
    flow_advance(JOURNAL_SLOW_MS - 1000);
    count_logged();
    ck_assert_int_eq(n_logged, 0);
    while (!caller->answers)
        flow_advance(100);
    count_logged();
    ck_assert_int_eq(n_logged, 1);
    while (held_calls_count() < 2)
        flow_advance(1000);
    count_logged();
    ck_assert_int_eq(n_logged, 2);
    weak_store_fail(flow.store, WEAK_END_TASK, true);
    release();
    ck_assert_int_eq(engine_status(flow.engine).journal_backlog, 2);
    count_logged();
    ck_assert_int_eq(n_logged, 2);
}

/* ---- results that were returned before they were durable ---- */

/* Only the cache has the result of that caller, and removes it. Asks again: that must not pay, nor
 * does anything else until the result is stored. */
static void expect_not_paid_again(const struct caller *caller)
{
    ck_assert_int_eq(caller->err, ERR_OK);
    flow_settle();
    ck_assert_int_eq(engine_status(flow.engine).journal_backlog, 0);
    ck_assert(!engine_status(flow.engine).store_usable);
    cache_remove(flow.cache, caller->question->key);
    struct caller *early = flow_request("milvali.com", WAIT_MS);
    struct caller *other = flow_request("three.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(early->err, ERR_OK);
    ck_assert_str_eq(early->body, caller->body);
    ck_assert_int_eq(other->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(other->charged, CHARGED_NO);
    cache_remove(flow.cache, caller->question->key);
    release();
    ck_assert(engine_status(flow.engine).store_usable);
    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(later->err, ERR_OK);
    ck_assert(later->from_cache);
    ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, "milvali.com"), 1);
}

/* An older call was slow, and has returned; the write of the result has not. */
TEST(ending_result_returned_behind_a_slow_call_is_not_paid_for_again)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    flow_advance(27000);
    held_calls_set(HOLD_POSTED, "begin_batch");
    flow_request("other.com", WAIT_MS);
    while (held_calls_count() < 2)
        flow_advance(1000);
    ck_assert_int_eq(caller->answers, 0);
    while (!caller->answers)
        flow_advance(1000);
    held_calls_set(HOLD_POSTED, "end_task");
    ck_assert_uint_eq(held_calls_count(), 1);
    expect_not_paid_again(caller);
}

/* An older entry was deferred, and has been written; the result has not. */
TEST(ending_result_returned_behind_a_repeated_entry_is_not_paid_for_again)
{
    struct caller *caller = ending_behind_a_repeated_entry();

    held_calls_set(HOLD_POSTED, "end_task");
    ck_assert_uint_eq(held_calls_count(), 1);
    expect_not_paid_again(caller);
}

/* ---- deletions ---- */

/* The result of two.com becomes untrusted while it is being stored: it is returned neither to a
 * caller that waits for it nor to one that joins then. It is deleted after its write, which fails
 * first. */
TEST(ending_result_that_is_untrusted_is_not_returned_and_is_deleted)
{
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "one.com", .tracking_id = "swap"});
    held_calls_set(HOLD_POSTED, "end_task");
    flow_request("one.com", WAIT_MS);
    struct caller *waits = flow_request("two.com", WAIT_MS);
    while (held_calls_count() < 2)
        flow_advance(1000);
    struct caller *joins = flow_request("two.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(waits->answers, 0);
    ck_assert_int_eq(joins->answers, 0);
    weak_store_fail(flow.store, WEAK_END_TASK, true);
    release();
    ck_assert_int_eq(waits->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert_int_eq(waits->charged, CHARGED_YES);
    ck_assert_ptr_null(waits->body);
    ck_assert_ptr_nonnull(strstr(waits->detail, "two results"));
    ck_assert_int_eq(joins->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert(joins->collapsed);
    ck_assert_int_eq(joins->charged, CHARGED_YES);
    weak_store_fail(flow.store, WEAK_END_TASK, false);
    flow_advance(11 * MINUTE_MS); /* written, deleted, and longer than the cooldown */
    struct caller *later = flow_request("two.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(later->err, ERR_OK);
    ck_assert(!later->from_cache);
}

/* The deletion was posted before the result was recorded, so it must not delete it, although the
 * write of the result fails first. */
TEST(ending_result_recorded_after_a_deletion_is_stored_although_its_write_fails)
{
    struct forget_domain_call forget = {.call.run = engine_forget_domain, .domain = "milvali.com"};
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    int n_returned = 0;

    flow_advance(27000);
    held_calls_set(HOLD_POSTED, "forget_domain");
    flow_post(&forget.call, &n_returned);
    while (held_calls_count() < 2)
        flow_advance(100);
    ck_assert_int_eq(caller->answers, 0);
    weak_store_fail(flow.store, WEAK_END_TASK, true);
    release();
    inbox_run_all(flow.inbox);
    ck_assert_int_eq(n_returned, 1);
    ck_assert_int_eq(forget.err, ERR_OK);
    ck_assert_uint_eq(forget.n, 0);
    ck_assert_int_eq(caller->err, ERR_OK);
    weak_store_fail(flow.store, WEAK_END_TASK, false);
    flow_advance(JOURNAL_RETRY_MS);
    flow_restart();
    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert(later->from_cache);
    ck_assert_str_eq(later->body, caller->body);
}
