/* SPDX-License-Identifier: MIT */
/* test_list_readers.c - tests readers of lists: several, slow ones, those that leave, and those
 * whose time is over. */
#include "held_calls.h"
#include "list_flow.h"

#include "tests/support/suite.h"
#include <string.h>

static size_t ledger(void)
{
    return fake_upstream_ledger(flow.upstream);
}

/* ---- reading ---- */

TEST(reader_that_stalls_stops_the_spending)
{
    struct list_reader *reader = list_open(list_of_companies(0, 3000));

    flow_advance(2 * HOUR_MS);
    size_t spent = ledger();
    ck_assert_uint_ge(spent, BULK_UNREAD_MAX);
    ck_assert_uint_lt(spent, 2200); /* what was in flight then */
    list_pull(reader);
    ck_assert_uint_eq(reader->n, BULK_PULL_MAX);
    flow_advance(HOUR_MS);
    ck_assert_uint_eq(ledger(), spent);
    list_finish(reader, 2 * HOUR_MS, 3000);
    ck_assert_uint_eq(ledger(), 3000);
}

TEST(reader_that_stalls_does_not_stop_an_async_list)
{
    struct bulk_list *list = list_of_companies(0, 2500);

    list->is_async = true;
    struct list_reader *reader = list_open(list);
    flow_advance(2 * HOUR_MS);
    ck_assert_uint_eq(ledger(), 2500);
    list_finish(reader, 1000, 2500); /* from the cache */
}

TEST(async_list_continues_without_a_reader)
{
    struct bulk_list *list = list_of_companies(0, 1000);
    char id[ID_TEXT];

    list->is_async = true;
    struct list_reader *reader = list_open(list);
    memcpy(id, reader->open.progress.id, ID_TEXT);
    list_free(reader);
    flow_advance(HOUR_MS);
    reader = list_find(id, "client");
    ck_assert_int_eq(reader->open.progress.state, BULK_ENDED);
    list_read_all(reader, 1000);
    ck_assert_uint_eq(list_charged(reader, CHARGED_YES), 1000);
    list_free(reader);
}

TEST(last_reader_that_leaves_drops_what_was_not_submitted)
{
    struct list_reader *reader = list_open(list_of_companies(0, 1000));

    flow_advance(60000);
    list_read(reader);
    list_free(reader);
    ck_assert_uint_eq(ledger(), 600);
    ck_assert_int_eq(engine_status(flow.engine).bulks, 0);
    flow_advance(HOUR_MS);
    size_t spent = ledger();
    ck_assert_uint_eq(spent, 900); /* with the submits that were in flight */

    reader = list_open(list_of_companies(0, 1000));
    list_read_all(reader, HOUR_MS);
    ck_assert_uint_eq(list_outcomes(reader, BULK_HIT), spent);
    ck_assert_uint_eq(list_charged(reader, CHARGED_YES), 1000 - spent);
    ck_assert_uint_eq(ledger(), 1000);
    list_free(reader);
}

TEST(list_that_is_sent_twice_is_one_list)
{
    struct list_reader *one = list_open(list_of_companies(0, 500));

    flow_advance(40000);
    list_read(one);
    ck_assert_uint_gt(one->n, 0);
    struct list_reader *two = list_open(list_of_companies(0, 500));
    ck_assert_str_eq(two->open.progress.id, one->open.progress.id);
    ck_assert_int_eq(engine_status(flow.engine).bulks, 1);
    list_read_all(one, HOUR_MS);
    list_free(one);
    list_read_all(two, 1000);
    ck_assert_uint_eq(list_charged(two, CHARGED_YES), 500); /* of the list, not of the reader */
    ck_assert_uint_eq(ledger(), 500);
    list_free(two);
}

