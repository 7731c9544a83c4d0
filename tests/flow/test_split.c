/* SPDX-License-Identifier: MIT */
/* test_split.c - tests batches that the upstream rejects with 400: the task that it rejects is
 * found, the others succeed, and an upstream that rejects everything ends quickly. */
#include "flow.h"
#include "weak_store.h"

#include "tests/support/suite.h"
#include <stdio.h>

static size_t submits(void)
{
    return fake_upstream_calls(flow.upstream, FAKE_SUBMIT);
}

static size_t ended_with(enum err err)
{
    size_t n = 0;

    for (size_t i = 0; i < flow.n_callers; i++)
        n += flow.callers[i]->answers == 1 && flow.callers[i]->err == err;
    return n;
}

static void reject_everything(void)
{
    fake_upstream_fault(flow.upstream, (struct fake_fault){.on = FAKE_SUBMIT,
                                                           .status = 400,
                                                           .body = "{\"detail\":\"no\"}",
                                                           .is_permanent = true});
}

static void reject_once(const char *body)
{
    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_SUBMIT, .status = 400, .body = body});
}

/* The rejected task is the one that each split tries alone, in the middle, or the last. */
RANGE_TEST(split_finds_the_rejected_task_with_few_submits, 0, 3)
{
    static const size_t places[] = {0, 42, 99};
    size_t bad = places[_i];

    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = bad == 0    ? "company0.com"
                                                                   : bad == 42 ? "company42.com"
                                                                               : "company99.com",
                                                         .is_rejected = true});
    for (int i = 0; i < 100; i++)
        flow_request(flow_company(i), 20 * MINUTE_MS);
    flow_advance(10 * MINUTE_MS);
    for (size_t i = 0; i < 100; i++)
        ck_assert_int_eq(flow.callers[i]->err, i == bad ? ERR_UPSTREAM_REJECTED : ERR_OK);
    ck_assert_int_eq(flow.callers[bad]->charged, CHARGED_NO);
    ck_assert_str_eq(flow.callers[bad]->detail, "this domain is rejected");
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 99);
    /* 100, 33, 11, 4: each of them, and its four parts. */
    ck_assert_uint_le(submits(), 1 + 4 * 4);
}

/* Half of the valid tasks are submitted again in the first split, a third more in the second. */
TEST(split_answers_most_valid_tasks_after_two_submits)
{
    size_t n_soon = 0;

    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "company42.com", .is_rejected = true});
    flow_request_companies(0, 100);
    flow_advance(62000);
    n_soon = ended_with(ERR_OK);
    ck_assert_uint_ge(n_soon, 66);
}

TEST(split_finds_several_rejected_tasks)
{
    static const char *const bad[] = {"company7.com", "company31.com", "company58.com",
                                      "company92.com"};

    for (size_t i = 0; i < 4; i++)
        fake_upstream_rule(flow.upstream,
                           (struct fake_rule){.domain = bad[i], .is_rejected = true});
    for (int i = 0; i < 100; i++)
        flow_request(flow_company(i), 20 * MINUTE_MS);
    flow_advance(15 * MINUTE_MS);
    ck_assert_uint_eq(ended_with(ERR_OK), 96);
    ck_assert_uint_eq(ended_with(ERR_UPSTREAM_REJECTED), 4);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_OK);
}

TEST(split_of_everything_rejected_ends_all_after_five_submits)
{
    reject_everything();
    flow_request_companies(0, 100);
    flow_advance(53000);
    ck_assert_uint_eq(ended_with(ERR_UPSTREAM_REJECTED), 100);
    ck_assert_str_eq(flow.callers[50]->detail, "no");
    ck_assert_int_eq(flow.callers[50]->charged, CHARGED_NO);
    ck_assert_uint_eq(submits(), 5);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 0);
}

TEST(split_of_300_rejected_tasks_ends_them_within_two_minutes)
{
    reject_everything();
    flow_request_companies(0, 300);
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(ended_with(ERR_UPSTREAM_REJECTED), 300);
    ck_assert_uint_le(submits(), 15);
}

TEST(split_circuit_opens_and_tries_one_task_a_minute)
{
    reject_everything();
    flow_request_companies(0, 300);
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_CIRCUIT_OPEN);
    size_t before = submits();
    for (int i = 0; i < 60; i++) {
        flow_request(flow_company(1000 + i), WAIT_MS);
        flow_advance(MINUTE_MS);
    }
    ck_assert_uint_ge(submits() - before, 30);
    ck_assert_uint_le(submits() - before, 60);
    fake_upstream_clear_faults(flow.upstream);
    flow_advance(5 * MINUTE_MS);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_OK);
}

