/* SPDX-License-Identifier: MIT */
/* test_phases.c - tests the phases of a lookup that a request sees, and the time in each. */
#include "flow.h"
#include "weak_store.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

/* The phases in which requests have been, one letter each, in order. */
static char phases[64];

static void note_phase(struct lookup_request *request, enum task_phase phase)
{
    static const char letters[] = {
        [TASK_IDLE] = 'i',       [TASK_QUEUED] = 'q',   [TASK_SUBMITTING] = 's',
        [TASK_PROCESSING] = 'p', [TASK_FETCHING] = 'f', [TASK_ENDED] = 'e'};
    size_t len = strlen(phases);

    (void)request;
    ck_assert_uint_lt(len, sizeof phases - 1);
    phases[len] = letters[phase];
    phases[len + 1] = '\0';
}

static struct caller *request_noting(const char *domain, int64_t wait_ms)
{
    struct caller *caller = flow_request(domain, wait_ms);

    caller->request.moved = note_phase; /* the engine has not run yet */
    return caller;
}

static void check_timing(const struct lookup_timing *timing, struct lookup_timing expected)
{
    ck_assert_int_eq(timing->queue_ms, expected.queue_ms);
    ck_assert_int_eq(timing->submit_ms, expected.submit_ms);
    ck_assert_int_eq(timing->upstream_ms, expected.upstream_ms);
    ck_assert_int_eq(timing->read_ms, expected.read_ms);
}

/* ---- the phases ---- */

TEST(phases_of_a_lookup_are_reported_in_order)
{
    request_noting("milvali.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_str_eq(phases, "qspf");
}

TEST(phases_of_a_joined_lookup_begin_with_the_current_one)
{
    flow_request("milvali.com", WAIT_MS);
    flow_advance(10000);
    request_noting("milvali.com", WAIT_MS);
    request_noting("milvali.com", WAIT_MS);
    flow_advance(20000);
    ck_assert_str_eq(phases, "ssppff");
}

TEST(phases_of_a_repeated_submit_are_reported_again)
{
    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_NOT_SENT});
    request_noting("milvali.com", WAIT_MS);
    flow_advance(2 * MINUTE_MS);
    ck_assert_str_eq(phases, "qsqspf");
}

TEST(phases_of_a_task_that_is_paused_end_in_the_queue)
{
    struct caller *caller = request_noting("milvali.com", WAIT_MS);

    flow_settle();
    engine_set_paused(flow.engine, true);
    flow_settle();
    ck_assert_int_eq(caller->err, ERR_PAUSED);
    ck_assert_str_eq(phases, "q");
}

TEST(phases_are_not_reported_after_the_wait)
{
    request_noting("milvali.com", 1000);
    flow_advance(30000);
    ck_assert_str_eq(phases, "qs");
}

TEST(phases_of_a_hit_are_none)
{
    flow_request("milvali.com", WAIT_MS);
    flow_advance(30000);
    request_noting("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_str_eq(phases, "");
}

/* ---- the time in each ---- */

TEST(timing_of_a_result_is_that_of_its_lookup)
{
    fake_upstream_set_read_ms(flow.upstream, 40);
    struct caller *first = flow_request("milvali.com", WAIT_MS);
    flow_advance(10000);
    struct caller *joined = flow_request("milvali.com", WAIT_MS);
    flow_advance(30000);
    int64_t took_ms = first->answered_ms - first->asked_ms;
    /* The status that says that the batch is ready, and then the list and the task. */
    check_timing(&first->timing, (struct lookup_timing){100, 26000, took_ms - 26180, 80});
    check_timing(&joined->timing, first->timing);
}

TEST(timing_adds_up_the_submits_that_are_repeated)
{
    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_SUBMIT, .status = 429, .body = "{}"});
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_OK);
    check_timing(&caller->timing, (struct lookup_timing){100 + 1000, 2 * 26000, 2000, 0});
}

TEST(timing_of_a_failure_is_returned_too)
{
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN, .creates = true});
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    check_timing(&caller->timing, (struct lookup_timing){.queue_ms = 100, .submit_ms = 26000});
}

TEST(timing_so_far_is_returned_when_the_wait_ends)
{
    struct caller *hasty = flow_request("milvali.com", 5000);
    struct caller *leaves = flow_request("milvali.com", WAIT_MS);
    struct find_lookup_call find = {.call.run = engine_find_lookup};

    flow_advance(7000);
    ck_assert_int_eq(hasty->err, ERR_STILL_PROCESSING);
    check_timing(&hasty->timing, (struct lookup_timing){.queue_ms = 100, .submit_ms = 4900});
    check_timing(&hasty->progress.timing, hasty->timing);
    engine_abandon(flow.engine, leaves->request.ticket);
    flow_advance(20000);
    check_timing(&leaves->timing, (struct lookup_timing){.queue_ms = 100, .submit_ms = 6900});
    snprintf(find.id, sizeof find.id, "%s", hasty->lookup_id);
    flow_call(&find.call);
    check_timing(&find.progress.timing, (struct lookup_timing){100, 26000, 900, 0});
}

TEST(timing_so_far_is_returned_by_the_drain)
{
    struct caller *sent = flow_request("milvali.com", WAIT_MS);
    flow_advance(10000);
    struct caller *queued = flow_request("other.com", WAIT_MS);
    flow_advance(50);
    engine_drain(flow.engine, 1000);
    flow_advance(1000);
    ck_assert_int_eq(sent->err, ERR_DRAINING);
    check_timing(&sent->timing, (struct lookup_timing){.queue_ms = 100, .submit_ms = 10950});
    ck_assert_int_eq(queued->err, ERR_DRAINING);
    check_timing(&queued->timing, (struct lookup_timing){.queue_ms = 50});
}

TEST(timing_without_a_lookup_is_zero)
{
    flow_request("milvali.com", WAIT_MS);
    flow_advance(30000);
    struct caller *hit = flow_request("milvali.com", WAIT_MS);
    weak_store_fail(flow.store, WEAK_FIND, true);
    struct caller *fails = flow_request("other.com", WAIT_MS);
    flow_advance(1000);
    ck_assert(hit->from_cache);
    check_timing(&hit->timing, (struct lookup_timing){0});
    ck_assert_int_eq(fails->err, ERR_STORAGE_UNAVAILABLE);
    check_timing(&fails->timing, (struct lookup_timing){0});
}

/* The journal knows when the submit was sent, and not when it was accepted. */
TEST(timing_after_a_restart_counts_the_age_as_upstream_time)
{
    fake_upstream_set_task_ms(flow.upstream, 2 * MINUTE_MS);
    flow_request("milvali.com", WAIT_MS);
    flow_advance(40000);
    flow_restart();
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(3 * MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_OK);
    int64_t took_ms = caller->answered_ms - caller->asked_ms;
    check_timing(&caller->timing, (struct lookup_timing){.upstream_ms = 39900 + took_ms});
}