TEST(list_that_has_ended_runs_again_at_no_cost)
{
    struct list_reader *reader = list_open(list_of_companies(0, 300));
    char id[ID_TEXT];

    list_read_all(reader, HOUR_MS);
    list_free(reader);
    reader = list_open(list_of_companies(0, 300));
    memcpy(id, reader->open.progress.id, ID_TEXT);
    ck_assert_int_eq(reader->open.progress.state, BULK_RUNNING);
    list_read_all(reader, 1000);
    ck_assert_uint_eq(list_outcomes(reader, BULK_HIT), 300);
    list_free(reader);
    reader = list_find(id, "client");
    list_read_all(reader, 1000);
    ck_assert_uint_eq(list_outcomes(reader, BULK_HIT), 300); /* of the last run */
    list_free(reader);
}

TEST(second_reader_gets_the_results_from_the_store)
{
    flow_set_cache_bytes(0);
    flow_start(flow_options());
    struct list_reader *reader = list_open(list_of_companies(0, 300)), *other;

    list_read_all(reader, HOUR_MS);
    other = list_find(reader->open.progress.id, "client");
    list_free(reader);
    other->pull.order = BULK_AS_LISTED;
    list_finish(other, 1000, 300);
}

TEST(read_of_the_store_that_hangs_ends_after_5_seconds)
{
    flow_set_cache_bytes(0);
    flow_start(flow_options());
    struct list_reader *reader = list_open(list_of_companies(0, 20)), *other;

    list_read_all(reader, HOUR_MS);
    other = list_find(reader->open.progress.id, "client");
    list_free(reader);
    held_calls_set(HOLD_POSTED, "find");
    ck_assert(!list_pull(other));
    flow_advance(6000);
    list_read(other);
    ck_assert_uint_eq(list_errors(other, ERR_STORAGE_UNAVAILABLE), 20);
    held_calls_release();
    list_free(other);
}

TEST(reader_that_is_closed_gets_its_pull_back)
{
    struct list_reader *one = list_open(list_of_companies(0, 20));
    struct list_reader *two = list_open(list_of_companies(0, 20));

    ck_assert(!list_pull(one));
    list_free(one); /* list_close() checks it */
    list_read_all(two, HOUR_MS);
    list_free(two);
}

/* ---- deadlines ---- */

TEST(closed_view_has_each_entry_once)
{
    struct list_reader *reader = list_open(list_of_companies(0, 1000));

    reader->pull.until_ms = flow_now_ms() + 60000;
    reader->pull.closes_open = true;
    list_read_all(reader, 61000);
    size_t n_open = list_errors(reader, ERR_STILL_PROCESSING);
    ck_assert_uint_gt(n_open, 256);
    ck_assert_uint_lt(n_open, 1000);
    ck_assert_uint_eq(list_errors(reader, ERR_OK), 1000 - n_open);
    ck_assert(reader->pull.is_late);
    list_free(reader);
    flow_advance(HOUR_MS); /* it was promised */
    ck_assert_uint_eq(ledger(), 1000);
}

/* A client that adds up its lines gets the sums of the last progress. */
TEST(closed_view_reports_the_sums_of_its_results)
{
    struct list_reader *reader = list_open(list_of_companies(0, 1000));

    reader->pull.until_ms = flow_now_ms() + 60000;
    reader->pull.closes_open = true;
    list_read_all(reader, 61000);
    const struct bulk_progress *progress = list_progress(reader);
    ck_assert_uint_gt(list_charged(reader, CHARGED_MAYBE), 0);
    ck_assert_uint_eq(progress->charged_maybe, list_charged(reader, CHARGED_MAYBE));
    ck_assert_uint_eq(progress->charged_yes, list_charged(reader, CHARGED_YES));
    ck_assert_uint_eq(progress->done, 1000 - list_errors(reader, ERR_STILL_PROCESSING));
    ck_assert_uint_eq(progress->ok, list_errors(reader, ERR_OK));
    ck_assert_int_eq(progress->state, BULK_RUNNING);
    list_free(reader);
}