/* A client with only invalid lookups delays another client by one probe. */
TEST(split_circuit_is_closed_by_another_client)
{
    static char names[350][32];

    for (int i = 0; i < 350; i++)
        snprintf(names[i], sizeof names[i], "invalid%d.com", i);
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "invalid", .is_rejected = true});
    for (int i = 0; i < 300; i++)
        flow_request_as("flood", names[i], 20 * MINUTE_MS);
    flow_advance(110000);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_CIRCUIT_OPEN);
    for (int i = 300; i < 350; i++)
        flow_request_as("flood", names[i], 20 * MINUTE_MS);
    struct caller *small = flow_request_as("small", "milvali.com", WAIT_MS);
    flow_advance(3 * MINUTE_MS);
    ck_assert_int_eq(small->err, ERR_OK);
}

TEST(split_with_two_messages_goes_on)
{
    static const char *const bodies[] = {"{\"detail\":\"a\"}", "{\"detail\":\"a\"}",
                                         "{\"detail\":\"b\"}", "{\"detail\":\"a\"}",
                                         "{\"detail\":\"a\"}"};

    for (size_t i = 0; i < 5; i++)
        reject_once(bodies[i]);
    flow_request_companies(0, 100);
    flow_advance(3 * MINUTE_MS);
    ck_assert_uint_eq(ended_with(ERR_UPSTREAM_REJECTED), 1); /* the task that was tried alone */
    ck_assert_uint_eq(ended_with(ERR_OK), 99);
}

TEST(split_part_whose_outcome_is_unknown_lets_the_others_go_on)
{
    for (int i = 0; i < 4; i++)
        reject_once("{\"detail\":\"a\"}");
    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN});
    flow_request_companies(0, 100);
    flow_advance(3 * MINUTE_MS);
    ck_assert_uint_eq(ended_with(ERR_UPSTREAM_REJECTED), 1);
    ck_assert_uint_eq(ended_with(ERR_UPSTREAM_OUTCOME_UNKNOWN), 33);
    ck_assert_uint_eq(ended_with(ERR_OK), 66);
}

RANGE_TEST(split_parts_that_wait_end_with_a_pause_or_drain, 0, 2)
{
    struct engine_options options = flow_options();

    options.batch.slots = 2;
    flow_start(options);
    reject_everything();
    flow_request_companies(0, 100);
    flow_advance(60000); /* two parts were rejected, two are in flight */
    if (_i)
        engine_drain(flow.engine, MINUTE_MS);
    else
        engine_set_paused(flow.engine, true);
    flow_settle();
    ck_assert_uint_eq(ended_with(_i ? ERR_DRAINING : ERR_PAUSED), 33);
    flow_advance(30000);
    ck_assert_uint_eq(
        ended_with(ERR_UPSTREAM_REJECTED) + ended_with(ERR_PAUSED) + ended_with(ERR_DRAINING), 100);
    ck_assert_uint_eq(submits(), 5);
}

TEST(split_records_each_part_as_a_batch_of_its_own)
{
    reject_once("{\"detail\":\"a\"}");
    reject_once("{\"detail\":\"a\"}");
    flow_request_companies(0, 8);
    flow_advance(30000); /* 1, 3, 2 and 2 are in flight; the first will be rejected */
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_SPLIT), 3);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(ended_with(ERR_OK), 7);
    ck_assert_uint_eq(ended_with(ERR_UPSTREAM_REJECTED), 1);
}

static void leave(size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++)
        engine_abandon(flow.engine, flow.callers[i]->request.ticket);
}

