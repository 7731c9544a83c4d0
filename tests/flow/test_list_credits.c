/* SPDX-License-Identifier: MIT */
/* test_list_credits.c - tests what a list may spend: its own limit, the quota of its client, and
 * refunds. */
#include "list_flow.h"
#include "weak_store.h"

#include "tests/support/suite.h"
#include <string.h>

static struct list_reader *read_with_credits(struct bulk_list *list, int64_t max_credits)
{
    list->max_credits = max_credits;
    struct list_reader *reader = list_open(list);
    list_read_all(reader, HOUR_MS);
    ck_assert_uint_eq(list_charged(reader, CHARGED_YES) + list_charged(reader, CHARGED_MAYBE),
                      list_progress(reader)->charged_yes + list_progress(reader)->charged_maybe);
    return reader;
}

TEST(max_credits_of_0_serves_only_what_costs_nothing)
{
    flow_request_companies(0, 10);
    flow_advance(2 * MINUTE_MS);
    struct list_reader *reader = read_with_credits(list_of_companies(0, 400), 0);
    ck_assert_uint_eq(list_outcomes(reader, BULK_HIT), 10);
    ck_assert_uint_eq(list_errors(reader, ERR_CREDITS_EXHAUSTED), 390);
    ck_assert_uint_eq(list_outcomes(reader, BULK_REJECTED), 390);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 10);
    ck_assert_ptr_nonnull(strstr(reader->entries[10].detail, "the request's own limit"));
    list_free(reader);
}

TEST(max_credits_of_5_spends_5_and_serves_what_comes_later)
{
    flow_request_companies(0, 10);
    flow_advance(2 * MINUTE_MS);
    struct bulk_list *list = list_of_companies(100, 20);
    list_add_companies(list, 0, 10);
    struct list_reader *reader = read_with_credits(list, 5);
    ck_assert_uint_eq(list_charged(reader, CHARGED_YES), 5);
    ck_assert_uint_eq(list_outcomes(reader, BULK_HIT), 10);
    ck_assert_uint_eq(list_errors(reader, ERR_CREDITS_EXHAUSTED), 15);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 15);
    list_free(reader);
}

/* The first submit is accepted, and its response is lost. */
static struct list_reader *read_with_lost_submit(int64_t max_credits)
{
    struct engine_options options = flow_options();

    options.batch.retry_unknown = true;
    flow_start(options);
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN, .creates = true});
    return read_with_credits(list_of_companies(0, 3), max_credits);
}

TEST(max_credits_is_kept_if_lost_submits_are_repeated)
{
    struct list_reader *reader = read_with_lost_submit(3);

    ck_assert_uint_eq(list_errors(reader, ERR_UPSTREAM_OUTCOME_UNKNOWN), 3);
    ck_assert_uint_eq(list_charged(reader, CHARGED_MAYBE), 3);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 3);
    list_free(reader);
    reader = read_with_lost_submit(-1);
    ck_assert_uint_eq(list_errors(reader, ERR_OK), 3);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 6);
    list_free(reader);
}

TEST(known_results_do_not_wait_for_the_end_of_what_is_paid_for)
{
    struct bulk_list *list = list_of_companies(0, 1100);

    flow_request_companies(1, 999);
    flow_advance(30 * MINUTE_MS);
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "company0.com", .task_ms = 5 * MINUTE_MS});
    list->max_credits = 1;
    struct list_reader *reader = list_open(list);
    for (int i = 0; i < 20; i++) {
        flow_advance(100);
        list_read(reader);
    }
    ck_assert_uint_eq(list_outcomes(reader, BULK_HIT), 999);
    ck_assert_uint_eq(reader->n, 999);
    size_t n_finds = weak_store_calls(flow.store, WEAK_FIND);
    flow_advance(3 * MINUTE_MS); /* none of the others is looked for again */
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_FIND), n_finds);
    list_read_all(reader, HOUR_MS);
    ck_assert_int_eq(reader->entries[0].outcome, BULK_LOOKED_UP);
    ck_assert_uint_eq(list_errors(reader, ERR_CREDITS_EXHAUSTED), 100);
    list_free(reader);
}

TEST(entries_that_join_leave_the_credit_to_others)
{
    struct bulk_list *list = list_of_companies(0, 52);

    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "company0.com", .task_ms = 10 * MINUTE_MS});
    flow_request_companies(0, 50);
    flow_advance(1000);
    list->max_credits = 1;
    struct list_reader *reader = list_open(list);
    flow_advance(2 * MINUTE_MS);
    list_read(reader); /* all but what the first one has joined */
    ck_assert_uint_eq(reader->n, 51);
    ck_assert_uint_eq(list_outcomes(reader, BULK_JOINED), 49);
    ck_assert_int_eq(reader->entries[50].outcome, BULK_LOOKED_UP);
    ck_assert_int_eq(reader->entries[51].err, ERR_CREDITS_EXHAUSTED);
    list_read_all(reader, HOUR_MS);
    ck_assert_int_eq(reader->entries[0].charged, CHARGED_NO);
    list_free(reader);
}

