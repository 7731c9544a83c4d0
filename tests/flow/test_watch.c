/* SPDX-License-Identifier: MIT */
/* test_watch.c - tests the call that waits until a lookup enters another phase: each way in which
 * it returns, once. */
#include "notify_flow.h"

#include "tests/support/suite.h"
#include <string.h>

#define CALL_MS 5000 /* after it, a call returns without the store */

static struct watch_lookup_call watch;
static int n_returns;

static void post(struct watch_lookup_call values, int64_t wait_ms)
{
    watch = values;
    watch.call.run = engine_watch_lookup;
    watch.until_ms = flow_now_ms() + wait_ms;
    n_returns = 0;
    flow_post(&watch.call, &n_returns);
}

static void watch_request(const struct caller *caller, enum task_phase seen, int64_t wait_ms)
{
    post((struct watch_lookup_call){.ticket = caller->request.ticket, .seen = seen}, wait_ms);
}

static void watch_id(const char *id, enum task_phase seen, int64_t wait_ms)
{
    struct watch_lookup_call values = {.seen = seen};

    snprintf(values.id, sizeof values.id, "%s", id);
    post(values, wait_ms);
}

static void advance(int64_t ms)
{
    flow_advance(ms);
    inbox_run_all(flow.inbox);
}

static void expect_open(void)
{
    inbox_run_all(flow.inbox);
    ck_assert_int_eq(n_returns, 0);
}

static void expect_phase(enum task_phase phase)
{
    ck_assert_int_eq(n_returns, 1);
    ck_assert_int_eq(watch.err, ERR_OK);
    ck_assert_ptr_null(watch.result);
    ck_assert_int_eq(watch.progress.phase, phase);
    ck_assert_str_eq(watch.domain, "milvali.com");
}

static void expect_error(enum err err)
{
    ck_assert_int_eq(n_returns, 1);
    ck_assert_int_eq(watch.err, err);
    ck_assert_ptr_null(watch.result);
}

static void expect_result(void)
{
    ck_assert_int_eq(n_returns, 1);
    ck_assert_int_eq(watch.err, ERR_OK);
    ck_assert_uint_gt(watch.result->n_emails, 0);
    result_unref(watch.result);
}

/* Starts a lookup that can be found by its id. Returns the caller that got it. */
static struct caller *promised(void)
{
    struct caller *hasty = flow_request("milvali.com", 50);

    flow_advance(50);
    ck_assert_int_eq(hasty->err, ERR_STILL_PROCESSING);
    return hasty;
}

/* ---- a change ---- */

TEST(watch_returns_each_phase_of_a_request)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    flow_settle();
    watch_request(caller, TASK_IDLE, WAIT_MS);
    expect_phase(TASK_QUEUED);
    ck_assert_uint_eq(strlen(watch.found_id), ID_LEN);
    watch_request(caller, TASK_QUEUED, WAIT_MS);
    advance(99);
    expect_open();
    advance(1);
    expect_phase(TASK_SUBMITTING);
    ck_assert_int_eq(watch.progress.timing.queue_ms, 100);
    watch_request(caller, TASK_SUBMITTING, WAIT_MS);
    advance(25999);
    expect_open();
    advance(1);
    expect_phase(TASK_PROCESSING);
    ck_assert_int_eq(watch.progress.timing.submit_ms, 26000);
    ck_assert_int_eq(watch.progress.elapsed_ms, 26100);
    fake_upstream_set_read_ms(flow.upstream, 100);
    watch_request(caller, TASK_PROCESSING, WAIT_MS);
    advance(3000);
    expect_phase(TASK_FETCHING);
}

TEST(watch_by_id_returns_another_phase_than_the_one_seen)
{
    struct caller *hasty = promised();

    watch_id(hasty->lookup_id, TASK_IDLE, WAIT_MS);
    expect_phase(TASK_QUEUED);
    ck_assert_str_eq(watch.found_id, hasty->lookup_id);
    watch_id(hasty->lookup_id, TASK_QUEUED, WAIT_MS);
    advance(50);
    expect_phase(TASK_SUBMITTING);
    watch_id(hasty->lookup_id, TASK_QUEUED, WAIT_MS);
    expect_phase(TASK_SUBMITTING);
}

TEST(watch_returns_a_phase_that_repeats)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_NOT_SENT});
    flow_advance(100);
    watch_request(caller, TASK_SUBMITTING, WAIT_MS);
    advance(26000);
    expect_phase(TASK_QUEUED);
}

TEST(watch_of_several_callers_returns_to_all)
{
    struct watch_lookup_call others[3];
    int returns[3] = {0};
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    for (size_t i = 0; i < 3; i++) {
        others[i] = (struct watch_lookup_call){.call.run = engine_watch_lookup,
                                               .ticket = caller->request.ticket,
                                               .seen = TASK_QUEUED,
                                               .until_ms = flow_now_ms() + WAIT_MS};
        flow_post(&others[i].call, &returns[i]);
    }
    advance(100);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(returns[i], 1);
        ck_assert_int_eq(others[i].progress.phase, TASK_SUBMITTING);
    }
}

/* ---- before there is a lookup ---- */

TEST(watch_of_a_request_that_waits_for_the_store_returns_its_lookup)
{
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    watch_request(caller, TASK_IDLE, WAIT_MS);
    expect_open();
    release();
    expect_phase(TASK_QUEUED);
    ck_assert_str_ne(watch.found_id, "");
}

TEST(watch_of_a_request_that_waits_for_the_store_returns_in_time)
{
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    watch_request(caller, TASK_IDLE, 1000);
    advance(999);
    expect_open();
    advance(1);
    expect_phase(TASK_IDLE);
    ck_assert_str_eq(watch.found_id, "");
    ck_assert_int_eq(watch.progress.elapsed_ms, 0);
    release();
}

