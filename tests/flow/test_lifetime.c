/* SPDX-License-Identifier: MIT */
/* test_lifetime.c - tests that no paid result is given up early: neither in an outage, nor because
 * reads take long, nor because the status of a batch says nothing. */
#include "base/log.h"
#include "flow.h"

#include "tests/support/suite.h"
#include <string.h>

static size_t n_stored(void)
{
    struct store_stats stats;

    ck_assert_int_eq(store_stats(flow.store, &stats), ERR_OK);
    return stats.found;
}

static void fail_all_reads(int status)
{
    for (enum fake_call on = FAKE_STATUS; on <= FAKE_TASK; on++)
        fake_upstream_fault(flow.upstream, (struct fake_fault){.on = on,
                                                               .status = status,
                                                               .body = "<html>bad gateway</html>",
                                                               .is_permanent = true});
}

/* Checks that the results of 100 companies are stored, and that each was paid for once, also when
 * it is requested again. */
static void ck_assert_paid_once(void)
{
    ck_assert_uint_eq(n_stored(), 100);
    for (int i = 0; i < 100; i++) {
        struct caller *caller = flow_request(flow_company(i), WAIT_MS);
        flow_settle();
        ck_assert_int_eq(caller->err, ERR_OK);
        ck_assert(caller->from_cache);
        ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, flow_company(i)), 1);
    }
}

TEST(lifetime_outlasts_an_outage_of_all_reads)
{
    flow_refresh_companies(0, 100);
    flow_advance(26500); /* accepted; no task has ended */
    fail_all_reads(502);
    flow_advance(16 * MINUTE_MS);
    ck_assert_uint_eq(n_stored(), 0);
    size_t n_reads = fake_upstream_calls(flow.upstream, FAKE_TASK) +
                     fake_upstream_calls(flow.upstream, FAKE_STATUS) +
                     fake_upstream_calls(flow.upstream, FAKE_TASK_IDS);
    ck_assert_uint_le(n_reads, 60); /* an old batch costs little */
    fake_upstream_clear_faults(flow.upstream);
    flow_advance(5 * MINUTE_MS);
    ck_assert_paid_once();
}

/* The reads fail after the tasks were listed. */
TEST(lifetime_outlasts_an_outage_of_task_reads)
{
    flow_refresh_companies(0, 100);
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_TASK, .status = 502, .body = "", .is_permanent = true});
    flow_advance(HOUR_MS);
    ck_assert_uint_le(fake_upstream_calls(flow.upstream, FAKE_TASK), 60);
    fake_upstream_clear_faults(flow.upstream);
    flow_advance(12 * MINUTE_MS);
    ck_assert_paid_once();
}

static void start_with(int slots)
{
    struct engine_options options = flow_options();

    options.batch.slots = slots;
    options.batch.max_queued = 100000;
    options.max_waiters = 100000;
    flow_start(options);
    log_set_level(LOG_ERROR); /* not a line for each lookup */
}

/* More is submitted than can be read within a quarter of an hour. */
TEST(lifetime_loses_none_of_50000_lookups_with_16_slots)
{
    start_with(16);
    flow_refresh_companies(0, 50000);
    flow_advance(2 * HOUR_MS);
    ck_assert_uint_eq(n_stored(), 50000);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 50000);
}

TEST(lifetime_loses_none_of_20000_lookups_with_slow_reads)
{
    start_with(4);
    fake_upstream_set_read_ms(flow.upstream, 1000);
    flow_refresh_companies(0, 20000);
    flow_advance(2 * HOUR_MS);
    ck_assert_uint_eq(n_stored(), 20000);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 20000);
}

