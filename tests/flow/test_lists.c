/* SPDX-License-Identifier: MIT */
/* test_lists.c - tests what a list brings: each entry once, equal entries, prices, counts, and the
 * lookups of others beside it. */
#include "held_calls.h"
#include "list_flow.h"

#include "tests/support/suite.h"
#include <string.h>

/* ---- results ---- */

TEST(list_of_1000_ends_each_entry_once)
{
    struct bulk_list *list = list_of_companies(0, 600);

    list_add_rejected(list, "milvali", ERR_INVALID_DOMAIN);
    list_add_companies(list, 0, 300);
    list_add_companies(list, 600, 98);
    list_add_rejected(list, "10.0.0.1", ERR_IP_ADDRESS);
    struct list_reader *reader = list_open(list);
    ck_assert_uint_eq(reader->open.progress.unique, 700);
    list_read_all(reader, HOUR_MS);
    ck_assert_uint_eq(reader->n, 1000);
    ck_assert_uint_eq(list_outcomes(reader, BULK_LOOKED_UP), 698);
    ck_assert_uint_eq(list_outcomes(reader, BULK_DUPLICATE), 300);
    ck_assert_uint_eq(list_outcomes(reader, BULK_REJECTED), 2);
    ck_assert_uint_eq(list_charged(reader, CHARGED_YES), 698);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 698);
    ck_assert_int_eq(reader->entries[600].err, ERR_INVALID_DOMAIN);
    ck_assert_str_eq(reader->entries[600].detail, "not a domain");
    const struct bulk_progress *progress = list_progress(reader);
    ck_assert_int_eq(progress->state, BULK_ENDED);
    ck_assert_uint_eq(progress->done, 1000);
    ck_assert_uint_eq(progress->ok, 998);
    ck_assert_uint_eq(progress->failed, 2);
    ck_assert_uint_eq(progress->charged_yes, 698);
    ck_assert_int_gt(progress->ended_wall_ms, progress->started_wall_ms);
    list_free(reader);
}

TEST(list_of_known_results_costs_nothing)
{
    flow_request_companies(0, 100);
    flow_advance(2 * MINUTE_MS);
    struct list_reader *reader = list_open(list_of_companies(0, 100));
    list_read_all(reader, 1000);
    ck_assert_uint_eq(list_outcomes(reader, BULK_HIT), 100);
    ck_assert_uint_eq(list_charged(reader, CHARGED_NO), 100);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 100);
    list_free(reader);
}

TEST(list_finds_results_in_the_store)
{
    flow_request_companies(0, 100);
    flow_advance(2 * MINUTE_MS);
    flow_restart();
    struct list_reader *reader = list_open(list_of_companies(0, 100));
    list_read_all(reader, 1000);
    ck_assert_uint_eq(list_outcomes(reader, BULK_HIT), 100);
    list_free(reader);
}

TEST(list_joins_a_lookup_of_another_caller_at_no_cost)
{
    flow_request_companies(0, 1);
    flow_advance(5000);
    struct list_reader *reader = list_open(list_of_companies(0, 2));
    list_read_all(reader, HOUR_MS);
    ck_assert_int_eq(reader->entries[0].outcome, BULK_JOINED);
    ck_assert_int_eq(reader->entries[0].charged, CHARGED_NO);
    ck_assert_int_eq(reader->entries[1].outcome, BULK_LOOKED_UP);
    ck_assert_uint_eq(list_progress(reader)->charged_yes, 1);
    list_free(reader);
}

TEST(list_of_cached_only_rejects_the_unknown)
{
    flow_request_companies(0, 1);
    flow_advance(2 * MINUTE_MS);
    struct bulk_list *list = list_of_companies(0, 3);
    list->directives.only_cached = true;
    list->not_cached_detail = "never spends";
    struct list_reader *reader = list_open(list);
    list_read_all(reader, 1000);
    ck_assert_int_eq(reader->entries[0].outcome, BULK_HIT);
    ck_assert_uint_eq(list_errors(reader, ERR_NOT_CACHED), 2);
    ck_assert_uint_eq(list_outcomes(reader, BULK_REJECTED), 2);
    ck_assert_str_eq(reader->entries[1].detail, "never spends");
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
    list_free(reader);
}

