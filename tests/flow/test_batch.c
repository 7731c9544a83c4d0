/* SPDX-License-Identifier: MIT */
/* test_batch.c - tests how batches are formed, and what the result of a submit means for their
 * tasks. */
#include "flow.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

TEST(batch_of_250_questions_takes_three_submits)
{
    flow_request_companies(0, 250);
    flow_advance(120000);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 3);
    ck_assert_uint_eq(fake_upstream_largest_batch(flow.upstream), 100);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 250);
    for (size_t i = 0; i < flow.n_callers; i++) {
        char own[48];
        snprintf(own, sizeof own, "info@company%zu.com", i);
        ck_assert_int_eq(flow.callers[i]->err, ERR_OK);
        ck_assert_ptr_nonnull(strstr(flow.callers[i]->body, own));
    }
}

TEST(batch_full_is_submitted_without_lingering)
{
    flow_request_companies(0, 100);
    flow_settle();
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
}

TEST(batch_takes_all_questions_within_the_linger)
{
    flow_request_companies(0, 1);
    flow_advance(99);
    flow_request_companies(1, 1);
    flow_settle();
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 0);
    flow_advance(1);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
    flow_advance(60000);
    ck_assert_uint_eq(fake_upstream_largest_batch(flow.upstream), 2);
}

TEST(batch_without_a_free_slot_keeps_filling)
{
    for (int i = 0; i < 4; i++) {
        flow_request_companies(i, 1);
        flow_advance(200);
    }
    for (int i = 4; i < 10; i++) {
        flow_request_companies(i, 1);
        flow_advance(1000);
    }
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 4);
    flow_advance(60000);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 5);
    ck_assert_uint_eq(fake_upstream_largest_batch(flow.upstream), 6);
}

TEST(submit_uses_a_connection_of_its_own)
{
    flow_request_companies(0, 201);
    flow_advance(60000);
    ck_assert(fake_upstream_submits_were_only_once(flow.upstream));
}

TEST(submit_not_sent_is_retried)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    const struct fake_fault refused = {.on = FAKE_SUBMIT, .end = TRANSPORT_NOT_SENT};

    fake_upstream_fault(flow.upstream, refused);
    fake_upstream_fault(flow.upstream, refused);
    flow_advance(60000);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 3);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(submit_to_unreachable_upstream_fails_after_three_tries)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    for (int i = 0; i < 3; i++)
        fake_upstream_fault(flow.upstream,
                            (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_NOT_SENT});
    flow_advance(10000);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_ERROR);
    ck_assert_int_eq(caller->charged, CHARGED_NO);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 0);
}

TEST(submit_not_sent_is_not_retried_for_callers_who_have_left)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_NOT_SENT});
    flow_advance(200);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
    engine_abandon(flow.engine, caller->request.ticket);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_CANCELLED);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
    ck_assert_int_eq(engine_status(flow.engine).lookups, 0);
}

/* ---- slots ---- */

TEST(slot_of_a_batch_that_backs_off_is_free)
{
    struct engine_options options = flow_options();

    options.batch.slots = 1;
    flow_start(options);
    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_NOT_SENT});
    struct caller *backs_off = flow_request("a.com", WAIT_MS);
    flow_advance(200);
    ck_assert_int_eq(engine_status(flow.engine).submits, 0);
    struct caller *other = flow_request("b.com", WAIT_MS);
    flow_advance(200);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 2);
    ck_assert_int_eq(engine_status(flow.engine).submits, 1);
    flow_advance(5000); /* the first batch is due, and waits for the slot */
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 2);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(backs_off->err, ERR_OK);
    ck_assert_int_eq(other->err, ERR_OK);
    ck_assert_int_lt(other->answered_ms, backs_off->answered_ms);
}

/* ---- back-pressure ---- */

static size_t answered(void)
{
    size_t n = 0;

    for (size_t i = 0; i < flow.n_callers; i++)
        n += flow.callers[i]->answers == 1 && flow.callers[i]->err == ERR_OK;
    return n;
}

TEST(back_pressure_keeps_tasks_in_the_queue_until_others_are_read)
{
    struct engine_options options = flow_options();

    options.batch.reads_per_second = 1; /* 120 unread tasks */
    options.batch.slots = 8;
    options.batch.lifetime_ms = DAY_MS;
    flow_start(options);
    for (int i = 0; i < 1000; i++)
        flow_request(flow_company(i), 10 * HOUR_MS);
    flow_advance(5 * MINUTE_MS); /* eight batches, and one when the first was accepted */
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 900);
    ck_assert_uint_lt(answered(), 320);
    flow_advance(5 * MINUTE_MS);
    ck_assert_uint_lt(answered(), 680);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 9);
    flow_advance(2 * HOUR_MS);
    ck_assert_uint_eq(answered(), 1000);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1000);
}

/* A submit is denied, but the balance says nothing against a probe. */
TEST(back_pressure_keeps_a_probe_in_the_queue_too)
{
    struct engine_options options = flow_options();

    options.batch.reads_per_second = 1; /* 120 unread tasks */
    flow_start(options);
    for (int i = 0; i < 200; i++)
        flow_request(flow_company(i), HOUR_MS);
    flow_advance(1000);
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 401, .body = "{\"detail\":\"no\"}"});
    flow_request("denied.com", HOUR_MS);
    flow_advance(25500); /* 200 tasks were accepted */
    struct caller *waits = flow_request("milvali.com", HOUR_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(flow.callers[200]->err, ERR_UPSTREAM_AUTH);
    ck_assert_uint_gt(answered(), 0);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 3);
    flow_advance(10 * MINUTE_MS);
    ck_assert_int_eq(waits->err, ERR_OK);
    ck_assert_uint_eq(answered(), 201);
}

