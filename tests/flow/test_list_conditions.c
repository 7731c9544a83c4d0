/* SPDX-License-Identifier: MIT */
/* test_list_conditions.c - tests lists that wait for something to pass: the circuit, a pause,
 * single lookups that use the slots, the store; and lists during the drain. */
#include "held_calls.h"
#include "list_flow.h"
#include "weak_store.h"

#include "tests/support/suite.h"

static void start_small(void)
{
    struct engine_options options = flow_options();

    options.batch.size = 2;
    options.batch.slots = 2;
    flow_start(options);
}

static void pause(bool paused)
{
    engine_set_paused(flow.engine, paused);
    flow_settle();
}

/* Expects that each entry has a result or this error, some of them the error, and that the list
 * paid for all but `n_others` of what was paid for. Frees the reader. */
static void expect_ended_with(struct list_reader *reader, enum err err, size_t n_others)
{
    size_t n = list_errors(reader, err);

    ck_assert_uint_gt(n, 0);
    ck_assert_uint_eq(list_errors(reader, ERR_OK) + n, reader->n_entries);
    ck_assert_uint_eq(list_charged(reader, CHARGED_YES) + n_others,
                      fake_upstream_ledger(flow.upstream));
    list_free(reader);
}

/* Returns what the list waits for now. */
static enum err waiting_for(const struct list_reader *reader)
{
    struct list_reader *other = list_find(reader->open.progress.id, "client");
    enum err condition = other->open.progress.waiting_for;

    list_free(other);
    return condition;
}

/* ---- the circuit ---- */

TEST(list_waits_for_an_open_circuit)
{
    start_small();
    for (int i = 0; i < 5; i++)
        fake_upstream_fault(flow.upstream,
                            (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN});
    struct list_reader *reader = list_open(list_of_companies(0, 40));
    for (int i = 0; i < 600 && waiting_for(reader) != ERR_CIRCUIT_OPEN; i++)
        flow_advance(1000);
    ck_assert_int_eq(waiting_for(reader), ERR_CIRCUIT_OPEN);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 0);
    list_read_all(reader, HOUR_MS);
    ck_assert_uint_eq(list_errors(reader, ERR_UPSTREAM_OUTCOME_UNKNOWN), 10);
    ck_assert_uint_eq(list_charged(reader, CHARGED_MAYBE), 10);
    ck_assert_uint_eq(list_errors(reader, ERR_OK), 30);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 30);
    list_free(reader);
}

TEST(list_says_that_the_upstream_asks_to_slow_down)
{
    const struct fake_fault fault = {
        .on = FAKE_SUBMIT, .status = 429, .body = "{\"detail\":\"slow\"}", .retry_after_s = 300};

    fake_upstream_fault(flow.upstream, fault);
    struct list_reader *reader = list_open(list_of_companies(0, 5));
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(waiting_for(reader), ERR_CIRCUIT_OPEN);
    pause(true);
    ck_assert_int_eq(waiting_for(reader), ERR_PAUSED);
    pause(false);
    list_finish(reader, HOUR_MS, 5);
}

TEST(list_with_a_key_that_is_rejected_does_not_wait)
{
    struct fake_fault fault = {
        .on = FAKE_SUBMIT, .status = 401, .body = "{\"detail\":\"no\"}", .is_permanent = true};

    fake_upstream_fault(flow.upstream, fault);
    fault.on = FAKE_BALANCE;
    fake_upstream_fault(flow.upstream, fault);
    struct list_reader *reader = list_open(list_of_companies(0, 1500));
    list_read_all(reader, 2 * MINUTE_MS);
    ck_assert_uint_eq(list_errors(reader, ERR_UPSTREAM_AUTH), 1500);
    ck_assert_uint_eq(list_charged(reader, CHARGED_NO), 1500);
    list_free(reader);
}

/* ---- a pause ---- */

TEST(list_waits_for_the_end_of_a_pause)
{
    struct list_reader *reader = list_open(list_of_companies(0, 1500));

    flow_advance(40000);
    list_read(reader);
    pause(true);
    flow_advance(30 * MINUTE_MS);
    list_read(reader);
    size_t spent = fake_upstream_ledger(flow.upstream);
    ck_assert_uint_lt(spent, 1500);
    ck_assert_uint_eq(reader->n, spent);
    ck_assert_int_eq(waiting_for(reader), ERR_PAUSED);
    pause(false);
    flow_advance(16000); /* the next attempt */
    ck_assert_int_eq(waiting_for(reader), ERR_OK);
    list_finish(reader, HOUR_MS, 1500);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1500);
}

