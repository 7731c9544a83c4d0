/* SPDX-License-Identifier: MIT */
/* test_reads.c - tests that the trouble of one batch stays its own, and that 429 slows reads
 * down. */
#include "flow.h"

#include "tests/support/suite.h"
#include <stdio.h>

static size_t n_reads(void)
{
    return fake_upstream_calls(flow.upstream, FAKE_STATUS) +
           fake_upstream_calls(flow.upstream, FAKE_TASK_IDS) +
           fake_upstream_calls(flow.upstream, FAKE_TASK);
}

TEST(reads_of_one_batch_that_hang_delay_no_other_batch)
{
    struct engine_options options = flow_options();

    options.batch.slots = 16;
    flow_start(options);
    flow_request_companies(0, 100);
    fake_upstream_fault(flow.upstream, (struct fake_fault){.on = FAKE_TASK,
                                                           .end = TRANSPORT_TIMEOUT,
                                                           .takes_ms = 5000,
                                                           .beside = "company0.com",
                                                           .is_permanent = true});
    for (int i = 100; i < 106; i++) {
        flow_advance(500);
        flow_request_companies(i, 1);
    }
    flow_advance(32000);
    for (size_t i = 100; i < 106; i++)
        ck_assert_int_eq(flow.callers[i]->err, ERR_OK);
    fake_upstream_clear_faults(flow.upstream);
    flow_advance(MINUTE_MS);
    for (size_t i = 0; i < 100; i++)
        ck_assert_int_eq(flow.callers[i]->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 106);
}

RANGE_TEST(reads_rejected_for_one_batch_pause_that_batch, 0, 5)
{
    static const int statuses[] = {401, 402, 403, 404, 500};

    flow_request("sick.com", HOUR_MS);
    flow_advance(500);
    flow_request("well.com", HOUR_MS);
    for (enum fake_call on = FAKE_STATUS; on <= FAKE_TASK; on++)
        fake_upstream_fault(flow.upstream, (struct fake_fault){.on = on,
                                                               .status = statuses[_i],
                                                               .body = "{\"detail\":\"no\"}",
                                                               .beside = "sick.com",
                                                               .is_permanent = true});
    flow_advance(30000);
    ck_assert_int_eq(flow.callers[1]->err, ERR_OK);
    size_t before = n_reads();
    flow_advance(20 * MINUTE_MS);
    ck_assert_uint_le(n_reads() - before, 50);
    ck_assert_int_eq(flow.callers[0]->answers, 0);
    fake_upstream_clear_faults(flow.upstream);
    flow_advance(5 * MINUTE_MS);
    ck_assert_int_eq(flow.callers[0]->err, ERR_OK);
}

TEST(reads_rejected_for_all_tasks_of_a_batch_become_few)
{
    flow_request_companies(0, 100);
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_TASK, .status = 404, .body = "{}", .is_permanent = true});
    flow_advance(WAIT_MS);
    ck_assert_uint_le(fake_upstream_calls(flow.upstream, FAKE_TASK), 30);
    fake_upstream_clear_faults(flow.upstream);
    flow_advance(2 * MINUTE_MS);
    struct caller *caller = flow_request("company99.com", WAIT_MS);
    flow_settle();
    ck_assert(caller->from_cache);
}

TEST(reads_answered_429_pause_for_retry_after_and_lose_nothing)
{
    flow_request_companies(0, 100);
    flow_advance(26000); /* accepted */
    for (int i = 0; i < 3; i++)
        fake_upstream_fault(
            flow.upstream,
            (struct fake_fault){.on = FAKE_TASK, .status = 429, .body = "", .retry_after_s = 20});
    flow_advance(4000);
    size_t before = n_reads();
    flow_advance(16000);
    ck_assert_uint_eq(n_reads(), before);
    flow_advance(5000);
    before = n_reads();
    flow_advance(5000);
    ck_assert_uint_ge(n_reads() - before, 5 * 8);
    ck_assert_uint_le(n_reads() - before, 5 * 9); /* half of 18 */
    flow_advance(MINUTE_MS);
    for (size_t i = 0; i < 100; i++)
        ck_assert_int_eq(flow.callers[i]->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_TASK), 100 + 3);
}

TEST(reads_answered_429_without_retry_after_pause_longer_each_time)
{
    struct caller *caller = flow_request("milvali.com", HOUR_MS);

    for (enum fake_call on = FAKE_STATUS; on <= FAKE_TASK; on++)
        fake_upstream_fault(
            flow.upstream,
            (struct fake_fault){.on = on, .status = 429, .body = "", .is_permanent = true});
    flow_advance(10 * MINUTE_MS);
    ck_assert_uint_le(n_reads(), 16); /* after 1, 2, 4, 8, 16, 32 s, then every minute */
    ck_assert_uint_ge(n_reads(), 12);
    fake_upstream_clear_faults(flow.upstream);
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_OK);
}

/* The id of the failed task is not listed, nor is that of a late one; a foreign id is. */
TEST(reads_of_a_foreign_id_do_not_make_a_late_task_fail)
{
    char list[100];

    flow_request("earlier.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    struct caller *failed = flow_request("errored.com", WAIT_MS);
    struct caller *late = flow_request("late.com", WAIT_MS);
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "errored.com", .state = "ERRORED"});
    snprintf(list, sizeof list, "[\"%s\"]", fake_upstream_task_id(flow.upstream, "earlier.com"));
    for (int i = 0; i < 4; i++)
        fake_upstream_fault(flow.upstream,
                            (struct fake_fault){.on = FAKE_TASK_IDS, .status = 200, .body = list});
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(failed->err, ERR_LOOKUP_FAILED);
    ck_assert_int_eq(late->err, ERR_OK);
}