TEST(lifetime_counts_from_the_submit_over_restarts)
{
    struct engine_options options = flow_options();

    options.batch.lifetime_ms = HOUR_MS;
    flow_start(options);
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "company0.com", .state = "PROCESSING"});
    flow_refresh_companies(0, 1);
    flow_advance(45 * MINUTE_MS);
    flow_restart();
    flow_advance(20 * MINUTE_MS);
    struct caller *caller = flow_request("company0.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

/* The process was stopped for longer than a lifetime; the upstream was not asked since. */
TEST(lifetime_over_at_the_start_still_reads_the_results)
{
    fake_upstream_set_task_ms(flow.upstream, 5 * MINUTE_MS);
    flow_refresh_companies(0, 100);
    flow_advance(MINUTE_MS);
    engine_clock(flow.engine)->wall_ms += 2 * DAY_MS;
    flow_restart();
    flow_advance(10 * MINUTE_MS);
    ck_assert_uint_eq(n_stored(), 100);
}

TEST(lifetime_over_a_day_of_404_ends_the_batch)
{
    struct engine_options options = flow_options();

    options.batch.lifetime_ms = 3 * DAY_MS;
    flow_start(options);
    struct caller *caller = flow_request("milvali.com", 2 * DAY_MS);
    fail_all_reads(404);
    flow_advance(DAY_MS);
    ck_assert_int_eq(caller->answers, 0);
    flow_advance(10 * MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(caller->detail, "the upstream no longer has the batch; "));
}

TEST(lifetime_over_ends_a_batch_whose_polls_get_429)
{
    struct engine_options options = flow_options();

    options.batch.lifetime_ms = HOUR_MS;
    flow_start(options);
    struct caller *caller = flow_request("milvali.com", DAY_MS);
    fail_all_reads(429);
    flow_advance(HOUR_MS);
    ck_assert_int_eq(caller->answers, 0);
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
}

/* ---- a status that says nothing ---- */

#define NEVER_MOVES                                                                                \
    "{\"processing\":1,\"completed\":0,\"errored\":0,\"total\":1,\"batch_ready\":false}"

static const struct {
    struct fake_fault fault;
    int64_t within_ms; /* of the end of the task */
} silent[] = {
    {{.status = 500, .body = ""}, 2000},
    {{.status = 403, .body = "<html>challenge</html>"}, 2000},
    {{.status = 200, .body = "{\"state\":\"done\"}"}, 1000},
    {{.status = 200, .body = "<html>"}, 2000},
    {{.end = TRANSPORT_TIMEOUT}, 2000},
    {{.status = 200, .body = NEVER_MOVES}, 150000},
};

LOOP_TEST(status_that_says_nothing_delays_no_result_for_long, silent)
{
    struct fake_fault fault = silent[_i].fault;
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    fault.on = FAKE_STATUS;
    fault.is_permanent = true;
    fake_upstream_fault(flow.upstream, fault);
    flow_advance(26000 + 2000 + silent[_i].within_ms);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_int_eq(caller->answers, 1);
}

static void find_failed_task(struct fake_fault fault)
{
    struct caller *caller = flow_request("errored.com", HOUR_MS);
    struct caller *late = flow_request("company7.com", HOUR_MS);

    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "errored.com", .state = "ERRORED"});
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "company7.com", .task_ms = 20 * MINUTE_MS});
    fault.on = FAKE_STATUS;
    fault.is_permanent = true;
    fake_upstream_fault(flow.upstream, fault);
    flow_advance(5 * MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_LOOKUP_FAILED);
    flow_advance(20 * MINUTE_MS);
    ck_assert_int_eq(late->err, ERR_OK);
    ck_assert_uint_le(fake_upstream_calls(flow.upstream, FAKE_TASK_IDS), 200);
}

LOOP_TEST(status_that_says_nothing_hides_no_failed_task, silent)
{
    find_failed_task(silent[_i].fault);
}

LOOP_TEST(status_that_says_nothing_hides_no_failed_task_without_its_filter, silent)
{
    fake_upstream_fault(flow.upstream, (struct fake_fault){.on = FAKE_TASK_IDS,
                                                           .filter = "ERRORED",
                                                           .status = 400,
                                                           .body = "{\"detail\":\"no\"}",
                                                           .is_permanent = true});
    find_failed_task(silent[_i].fault);
}