TEST(known_results_do_not_wait_for_the_end_of_a_pause)
{
    flow_request_companies(1, 999);
    flow_advance(30 * MINUTE_MS);
    pause(true);
    struct list_reader *reader = list_open(list_of_companies(0, 1500));
    for (int i = 0; i < 20; i++) {
        flow_advance(1000);
        list_read(reader);
    }
    ck_assert_uint_eq(list_outcomes(reader, BULK_HIT), 999);
    ck_assert_int_eq(waiting_for(reader), ERR_PAUSED);
    size_t n_finds = weak_store_calls(flow.store, WEAK_FIND);
    flow_advance(10 * MINUTE_MS); /* none of the others is looked for again */
    ck_assert_uint_lt(weak_store_calls(flow.store, WEAK_FIND) - n_finds, 60);
    pause(false);
    list_read_all(reader, HOUR_MS);
    ck_assert_uint_eq(list_charged(reader, CHARGED_YES), 501);
    list_free(reader);
}

TEST(pause_of_2_hours_ends_the_entries_after_one)
{
    flow_request_companies(1490, 10);
    flow_advance(2 * MINUTE_MS);
    struct list_reader *reader = list_open(list_of_companies(0, 1500));
    flow_advance(40000);
    pause(true);
    flow_advance(59 * MINUTE_MS);
    list_read(reader);
    ck_assert(!reader->is_over);
    ck_assert_uint_eq(list_outcomes(reader, BULK_HIT), 10); /* behind a queue that is blocked */
    flow_advance(2 * MINUTE_MS);
    list_read(reader);
    ck_assert(reader->is_over);
    expect_ended_with(reader, ERR_PAUSED, 10);
}

/* After an hour, entries end until the reader stalls. What the others meet then is another
 * condition, for which they wait. */
TEST(list_that_gave_up_on_a_pause_waits_for_the_store)
{
    pause(true);
    struct list_reader *reader = list_open(list_of_companies(0, 3000));
    flow_advance(62 * MINUTE_MS);
    pause(false);
    weak_store_fail_all(flow.store, true);
    list_read(reader);
    size_t n_paused = list_errors(reader, ERR_PAUSED);
    ck_assert_uint_ge(n_paused, BULK_UNREAD_MAX);
    flow_advance(10 * MINUTE_MS);
    list_read(reader);
    ck_assert_int_eq(waiting_for(reader), ERR_STORAGE_UNAVAILABLE);
    weak_store_fail_all(flow.store, false);
    list_read_all(reader, HOUR_MS);
    ck_assert_uint_eq(list_errors(reader, ERR_PAUSED), n_paused);
    ck_assert_uint_eq(list_errors(reader, ERR_OK), 3000 - n_paused);
    list_free(reader);
}

TEST(pause_ends_an_entry_that_may_have_an_older_result)
{
    struct bulk_list *list = list_of_companies(0, 20);

    flow_request_companies(10, 10);
    flow_advance(2 * MINUTE_MS);
    flow_advance(31 * DAY_MS);
    list->limits = (struct freshness_limits){-1, 90 * DAY_MS};
    pause(true);
    struct list_reader *reader = list_open(list);
    for (int i = 0; i < 30; i++) {
        flow_advance(1000);
        list_read(reader);
    }
    ck_assert_uint_eq(list_outcomes(reader, BULK_STALE), 10);
    ck_assert_uint_eq(reader->n, 10);
    ck_assert_int_eq(waiting_for(reader), ERR_PAUSED);
    list_free(reader);
}

TEST(pause_reports_each_list_as_one_attempt_at_a_time)
{
    pause(true);
    struct list_reader *reader = list_open(list_of_companies(0, 5));
    size_t before = weak_store_calls(flow.store, WEAK_FIND);
    flow_advance(10 * MINUTE_MS);
    ck_assert_uint_lt(weak_store_calls(flow.store, WEAK_FIND) - before, 60);
    ck_assert_int_eq(waiting_for(reader), ERR_PAUSED);
    list_free(reader);
}