TEST(back_pressure_without_a_limit_of_reads_is_off)
{
    struct engine_options options = flow_options();

    options.batch.reads_per_second = 0;
    flow_start(options);
    fake_upstream_set_task_ms(flow.upstream, 10 * MINUTE_MS);
    for (int i = 0; i < 2500; i++)
        flow_request(flow_company(i), HOUR_MS);
    flow_advance(6 * MINUTE_MS);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2500);
}

TEST(overloaded_retry_after_follows_queue_and_rate)
{
    struct engine_options options = flow_options();

    options.batch.max_queued = 1000;
    flow_start(options);
    for (int i = 0; i < 1410; i++)
        flow_request(flow_company(i), HOUR_MS);
    flow_settle();
    struct caller *early = flow_request("early.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(early->err, ERR_OVERLOADED);
    ck_assert_int_ge(early->retry_after_s, 55); /* 1,000 tasks, about 15 in a second */
    ck_assert_int_le(early->retry_after_s, 70);
    flow_advance(40000);
    for (int i = 2000; i < 2410; i++) /* fill it again */
        flow_request(flow_company(i), HOUR_MS);
    flow_settle();
    struct caller *later = flow_request("later.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(later->err, ERR_OVERLOADED);
    ck_assert_int_ge(later->retry_after_s, 40);
    ck_assert_int_le(later->retry_after_s, 100);
}

TEST(overloaded_by_a_stuck_upstream_says_ten_minutes)
{
    struct engine_options options = flow_options();

    options.batch.max_queued = 100;
    options.batch.slots = 1;
    options.batch.size = 1;
    flow_start(options);
    for (int i = 0; i < 110; i++)
        flow_request(flow_company(i), HOUR_MS);
    flow_advance(40000);
    fake_upstream_set_submit_ms(flow.upstream, 10 * HOUR_MS);
    flow_advance(3 * MINUTE_MS);
    for (int i = 110; i < 130; i++)
        flow_request(flow_company(i), HOUR_MS);
    struct caller *rejected = flow_request("late.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(rejected->err, ERR_OVERLOADED);
    ck_assert_int_eq(rejected->retry_after_s, 600);
}

/* ---- results of submits ---- */

/* The result of a submit, as its caller receives it, and the number of submits within two
 * minutes. */
static const struct end_row {
    const char *what;
    struct fake_fault fault;
    enum err err;
    enum charged charged;
    size_t submits;
} ends[] = {
    {"U3 closed without a response",
     {.end = TRANSPORT_BROKEN, .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U2 timed out",
     {.end = TRANSPORT_TIMEOUT, .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U32 an endless body",
     {.end = TRANSPORT_TOO_BIG, .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U14 not JSON",
     {.status = 200, .body = "<html>", .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U15 no batch id",
     {.status = 200, .body = "{\"batch_id\":null}", .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U16 a batch id with a line break",
     {.status = 200, .body = "{\"batch_id\":\"a\\nb\"}", .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U20 400",
     {.status = 400, .body = "{\"detail\":\"Domain is required\"}"},
     ERR_UPSTREAM_REJECTED,
     CHARGED_NO,
     1},
    {"U21 401", {.status = 401, .body = "{\"detail\":\"no\"}"}, ERR_UPSTREAM_AUTH, CHARGED_NO, 1},
    {"U22 402",
     {.status = 402, .body = "{\"detail\":\"no\"}"},
     ERR_CREDITS_EXHAUSTED,
     CHARGED_NO,
     1},
    {"U23 403", {.status = 403, .body = "{\"detail\":\"no\"}"}, ERR_UPSTREAM_BANNED, CHARGED_NO, 1},
    {"U23 403 of a CDN", {.status = 403, .body = "<html>"}, ERR_UPSTREAM_ERROR, CHARGED_NO, 1},
    {"U24 404",
     {.status = 404, .body = "{\"detail\":\"no\"}", .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U25 429", {.status = 429, .body = "{}"}, ERR_OK, CHARGED_YES, 2},
    {"U25 429 with a short wait",
     {.status = 429, .body = "{}", .retry_after_s = 20},
     ERR_OK,
     CHARGED_YES,
     2},
    {"U25 408",
     {.status = 408, .body = "{}", .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U26 500",
     {.status = 500, .body = "{}", .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U27 502",
     {.status = 502, .body = "<html>", .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U27 503",
     {.status = 503, .body = "<html>", .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U27 503 with Retry-After",
     {.status = 503, .body = "", .retry_after_s = 2, .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
    {"U28 302",
     {.status = 302, .body = "", .creates = true},
     ERR_UPSTREAM_OUTCOME_UNKNOWN,
     CHARGED_MAYBE,
     1},
};

LOOP_TEST(submit_result_decides_error_charge_and_retry, ends)
{
    const struct end_row *row = &ends[_i];
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    fake_upstream_fault(flow.upstream, row->fault);
    flow_advance(120000);
    ck_assert_msg(caller->err == row->err, "%s: %s", row->what, err_words(caller->err));
    if (row->err)
        ck_assert_msg(caller->charged == row->charged, "%s: charged", row->what);
    ck_assert_msg(fake_upstream_calls(flow.upstream, FAKE_SUBMIT) == row->submits,
                  "%s: %zu submits", row->what, fake_upstream_calls(flow.upstream, FAKE_SUBMIT));
    ck_assert_msg(fake_upstream_ledger(flow.upstream) <= 1, "%s: paid twice", row->what);
}