TEST(list_in_its_own_order_is_read_at_its_end)
{
    struct bulk_list *list = list_of_companies(0, 300);

    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "company0.com", .task_ms = 5 * MINUTE_MS});
    struct list_reader *reader = list_open(list);
    reader->pull.order = BULK_AS_LISTED;
    ck_assert(!list_pull(reader));
    flow_advance(4 * MINUTE_MS);
    ck_assert(!list_pull(reader));
    list_read_all(reader, HOUR_MS);
    for (size_t i = 0; i < 300; i++)
        ck_assert_uint_eq(reader->order[i], i);
    list_free(reader);
}

TEST(list_reports_each_failure_with_its_price)
{
    struct bulk_list *list = list_of_companies(0, 3);

    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "company1.com", .state = "ERRORED"});
    list_add(list, "company1.com");
    struct list_reader *reader = list_open(list);
    list_read_all(reader, HOUR_MS);
    ck_assert_int_eq(reader->entries[1].outcome, BULK_FAILED);
    ck_assert_int_eq(reader->entries[1].err, ERR_LOOKUP_FAILED);
    ck_assert_int_eq(reader->entries[1].charged, CHARGED_MAYBE);
    ck_assert_int_eq(reader->entries[3].outcome, BULK_DUPLICATE);
    ck_assert_int_eq(reader->entries[3].err, ERR_LOOKUP_FAILED);
    ck_assert_int_eq(reader->entries[3].charged, CHARGED_NO);
    list_free(reader);
}

TEST(list_without_entries_ends_immediately)
{
    struct list_reader *reader = list_open(list_new());

    ck_assert(list_pull(reader));
    ck_assert(reader->is_over);
    list_free(reader);
}

/* ---- limits and ids ---- */

TEST(list_beyond_the_limits_is_overloaded)
{
    struct list_reader *readers[5];

    for (int i = 0; i < 5; i++) {
        struct bulk_list *list = list_of_companies(i, 2);
        readers[i] = list_try(list);
        ck_assert_int_eq(readers[i]->open.err, i < 4 ? ERR_OK : ERR_OVERLOADED);
    }
    ck_assert_int_ge(readers[4]->open.retry_after_s, 5);
    ck_assert_ptr_nonnull(strstr(readers[4]->open.detail, "this client"));
    ck_assert_int_eq(engine_status(flow.engine).bulks, 4);
    for (int i = 0; i < 5; i++)
        list_free(readers[i]);
    flow_settle();
    ck_assert_int_eq(engine_status(flow.engine).bulks, 0);
}

TEST(list_limit_of_all_clients_is_shared)
{
    struct engine_options options = flow_options();

    options.max_bulks = 2;
    flow_start(options);
    struct list_reader *one = list_open(list_of_companies(0, 2));
    struct bulk_list *of_two = list_of_companies(0, 2), *of_three = list_of_companies(0, 2);
    list_set_account(of_two, "two");
    list_set_account(of_three, "three");
    struct list_reader *two = list_open(of_two), *three = list_try(of_three);
    ck_assert_int_eq(three->open.err, ERR_OVERLOADED);
    ck_assert_ptr_nonnull(strstr(three->open.detail, "--bulks"));
    list_free(three);
    list_free(two);
    list_free(one);
}

static void differs(struct bulk_list *one, struct bulk_list *two, bool are_same)
{
    bulk_list_seal(one);
    bulk_list_seal(two);
    ck_assert(id_is_well_formed(one->id));
    ck_assert_int_eq(strcmp(one->id, two->id) == 0, are_same);
    bulk_list_free(one);
    bulk_list_free(two);
}

TEST(list_id_depends_on_all_that_changes_the_lookups)
{
    struct bulk_list *other = list_of_companies(0, 3);

    differs(list_of_companies(0, 3), list_of_companies(0, 3), true);
    differs(list_of_companies(0, 3), list_of_companies(0, 2), false);
    list_set_account(other, "other");
    differs(other, list_of_companies(0, 3), false);
    other = list_of_companies(0, 3);
    other->max_credits = 3;
    differs(other, list_of_companies(0, 3), false);
    other = list_of_companies(0, 3);
    other->directives.only_cached = true;
    differs(other, list_of_companies(0, 3), false);
    other = list_of_companies(0, 2);
    list_add_tracked(other, "company2.com", "1");
    differs(other, list_of_companies(0, 3), false);
    other = list_of_companies(0, 2);
    list_add(other, "COMPANY2.com");
    differs(other, list_of_companies(0, 3), false);
    other = list_of_companies(1, 2);
    list_add(other, "company0.com");
    differs(other, list_of_companies(0, 3), false);
    other = list_of_companies(0, 2);
    list_add_rejected(other, "company2.com", ERR_INVALID_DOMAIN);
    differs(other, list_of_companies(0, 3), false);
    other = list_of_companies(0, 3);
    other->is_async = true; /* the lookups are the same */
    differs(other, list_of_companies(0, 3), true);
}