/* The lookup that tries is submitted while it is added, so it is never seen in the queue. */
TEST(list_after_a_pause_has_its_window_again_with_batches_of_1)
{
    struct engine_options options = flow_options();
    int64_t took_ms[2];

    options.batch.size = 1;
    options.batch.slots = 4;
    for (int i = 0; i < 2; i++) {
        flow_start(options);
        pause(i == 1);
        struct list_reader *reader = list_open(list_of_companies(0, 30));
        flow_advance(20000);
        pause(false);
        int64_t from_ms = i == 1 ? flow_now_ms() : flow_now_ms() - 20000;
        list_read_all(reader, HOUR_MS);
        took_ms[i] = flow_now_ms() - from_ms;
        list_free(reader);
    }
    ck_assert_int_lt(took_ms[1], took_ms[0] + MINUTE_MS);
}

TEST(list_that_tries_by_joining_does_not_wait_for_that_lookup)
{
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "company0.com", .task_ms = 10 * MINUTE_MS});
    pause(true);
    struct list_reader *reader = list_open(list_of_companies(0, 500));
    flow_advance(40000);
    pause(false);
    flow_request_as("other", "company0.com", HOUR_MS);
    flow_advance(101);
    for (int i = 0; i < 150; i++) {
        flow_advance(1000);
        list_read(reader);
    }
    ck_assert_int_eq(list_progress(reader)->waiting_for, ERR_OK);
    ck_assert_uint_ge(reader->n, 400);
    list_read_all(reader, HOUR_MS);
    ck_assert_int_eq(reader->entries[0].outcome, BULK_JOINED);
    list_free(reader);
}

/* ---- slots ---- */

#define FLOOD_MS 12000 /* two slots take a batch every 13 s */

/* For that time, another client requests single lookups that use both slots of start_small(). Reads
 * the list meanwhile. */
static void flood(struct list_reader *reader, int64_t ms)
{
    static int next = 1000;

    for (int64_t until_ms = flow_now_ms() + ms; flow_now_ms() < until_ms;) {
        for (int i = 0; i < 2; i++)
            flow_request_as("other", flow_company(next++), WAIT_MS);
        flow_advance(FLOOD_MS);
        if (reader)
            list_read(reader);
    }
}

TEST(list_without_a_slot_for_an_hour_ends_its_entries)
{
    start_small();
    flow_request_companies(20, 5);
    flow_advance(5 * MINUTE_MS);
    flood(NULL, FLOOD_MS);
    struct list_reader *reader = list_open(list_of_companies(0, 25));
    flood(reader, 4 * MINUTE_MS);
    ck_assert_int_eq(waiting_for(reader), ERR_OK);
    flood(reader, 2 * MINUTE_MS);
    ck_assert_int_eq(waiting_for(reader), ERR_OVERLOADED);
    ck_assert_uint_eq(list_outcomes(reader, BULK_HIT), 5); /* known results do not wait */
    flood(reader, 53 * MINUTE_MS);
    ck_assert_uint_eq(reader->n, 5);
    flood(reader, 5 * MINUTE_MS);
    ck_assert(reader->is_over);
    ck_assert_uint_eq(list_errors(reader, ERR_OVERLOADED), 20);
    ck_assert_uint_eq(list_charged(reader, CHARGED_NO), 25);
    for (int i = 0; i < 20; i++)
        ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, flow_company(i)), 0);
    list_free(reader);
}

TEST(list_that_has_a_slot_within_the_hour_ends_with_all_results)
{
    start_small();
    flood(NULL, FLOOD_MS);
    struct list_reader *reader = list_open(list_of_companies(0, 20));
    flood(reader, 50 * MINUTE_MS);
    ck_assert_uint_eq(reader->n, 0);
    ck_assert_int_eq(waiting_for(reader), ERR_OVERLOADED);
    list_read_all(reader, HOUR_MS);
    ck_assert_uint_eq(list_errors(reader, ERR_OK), 20);
    ck_assert_uint_eq(list_charged(reader, CHARGED_YES), 20);
    list_free(reader);
}

TEST(list_without_a_slot_for_an_hour_ends_many_entries_together)
{
    start_small();
    flood(NULL, FLOOD_MS);
    struct list_reader *reader = list_open(list_of_companies(0, 300));
    flood(reader, 59 * MINUTE_MS);
    ck_assert_uint_eq(reader->n, 0);
    flood(reader, 2 * MINUTE_MS);
    ck_assert(reader->is_over);
    ck_assert_uint_eq(list_errors(reader, ERR_OVERLOADED), 300);
    ck_assert_uint_eq(list_charged(reader, CHARGED_NO), 300);
    list_free(reader);
}