/* ---- the end ---- */

TEST(watch_returns_at_its_time_with_the_phase)
{
    struct caller *hasty = promised();

    advance(1000);
    watch_id(hasty->lookup_id, TASK_SUBMITTING, 2000);
    advance(1999);
    expect_open();
    advance(1);
    expect_phase(TASK_SUBMITTING);
    ck_assert_int_eq(watch.progress.elapsed_ms, 3050);
    watch_id(hasty->lookup_id, TASK_SUBMITTING, 0);
    expect_phase(TASK_SUBMITTING);
    advance(MINUTE_MS);
    ck_assert_int_eq(n_returns, 1);
}

TEST(watch_of_a_request_returns_not_found_when_it_ends)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    flow_advance(28050);
    watch_request(caller, TASK_PROCESSING, WAIT_MS);
    expect_open();
    flow_advance(50);
    ck_assert_int_eq(caller->err, ERR_OK);
    inbox_run_all(flow.inbox);
    ck_assert_int_eq(n_returns, 1); /* its batch was ready, and its result was read then */
    watch_request(caller, TASK_FETCHING, WAIT_MS);
    expect_error(ERR_NOT_FOUND);
}

TEST(watch_of_a_request_returns_not_found_when_its_wait_ends)
{
    struct caller *hasty = flow_request("milvali.com", 5000);

    flow_advance(1000);
    watch_request(hasty, TASK_SUBMITTING, WAIT_MS);
    advance(3999);
    expect_open();
    advance(1);
    expect_error(ERR_NOT_FOUND);
}

TEST(watch_of_a_request_returns_not_found_when_its_client_leaves)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    flow_settle();
    watch_request(caller, TASK_QUEUED, WAIT_MS);
    engine_abandon(flow.engine, caller->request.ticket);
    advance(0);
    expect_error(ERR_NOT_FOUND);
}

TEST(watch_by_id_returns_the_result_when_it_is_recorded)
{
    struct caller *hasty = promised();

    flow_advance(28000);
    watch_id(hasty->lookup_id, TASK_PROCESSING, WAIT_MS);
    held_calls_set(HOLD_EXECUTED, "end_task");
    fake_upstream_set_read_ms(flow.upstream, 0);
    advance(50);
    expect_phase(TASK_FETCHING);
    watch_id(hasty->lookup_id, TASK_PROCESSING, WAIT_MS); /* the end is being recorded */
    expect_open();
    release();
    expect_result();
    ck_assert_int_gt(watch.progress.timing.submit_ms, 0);
    ck_assert_int_ge(watch.progress.elapsed_ms, 28000);
}

TEST(watch_by_id_returns_not_found_when_the_lookup_is_dropped)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    flow_settle();
    watch_request(caller, TASK_IDLE, WAIT_MS);
    char id[ID_TEXT];
    memcpy(id, watch.found_id, sizeof id);
    watch_id(id, TASK_QUEUED, WAIT_MS);
    expect_open();
    engine_abandon(flow.engine, caller->request.ticket);
    advance(0);
    expect_error(ERR_NOT_FOUND);
}

/* ---- a finished lookup ---- */

TEST(watch_by_id_returns_a_finished_lookup_from_memory_and_store)
{
    struct caller *hasty = promised();

    flow_advance(30000);
    watch_id(hasty->lookup_id, TASK_FETCHING, WAIT_MS);
    expect_result();
    flow_restart();
    held_calls_set(HOLD_EXECUTED, "find_lookup");
    watch_id(hasty->lookup_id, TASK_FETCHING, 10);
    advance(100); /* longer than it was to wait */
    expect_open();
    release();
    expect_result();
}

TEST(watch_by_id_returns_the_error_of_the_store)
{
    struct caller *hasty = promised();

    flow_advance(30000);
    flow_restart();
    held_calls_set(HOLD_EXECUTED, "find_lookup");
    watch_id(hasty->lookup_id, TASK_IDLE, WAIT_MS);
    advance(CALL_MS - 1);
    expect_open();
    advance(1);
    expect_error(ERR_STORAGE_UNAVAILABLE);
    release();
    ck_assert_int_eq(n_returns, 1);
}

TEST(watch_of_an_unknown_lookup_returns_not_found)
{
    watch_id("0123456789abcdef0123456789abcdef", TASK_IDLE, WAIT_MS);
    expect_error(ERR_NOT_FOUND);
    post((struct watch_lookup_call){.ticket = 12345}, WAIT_MS);
    expect_error(ERR_NOT_FOUND);
}

/* ---- the stop ---- */

TEST(watch_returns_when_the_engine_has_drained)
{
    struct caller *hasty = promised();
    struct caller *waits = flow_request("milvali.com", WAIT_MS);
    struct watch_lookup_call other = {.call.run = engine_watch_lookup, .seen = TASK_SUBMITTING};
    int n_other = 0;

    flow_advance(1000);
    other.ticket = waits->request.ticket;
    other.until_ms = flow_now_ms() + WAIT_MS;
    flow_post(&other.call, &n_other);
    watch_id(hasty->lookup_id, TASK_SUBMITTING, WAIT_MS);
    engine_drain(flow.engine, 1000);
    advance(999);
    expect_open();
    ck_assert_int_eq(n_other, 0);
    advance(1);
    expect_error(ERR_DRAINING);
    ck_assert_int_eq(n_other, 1);
    ck_assert_int_eq(other.err, ERR_NOT_FOUND);
    watch_id(hasty->lookup_id, TASK_SUBMITTING, WAIT_MS); /* it does not wait any more */
    expect_error(ERR_DRAINING);
}