/* Many, so that what finds them grows. */
TEST(list_finds_equal_questions_when_they_are_added)
{
    struct bulk_list *list = list_new();
    struct list_reader *reader;

    for (int i = 0; i < 3; i++)
        list_add_companies(list, 0, 500);
    list_add_rejected(list, "x", ERR_INVALID_DOMAIN);
    ck_assert_uint_eq(list->n_unique, 501);
    for (size_t i = 0; i < list->n; i++)
        ck_assert_int_eq(list->entries[i].question != NULL, i < 500);
    reader = list_open(list);
    list_read_all(reader, HOUR_MS);
    ck_assert_uint_eq(list_outcomes(reader, BULK_LOOKED_UP), 500);
    ck_assert_uint_eq(list_outcomes(reader, BULK_DUPLICATE), 1000);
    list_free(reader);
}

TEST(list_of_another_account_is_not_found)
{
    struct list_reader *reader = list_open(list_of_companies(0, 2));
    struct list_reader *other = list_find(reader->open.progress.id, "other");

    ck_assert_int_eq(other->open.err, ERR_NOT_FOUND);
    ck_assert_int_eq(list_cancel(reader->open.progress.id, "other"), ERR_NOT_FOUND);
    list_free(other);
    list_free(reader);
}

/* ---- others ---- */

/* Reads a list of 1,000 for that long, and then sends a single lookup, which takes 28.1 s alone. */
static void look_up_beside_a_list(int64_t after_ms)
{
    flow_start(flow_options());
    struct list_reader *reader = list_open(list_of_companies(0, 1000));
    for (int64_t ms = 0; ms < after_ms; ms += 100) {
        list_read(reader);
        flow_advance(100);
    }
    struct caller *other = flow_request_as("other", "other.com", WAIT_MS);
    for (int64_t ms = 0; ms < WAIT_MS && !other->answers; ms += 100) {
        list_read(reader);
        flow_advance(100);
    }
    ck_assert_int_eq(other->err, ERR_OK);
    ck_assert_uint_lt(reader->n, 1000);
    ck_assert_int_le(other->answered_ms - other->asked_ms, 30000);
    list_free(reader);
}

/* At each moment: it has a slot and a batch of its own, and is read before what the list waits for.
 */
TEST(single_lookup_during_a_list_is_in_the_next_batch)
{
    for (int64_t ms = 100; ms < MINUTE_MS; ms += 4900)
        look_up_beside_a_list(ms);
}

/* Without the room in their batches, the list would not end. */
TEST(list_beside_many_single_lookups_is_not_starved)
{
    struct list_reader *reader = list_open(list_of_companies(1000, 1000));

    for (int i = 0; i < 240 && !reader->is_over; i++) {
        list_read(reader);
        flow_request_as("other", flow_company(i), WAIT_MS);
        flow_advance(1000);
    }
    ck_assert(reader->is_over);
    list_free(reader);
    flow_advance(MINUTE_MS);
}

/* The list has its own batches, so that one which is split is not that of the single lookup. */
TEST(invalid_entry_of_a_list_does_not_delay_a_single_lookup)
{
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "company340.com", .is_rejected = true});
    struct list_reader *reader = list_open(list_of_companies(0, 400));
    flow_advance(1000);
    struct caller *single = flow_request_as("other", "single.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(single->answers, 1);
    ck_assert_int_eq(single->err, ERR_OK);
    list_free(reader);
}

/* So that the read of a single lookup, which may have half a second, waits for few others. */
TEST(lists_read_at_most_64_results_of_the_store_at_a_time)
{
    struct list_reader *readers[4];

    held_calls_set(HOLD_POSTED, "find");
    for (int i = 0; i < 4; i++)
        readers[i] = list_open(list_of_companies(1000 * i, 500));
    flow_advance(100);
    ck_assert_uint_eq(held_calls_count(), 64);
    held_calls_release();
    for (int i = 0; i < 4; i++) {
        list_read_all(readers[i], HOUR_MS);
        list_free(readers[i]);
    }
}