TEST(closed_view_does_not_change_while_it_is_read)
{
    struct list_reader *reader = list_open(list_of_companies(0, 1000));
    struct list_reader *other = list_open(list_of_companies(0, 1000));

    reader->pull.until_ms = flow_now_ms() + 60000;
    reader->pull.closes_open = true;
    reader->pull.order = BULK_AS_LISTED;
    ck_assert(!list_pull(reader));
    flow_advance(60000);
    ck_assert(list_pull(reader));
    ck_assert_uint_eq(reader->n, BULK_PULL_MAX);
    list_read_all(other, HOUR_MS);
    list_read(reader);
    ck_assert(reader->is_over);
    ck_assert_uint_gt(list_errors(reader, ERR_STILL_PROCESSING), 256);
    ck_assert_uint_eq(list_progress(reader)->charged_maybe, list_charged(reader, CHARGED_MAYBE));
    ck_assert_uint_eq(list_errors(other, ERR_OK), 1000);
    list_free(reader);
    list_free(other);
}

TEST(open_entry_has_the_price_of_what_it_has_submitted)
{
    flow_request_companies(0, 10);
    flow_advance(1000);
    struct list_reader *reader = list_open(list_of_companies(0, 700));
    reader->pull.until_ms = flow_now_ms() + 10000;
    reader->pull.closes_open = true;
    list_read_all(reader, 11000);
    ck_assert_uint_eq(list_errors(reader, ERR_STILL_PROCESSING), 700);
    for (size_t i = 0; i < 10; i++) /* another caller pays */
        ck_assert_int_eq(reader->entries[i].charged, CHARGED_NO);
    ck_assert_uint_eq(list_charged(reader, CHARGED_MAYBE), 200);
    list_free(reader);
}

TEST(reader_that_promises_leaves_a_list_that_continues)
{
    struct list_reader *reader = list_open(list_of_companies(0, 100));
    char id[ID_TEXT];

    memcpy(id, reader->open.progress.id, ID_TEXT);
    reader->pull.until_ms = flow_now_ms() + 10000;
    reader->pull.promises = true;
    reader->pull.order = BULK_AS_LISTED;
    ck_assert(!list_pull(reader));
    flow_advance(10000);
    ck_assert(list_pull(reader));
    ck_assert(reader->pull.is_late && !reader->pull.is_last);
    ck_assert_uint_eq(reader->n, 0);
    list_free(reader);
    flow_advance(HOUR_MS / 2);
    reader = list_find(id, "client");
    ck_assert_int_eq(reader->open.progress.state, BULK_ENDED);
    list_finish(reader, 1000, 100);
}

TEST(pull_for_progress_returns_at_most_once_a_second)
{
    struct list_reader *reader = list_open(list_of_companies(0, 200));
    size_t n_pulls = 0;

    reader->pull.wants_progress = true;
    reader->pull.order = BULK_AS_LISTED;
    for (int i = 0; i < 600 && !reader->is_over; i++) {
        n_pulls += list_pull(reader);
        flow_advance(100);
    }
    ck_assert_uint_gt(n_pulls, 8);
    ck_assert_int_le((int64_t)n_pulls, list_progress(reader)->elapsed_ms / 1000 + 2);
    ck_assert_int_gt(list_progress(reader)->elapsed_ms, 0);
    list_free(reader);
}

/* ---- continuing ---- */

TEST(reader_continues_after_what_it_has_read)
{
    struct list_reader *broken = list_open(list_of_companies(0, 1000)), *reader;

    broken->pull.until_ms = flow_now_ms() + 60000;
    broken->pull.closes_open = true;
    while (!broken->is_over) {
        list_read(broken);
        flow_advance(500);
    }
    size_t n = list_errors(broken, ERR_OK);
    ck_assert_uint_lt(n, 1000);
    list_close(broken);
    flow_advance(HOUR_MS / 2);
    reader = list_continue(broken, n); /* without those that were still open */
    ck_assert_uint_eq(reader->n, n);
    list_finish(reader, 1000, 1000);
    list_free(broken);
}

TEST(reader_continues_with_the_first_result_of_another_run)
{
    struct list_reader *one = list_open(list_of_companies(0, 800)), *two, *reader;

    flow_advance(40000);
    list_read(one);
    ck_assert_uint_gt(one->n, 0);
    list_close(one);
    two = list_open(list_of_companies(0, 800));
    ck_assert_int_ne(two->open.progress.run, one->open.progress.run);
    list_read_all(two, HOUR_MS);
    reader = list_continue(one, one->n);
    ck_assert_uint_eq(reader->n, 0);
    list_read_all(reader, 1000);
    list_free(reader);
    reader = list_continue(two, 801); /* there are no more */
    ck_assert_uint_eq(reader->n, 0);
    list_free(reader);
    list_free(two);
    list_free(one);
}