TEST(split_submits_only_the_tasks_whose_callers_are_there)
{
    reject_once("{\"detail\":\"a\"}");
    flow_request_companies(0, 8);
    flow_advance(1000);
    leave(1, 7);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(flow.callers[0]->err, ERR_OK);
    ck_assert_uint_eq(submits(), 2);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(split_of_a_batch_without_callers_submits_nothing)
{
    reject_once("{\"detail\":\"a\"}");
    flow_request_companies(0, 8);
    flow_advance(1000);
    leave(0, 8);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(submits(), 1);
    ck_assert_int_eq(engine_status(flow.engine).lookups, 0);
}

TEST(split_part_that_waits_ends_when_its_callers_leave)
{
    struct engine_options options = flow_options();

    options.batch.slots = 1;
    flow_start(options);
    for (int i = 0; i < 3; i++) /* all eight, one alone, and three of the others */
        reject_once("{\"detail\":\"a\"}");
    flow_request_companies(0, 8);
    flow_advance(80000);
    ck_assert_uint_eq(submits(), 4);
    leave(1, 3);
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(ended_with(ERR_OK), 4);
    ck_assert_uint_eq(submits(), 5);
}

/* The upstream gives no reason, neither for the batch nor for its parts. */
TEST(split_of_everything_rejected_without_a_message_ends_all_after_five_submits)
{
    for (int i = 0; i < 5; i++)
        reject_once("{\"detail\":null}");
    flow_request_companies(0, 100);
    flow_advance(53000);
    ck_assert_uint_eq(ended_with(ERR_UPSTREAM_REJECTED), 100);
    ck_assert_ptr_null(flow.callers[0]->detail);
    ck_assert_ptr_null(flow.callers[99]->detail);
    ck_assert_uint_eq(submits(), 5);
}

/* ---- several rejected batches ---- */

static void start_with(size_t size, int slots)
{
    struct engine_options options = flow_options();

    options.batch.size = size;
    options.batch.slots = slots;
    flow_start(options);
}

/* Each batch has five tasks, in parts of 1, 2, 1 and 1. When the second batch has a result that
 * lets its parts go on, two parts of the first were rejected, and the last is still in flight. */
TEST(split_parts_wait_for_those_of_their_own_batch_only)
{
    for (int i = 0; i < 5; i++) /* both batches, and three parts of the first */
        reject_once("{\"detail\":\"a\"}");
    flow_request_companies(0, 5);
    flow_advance(1000);
    flow_request_companies(5, 5);
    flow_advance(30000);
    reject_once("{\"detail\":\"a\"}"); /* the last part of the first batch */
    flow_advance(4 * MINUTE_MS);
    for (size_t i = 0; i < 10; i++)
        ck_assert_int_eq(flow.callers[i]->err, i < 5 ? ERR_UPSTREAM_REJECTED : ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 5);
}

/* 20 tasks of two clients, who take turns, are rejected. Another submit is denied while their parts
 * wait, of 1, 7, 6 and 6 tasks. So the first of these is cut to one task, which probes the circuit.
 */
static void cut_a_part(void)
{
    start_with(100, 2);
    reject_once("{\"detail\":\"a\"}");
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 401, .body = "{\"detail\":\"no\"}"});
    reject_once("{\"detail\":\"a\"}"); /* the task that is tried alone */
    for (int i = 0; i < 10; i++)
        flow_request_as("early", flow_company(i), 20 * MINUTE_MS);
    flow_advance(50);
    for (int i = 10; i < 20; i++)
        flow_request_as("late", flow_company(i), 20 * MINUTE_MS);
    flow_advance(1000);
    flow_request_as("other", "denied.com", 20 * MINUTE_MS);
    flow_advance(30000); /* the probe is in flight */
    ck_assert_uint_eq(submits(), 4);
}

TEST(split_part_is_probed_with_its_oldest_task)
{
    cut_a_part();
    flow_advance(24000);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
    ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, "company1.com"), 1);
}

/* The probe is accepted, so the tasks are not all invalid. Two other parts that are rejected as
 * before need not wait for the last one. */
TEST(split_probe_that_was_cut_from_a_part_counts_as_a_part)
{
    cut_a_part();
    reject_once("{\"detail\":\"a\"}");
    reject_once("{\"detail\":\"a\"}");
    flow_advance(47000);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_SPLIT), 3 + 1);
    flow_advance(2000); /* each of the two was split in four */
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_SPLIT), 3 + 1 + 2 * 3);
    flow_advance(10 * MINUTE_MS);
    ck_assert_uint_eq(ended_with(ERR_UPSTREAM_REJECTED), 1);
    ck_assert_uint_eq(ended_with(ERR_UPSTREAM_AUTH), 1);
    ck_assert_uint_eq(ended_with(ERR_OK), 19);
}

/* With one slot and batches of three tasks, parts and new batches alternate. The second batch that
 * is rejected as a whole opens the circuit after 260 s. Then wait: the third batch, which was
 * rejected too; one that was rejected with another message; and one that could not be sent. */
static void open_while_parts_wait(void)
{
    static char names[15][32];

    start_with(3, 1);
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "invalid", .is_rejected = true});
    for (int i = 0; i < 15; i++) {
        snprintf(names[i], sizeof names[i], i < 9 ? "invalid%d.com" : "good%d.com", i);
        flow_request(names[i], HOUR_MS);
    }
    flow_advance(140000);
    reject_once("{\"detail\":\"b\"}");
    flow_advance(50000);
    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_NOT_SENT});
    flow_advance(69000);
    ck_assert_uint_eq(ended_with(ERR_UPSTREAM_REJECTED), 5);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_OK);
    flow_advance(2000);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_CIRCUIT_OPEN);
}

TEST(split_that_opens_the_circuit_ends_only_parts_with_its_message)
{
    open_while_parts_wait();
    for (size_t i = 0; i < 15; i++) {
        ck_assert_int_eq(flow.callers[i]->answers, i < 9);
        ck_assert_int_eq(flow.callers[i]->err, i < 9 ? ERR_UPSTREAM_REJECTED : ERR_OK);
    }
    flow_advance(20 * MINUTE_MS);
    ck_assert_uint_eq(ended_with(ERR_OK), 6);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 6);
}

/* Not with the oldest task, which may be another invalid lookup of the same client. */
TEST(split_circuit_is_probed_with_a_new_task_although_parts_wait)
{
    open_while_parts_wait();
    struct caller *caller = flow_request_as("small", "milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_int_eq(caller->answers, 1);
    ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, "milvali.com"), 1);
    for (size_t i = 9; i < 15; i++)
        ck_assert_int_eq(flow.callers[i]->answers, 0);
}