TEST(list_reads_the_store_once_another_one_has_left)
{
    held_calls_set(HOLD_POSTED, "find");
    struct list_reader *leaves = list_open(list_of_companies(0, 500));
    flow_settle();
    struct list_reader *other = list_open(list_of_companies(1000, 500));
    flow_advance(100);
    ck_assert_uint_eq(held_calls_count(), 64);
    list_free(leaves);
    flow_advance(100);
    ck_assert_uint_gt(held_calls_count(), 64);
    held_calls_release();
    list_read_all(other, HOUR_MS);
    list_free(other);
}

TEST(list_has_the_mean_times_of_its_lookups)
{
    flow_request_companies(0, 1);
    flow_advance(2 * MINUTE_MS);
    fake_upstream_set_submit_ms(flow.upstream, 20000);
    fake_upstream_set_task_ms(flow.upstream, 10000);
    struct list_reader *reader = list_open(list_of_companies(0, 3));
    list_read_all(reader, HOUR_MS);
    const struct lookup_timing *timing = &list_progress(reader)->timing;
    ck_assert_int_eq(timing->queue_ms, flow.options.batch.linger_ms);
    ck_assert_int_eq(timing->submit_ms, 20000);
    ck_assert_int_ge(timing->upstream_ms + timing->read_ms, 10000);
    ck_assert_int_lt(timing->upstream_ms + timing->read_ms, 20000);
    list_free(reader);
}

/* The request waited for them as it would for a paid one that succeeds. */
static const struct fake_rule rules[] = {{.domain = "company0.com", .state = "ERRORED"},
                                         {.domain = "other.com"}}; /* it succeeds */

LOOP_TEST(list_has_the_times_of_lookups_that_failed_or_were_joined, rules)
{
    fake_upstream_set_submit_ms(flow.upstream, 20000);
    fake_upstream_rule(flow.upstream, rules[_i]);
    if (!rules[_i].state)
        flow_request_companies(0, 1);
    struct list_reader *reader = list_open(list_of_companies(0, 1));
    list_read_all(reader, HOUR_MS);
    ck_assert_int_eq(reader->entries[0].outcome, rules[_i].state ? BULK_FAILED : BULK_JOINED);
    ck_assert(list_progress(reader)->has_lookups);
    ck_assert_int_eq(list_progress(reader)->timing.submit_ms, 20000);
    list_free(reader);
}

TEST(list_of_stored_results_has_no_lookup)
{
    flow_request_companies(0, 1);
    flow_advance(HOUR_MS);
    struct list_reader *reader = list_open(list_of_companies(0, 1));
    list_read_all(reader, 1000);
    ck_assert(!list_progress(reader)->has_lookups);
    list_free(reader);
}

TEST(list_that_spends_nothing_is_expected_to_end_immediately)
{
    for (int i = 0; i < 3; i++) {
        struct bulk_list *list = list_of_companies(0, 5000);
        list->directives.only_cached = i == 0;
        list->max_credits = i == 0 ? -1 : 100 * (i - 1);
        struct list_reader *reader = list_open(list);
        int64_t expected_ms = reader->open.progress.expected_ms;
        ck_assert_int_lt(expected_ms, i < 2 ? 2000 : MINUTE_MS);
        list_free(reader);
    }
}

TEST(list_estimates_its_time_and_counts_its_lookups)
{
    struct list_reader *reader = list_open(list_of_companies(0, 1000));
    int64_t started_ms = flow_now_ms();

    ck_assert_int_gt(reader->open.progress.expected_ms, 60000);
    ck_assert_int_gt(reader->open.progress.retry_after_s, 0);
    list_read_all(reader, HOUR_MS);
    int64_t took_ms = flow_now_ms() - started_ms;
    ck_assert_int_lt(took_ms, 2 * reader->open.progress.expected_ms);
    ck_assert_int_lt(reader->open.progress.expected_ms, 3 * took_ms);
    ck_assert_int_eq(list_progress(reader)->expected_ms, list_progress(reader)->elapsed_ms);
    ck_assert_int_le(list_progress(reader)->elapsed_ms, took_ms);
    list_free(reader);
}