/* ---- cancelling ---- */

TEST(cancelled_list_ends_what_was_not_submitted)
{
    struct list_reader *reader = list_open(list_of_companies(0, 1000));

    flow_advance(30000);
    ck_assert_int_eq(list_cancel(reader->open.progress.id, "client"), ERR_OK);
    ck_assert_int_eq(list_cancel(reader->open.progress.id, "client"), ERR_OK);
    list_read_all(reader, HOUR_MS);
    ck_assert_int_eq(list_progress(reader)->state, BULK_CANCELLED);
    ck_assert_uint_eq(list_errors(reader, ERR_CANCELLED_LOOKUP), 400);
    ck_assert_uint_eq(list_errors(reader, ERR_OK), 600); /* accepted, and being submitted */
    ck_assert_uint_eq(list_charged(reader, CHARGED_YES), 600);
    ck_assert_uint_eq(ledger(), 600);
    ck_assert_int_eq(list_cancel(reader->open.progress.id, "client"), ERR_NOT_FOUND);
    list_free(reader);
}

/* An older result is served if the upstream fails, not if the client cancels. */
TEST(cancelled_entry_is_cancelled_also_if_an_older_result_is_known)
{
    struct bulk_list *list = list_of_companies(0, 600);

    flow_request_companies(0, 600);
    flow_advance(20 * MINUTE_MS);
    flow_advance(31 * DAY_MS);
    list->limits = (struct freshness_limits){-1, 90 * DAY_MS};
    struct list_reader *reader = list_open(list);
    flow_advance(10000);
    ck_assert_int_eq(list_cancel(reader->open.progress.id, "client"), ERR_OK);
    list_read_all(reader, HOUR_MS);
    ck_assert_uint_eq(list_outcomes(reader, BULK_STALE), 0);
    ck_assert_uint_eq(list_errors(reader, ERR_CANCELLED_LOOKUP), 300);
    ck_assert_uint_eq(list_charged(reader, CHARGED_YES), 300);
    list_free(reader);
}

TEST(cancelled_list_that_is_sent_again_runs_again)
{
    struct list_reader *reader = list_open(list_of_companies(0, 1000)), *again;

    flow_advance(30000);
    ck_assert_int_eq(list_cancel(reader->open.progress.id, "client"), ERR_OK);
    again = list_open(list_of_companies(0, 1000));
    ck_assert_int_eq(again->open.progress.state, BULK_RUNNING);
    list_read_all(again, HOUR_MS);
    list_read_all(reader, 1000);
    ck_assert_uint_eq(list_errors(again, ERR_OK), 1000);
    ck_assert_uint_eq(ledger(), 1000);
    list_free(reader);
    list_free(again);
}

/* The lookups go on for the other caller, and the list has started them. */
TEST(cancelled_list_may_have_paid_for_what_another_caller_joined)
{
    struct list_reader *reader = list_open(list_of_companies(0, 50));
    struct account_call call = {
        .call.run = engine_read_account, .name = "client", .quota = ACCOUNT_NO_QUOTA};

    flow_advance(50);
    for (int i = 0; i < 20; i++)
        flow_request_as("other", flow_company(i), WAIT_MS);
    flow_advance(10);
    ck_assert_int_eq(list_cancel(reader->open.progress.id, "client"), ERR_OK);
    list_read_all(reader, HOUR_MS);
    ck_assert_uint_eq(list_errors(reader, ERR_CANCELLED_LOOKUP), 50);
    ck_assert_uint_eq(list_charged(reader, CHARGED_MAYBE), 20);
    flow_advance(5 * MINUTE_MS);
    flow_call(&call.call);
    ck_assert_int_eq(call.account.spent, 20);
    ck_assert_uint_eq(ledger(), 20);
    list_free(reader);
}