TEST(max_credits_gets_a_refund_back)
{
    struct bulk_list *list = list_new();

    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "bad.com", .is_rejected = true});
    list_add(list, "bad.com");
    list_add_companies(list, 0, 3);
    struct list_reader *reader = read_with_credits(list, 2);
    ck_assert_int_eq(reader->entries[0].err, ERR_UPSTREAM_REJECTED);
    ck_assert_int_eq(reader->entries[0].charged, CHARGED_NO);
    ck_assert_uint_eq(list_charged(reader, CHARGED_YES), 2);
    ck_assert_uint_eq(list_errors(reader, ERR_CREDITS_EXHAUSTED), 1);
    list_free(reader);
}

TEST(max_credits_counts_an_unknown_outcome)
{
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN, .creates = true});
    struct list_reader *reader = read_with_credits(list_of_companies(0, 3), 2);
    ck_assert_uint_eq(list_errors(reader, ERR_UPSTREAM_OUTCOME_UNKNOWN), 2);
    ck_assert_uint_eq(list_charged(reader, CHARGED_MAYBE), 2);
    ck_assert_uint_eq(list_errors(reader, ERR_CREDITS_EXHAUSTED), 1);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
    list_free(reader);
}

/* So a list costs at most what `only_cached` counts as not cached. */
TEST(list_starts_no_refresh_of_its_expired_results)
{
    struct list_reader *reader;
    struct bulk_list *list;

    flow_request_companies(0, 300);
    flow_advance(10 * MINUTE_MS);
    flow_advance(30 * DAY_MS);
    for (int i = 0; i < 2; i++) {
        list = list_of_companies(0, 301);
        list->limits.stale_while_revalidate_ms = DAY_MS;
        list->directives.only_cached = i == 0;
        reader = read_with_credits(list, -1);
        ck_assert_uint_eq(list_outcomes(reader, BULK_STALE), 300);
        ck_assert_uint_eq(list_errors(reader, ERR_NOT_CACHED), i == 0 ? 1 : 0);
        ck_assert_uint_eq(list_charged(reader, CHARGED_YES), (size_t)i);
        list_free(reader);
        flow_advance(10 * MINUTE_MS);
        ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 300 + (size_t)i);
    }
}

TEST(quota_of_5_ends_the_other_entries_of_a_list)
{
    struct bulk_list *list = list_of_companies(0, 20);

    list->quota = 5;
    list_add_companies(list, 0, 20);
    struct list_reader *reader = read_with_credits(list, -1);
    ck_assert_uint_eq(list_charged(reader, CHARGED_YES), 5);
    ck_assert_uint_eq(list_outcomes(reader, BULK_LOOKED_UP), 5);
    ck_assert_uint_eq(list_outcomes(reader, BULK_REJECTED), 15);
    ck_assert_uint_eq(list_outcomes(reader, BULK_DUPLICATE), 20);
    ck_assert_uint_eq(list_errors(reader, ERR_QUOTA_EXCEEDED), 30);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 5);
    list_free(reader);
}

TEST(credits_of_the_day_end_the_other_entries_of_a_list)
{
    struct engine_options options = flow_options();

    options.credits_per_day = 7;
    flow_start(options);
    struct list_reader *reader = read_with_credits(list_of_companies(0, 20), -1);
    ck_assert_uint_eq(list_charged(reader, CHARGED_YES), 7);
    ck_assert_uint_eq(list_errors(reader, ERR_CREDITS_EXHAUSTED), 13);
    ck_assert_ptr_nonnull(strstr(reader->entries[19].detail, "--credits-per-day"));
    list_free(reader);
}

static const struct {
    bool refresh;
    int64_t max_age_s;
    size_t n_paid;
} fresh[] = {{true, -1, 10}, {false, 60, 10}, {false, 3600, 0}};

LOOP_TEST(list_that_asks_for_newer_results_pays_for_known_ones, fresh)
{
    struct bulk_list *list = list_of_companies(0, 10);

    flow_request_companies(0, 10);
    flow_advance(10 * MINUTE_MS);
    list->asked_wall_ms = engine_clock(flow.engine)->wall_ms;
    list->directives.refresh = fresh[_i].refresh;
    list->directives.max_age_s = fresh[_i].max_age_s;
    list_add_companies(list, 0, 10);
    struct list_reader *reader = read_with_credits(list, -1);
    ck_assert_uint_eq(list_charged(reader, CHARGED_YES), fresh[_i].n_paid);
    ck_assert_uint_eq(list_outcomes(reader, BULK_HIT), 10 - fresh[_i].n_paid);
    ck_assert_uint_eq(list_outcomes(reader, BULK_DUPLICATE), 10);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 10 + fresh[_i].n_paid);
    list_free(reader);
}

TEST(list_again_after_an_unknown_outcome_charges_nothing_twice)
{
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN, .creates = true});
    list_free(read_with_credits(list_of_companies(0, 3), -1));
    struct list_reader *again = read_with_credits(list_of_companies(0, 3), -1);
    ck_assert_uint_eq(list_errors(again, ERR_UPSTREAM_OUTCOME_UNKNOWN), 3);
    ck_assert_uint_eq(list_charged(again, CHARGED_NO), 3); /* the cooldown costs nothing */
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 3);
    list_free(again);
}