/* ---- the store ---- */

TEST(list_waits_for_the_store)
{
    struct list_reader *reader = list_open(list_of_companies(0, 1500));

    flow_advance(40000);
    weak_store_fail_all(flow.store, true);
    flow_advance(10 * MINUTE_MS);
    list_read(reader);
    ck_assert(!reader->is_over);
    ck_assert_int_eq(waiting_for(reader), ERR_STORAGE_UNAVAILABLE);
    weak_store_fail_all(flow.store, false);
    list_read_all(reader, HOUR_MS);
    ck_assert_uint_eq(list_errors(reader, ERR_OK), 1500);
    ck_assert_uint_eq(list_charged(reader, CHARGED_YES), 1500);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1500);
    list_free(reader);
}

TEST(store_that_is_away_for_2_hours_ends_the_entries_after_one)
{
    struct list_reader *reader = list_open(list_of_companies(0, 1500));

    flow_advance(40000);
    weak_store_fail_all(flow.store, true);
    flow_advance(62 * MINUTE_MS);
    list_read_all(reader, 1000);
    expect_ended_with(reader, ERR_STORAGE_UNAVAILABLE, 0);
}

/* It returns neither a result nor an error. Many more entries than may wait for it together. */
TEST(store_that_hangs_for_2_hours_ends_the_entries_after_one)
{
    held_calls_set(HOLD_POSTED, "find");
    struct list_reader *reader = list_open(list_of_companies(0, 5000));

    flow_advance(4 * MINUTE_MS);
    ck_assert_int_eq(waiting_for(reader), ERR_OK);
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(waiting_for(reader), ERR_STORAGE_UNAVAILABLE);
    flow_advance(53 * MINUTE_MS);
    list_read(reader);
    ck_assert_uint_eq(reader->n, 0);
    flow_advance(3 * MINUTE_MS);
    list_read(reader);
    ck_assert(reader->is_over);
    ck_assert_uint_eq(list_errors(reader, ERR_STORAGE_UNAVAILABLE), 5000);
    ck_assert_uint_eq(list_charged(reader, CHARGED_NO), 5000);
    held_calls_release();
    list_free(reader);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 0);
}

TEST(store_that_hangs_for_a_while_ends_no_entry)
{
    held_calls_set(HOLD_POSTED, "find");
    struct list_reader *reader = list_open(list_of_companies(0, 200));

    flow_advance(50 * MINUTE_MS);
    held_calls_release();
    list_read_all(reader, HOUR_MS);
    ck_assert_uint_eq(list_errors(reader, ERR_OK), 200);
    ck_assert_uint_eq(list_charged(reader, CHARGED_YES), 200);
    list_free(reader);
}

/* ---- the drain ---- */

TEST(drain_ends_what_was_not_submitted)
{
    struct list_reader *reader = list_open(list_of_companies(0, 1500));

    flow_advance(10000);
    engine_drain(flow.engine, 2 * MINUTE_MS);
    flow_settle();
    struct list_reader *late = list_try(list_of_companies(0, 3));
    ck_assert_int_eq(late->open.err, ERR_DRAINING);
    list_free(late);
    list_read_all(reader, 3 * MINUTE_MS);
    expect_ended_with(reader, ERR_DRAINING, 0);
}

TEST(drain_without_time_ends_each_entry)
{
    struct list_reader *reader = list_open(list_of_companies(0, 1500));

    flow_advance(10000);
    engine_drain(flow.engine, 0);
    flow_settle();
    list_read_all(reader, 1000);
    ck_assert_uint_eq(list_errors(reader, ERR_DRAINING), 1500);
    ck_assert_uint_le(list_charged(reader, CHARGED_MAYBE), 400);
    list_free(reader);
}

TEST(restart_in_the_middle_costs_only_the_rest)
{
    struct list_reader *reader = list_open(list_of_companies(0, 1500));

    flow_advance(60000);
    list_read(reader);
    list_close(reader);
    flow_restart();
    list_free(reader);
    flow_advance(5 * MINUTE_MS);
    size_t spent = fake_upstream_ledger(flow.upstream);
    reader = list_open(list_of_companies(0, 1500));
    list_read_all(reader, HOUR_MS);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream),
                      spent + list_charged(reader, CHARGED_YES));
    list_free(reader);
}
