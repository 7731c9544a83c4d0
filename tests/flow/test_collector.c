/* SPDX-License-Identifier: MIT */
/* test_collector.c - tests polling, listing and reading of a submitted batch: each caller waits
 * for its own task only. */
#include "flow.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

static const struct fake_rule slow = {.domain = "company7.com", .task_ms = 62000};

TEST(collector_does_not_delay_results_for_the_slowest_task)
{
    flow_request_companies(0, 100);
    fake_upstream_rule(flow.upstream, slow);
    flow_advance(120000);
    for (size_t i = 0; i < 100; i++) {
        struct caller *caller = flow.callers[i];
        char domain[32];
        snprintf(domain, sizeof domain, "company%zu.com", i);
        int64_t lost_ms = caller->answered_ms - fake_upstream_done_ms(flow.upstream, domain);
        ck_assert_int_eq(caller->err, ERR_OK);
        /* One poll interval of at most a tenth of the time, plus a hundred reads at 18/s. */
        int64_t allowed_ms = i == 7 ? slow.task_ms / 10 + 1000 : 250 + 6000;
        ck_assert_msg(lost_ms <= allowed_ms, "%s lost %lld ms", domain, (long long)lost_ms);
    }
}

TEST(collector_reads_each_of_100_tasks_once)
{
    flow_request_companies(0, 100);
    fake_upstream_rule(flow.upstream, slow);
    flow_advance(120000);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_TASK), 100);
    ck_assert_uint_le(fake_upstream_calls(flow.upstream, FAKE_TASK_IDS), 4);
}

TEST(collector_polls_a_logarithmic_number_of_times)
{
    flow_request("company7.com", WAIT_MS);
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "company7.com", .task_ms = 50000});
    flow_advance(120000);
    ck_assert_int_eq(flow.callers[0]->err, ERR_OK);
    /* 250 ms steps to 2.5 s, then intervals that grow by a tenth: 10 + ln(20) / ln(1.1). */
    ck_assert_uint_le(fake_upstream_calls(flow.upstream, FAKE_STATUS), 10 + 32 + 2);
}

RANGE_TEST(collector_polling_adds_at_most_a_tenth_of_the_wait, 0, 7)
{
    static const int64_t times_ms[] = {300, 1111, 2777, 7919, 17389, 31337, 47717};
    int64_t own_ms = times_ms[_i];

    flow_request("company7.com", WAIT_MS);
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "company7.com", .task_ms = own_ms});
    flow_advance(120000);
    int64_t lost_ms =
        flow.callers[0]->answered_ms - fake_upstream_done_ms(flow.upstream, "company7.com");
    int64_t allowed_ms = own_ms / 10 > 250 ? own_ms / 10 : 250;
    ck_assert_msg(lost_ms <= allowed_ms, "lost %lld of %lld ms", (long long)lost_ms,
                  (long long)own_ms);
}

TEST(collector_reads_stay_within_the_rate_limit)
{
    flow_request_companies(0, 100);
    flow_advance(26000 + 2000); /* all hundred tasks are ready at this instant */
    size_t before = fake_upstream_calls(flow.upstream, FAKE_TASK);
    for (int second = 0; second < 4; second++) {
        flow_advance(999);
        size_t now = fake_upstream_calls(flow.upstream, FAKE_TASK);
        ck_assert_uint_le(now - before, 18);
        flow_advance(1);
        before = fake_upstream_calls(flow.upstream, FAKE_TASK);
    }
    ck_assert_uint_ge(before, 4 * 16); /* and the rate is used */
    flow_advance(20000);
}

/* One task of a batch fails early, the other is slow. Starts both and waits until the first has
 * failed. */
static void fail_one_of_two(struct caller **failed, struct caller **late)
{
    *failed = flow_request("errored.com", WAIT_MS);
    *late = flow_request("company7.com", WAIT_MS);
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "errored.com", .state = "ERRORED"});
    fake_upstream_rule(flow.upstream, slow);
    flow_advance(30000);
}

TEST(collector_failed_task_is_returned_while_others_run)
{
    struct caller *failed, *late;

    fail_one_of_two(&failed, &late);
    ck_assert_int_eq(failed->err, ERR_LOOKUP_FAILED);
    ck_assert_int_eq(late->answers, 0);
    flow_advance(90000);
    ck_assert_int_eq(late->err, ERR_OK);
}

/* Only the filter COMPLETED is documented. Without ERRORED, a failed task is found at the end. */
static void find_failed_task_at_the_end(void)
{
    struct caller *failed, *late;

    fail_one_of_two(&failed, &late);
    ck_assert_int_eq(failed->answers, 0);
    flow_advance(90000);
    ck_assert_int_eq(failed->err, ERR_LOOKUP_FAILED);
    ck_assert_int_eq(late->err, ERR_OK);
}

TEST(collector_with_an_ignored_filter_finds_failed_tasks_at_the_end)
{
    fake_upstream_ignore_status_filter(flow.upstream);
    find_failed_task_at_the_end();
}

TEST(collector_with_a_rejected_filter_finds_failed_tasks_at_the_end)
{
    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_TASK_IDS,
                                            .status = 400,
                                            .body = "{\"detail\":\"invalid status filter\"}"});
    find_failed_task_at_the_end();
}

TEST(collector_with_listing_only_at_the_end_reads_at_the_end)
{
    struct caller *early = flow_request("early.com", WAIT_MS);
    struct caller *late = flow_request("company7.com", WAIT_MS);

    fake_upstream_list_only_at_end(flow.upstream);
    fake_upstream_rule(flow.upstream, slow);
    flow_advance(60000);
    ck_assert_int_eq(early->answers, 0);
    flow_advance(40000);
    ck_assert_int_eq(early->err, ERR_OK);
    ck_assert_int_eq(late->err, ERR_OK);
}

/* If reads fail in any of these ways for a while, the result still arrives and nothing is
 * submitted again. */
static const struct fake_fault passing[] = {
    {.on = FAKE_STATUS, .status = 404, .body = "{\"detail\":\"not found\"}"}, /* S1 */
    {.on = FAKE_STATUS, .status = 500, .body = ""},
    {.on = FAKE_STATUS, .status = 200, .body = "[]"},
    {.on = FAKE_STATUS, .status = 200, .body = "{\"batch_ready\":\"true\"}"}, /* S3 */
    {.on = FAKE_STATUS, .end = TRANSPORT_BROKEN},                             /* S17 */
    {.on = FAKE_TASK_IDS, .status = 503, .body = "", .retry_after_s = 5},     /* S16 */
    {.on = FAKE_TASK_IDS, .status = 200, .body = "[]"},                       /* S6 */
    {.on = FAKE_TASK_IDS, .status = 200, .body = "null"},
    {.on = FAKE_TASK_IDS, .end = TRANSPORT_TIMEOUT},
    {.on = FAKE_TASK, .status = 429, .body = "", .retry_after_s = 3},
    {.on = FAKE_TASK, .status = 404, .body = "{}"},
    {.on = FAKE_TASK, .status = 200, .body = "{\"status\":\"PROCESSING\"}"}, /* S10 */
    {.on = FAKE_TASK, .status = 200, .body = "{\"status\":\"COMPLETED\",\"data\":7}"},
    {.on = FAKE_TASK, .end = TRANSPORT_BROKEN},
    {.on = FAKE_TASK, .status = 401, .body = "{\"detail\":\"no\"}"},
};

LOOP_TEST(collector_failed_read_is_retried, passing)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    fake_upstream_fault(flow.upstream, passing[_i]);
    fake_upstream_fault(flow.upstream, passing[_i]);
    flow_advance(100000);
    ck_assert_msg(caller->err == ERR_OK && caller->answers == 1, "row %d: %s", _i,
                  err_words(caller->err));
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(collector_foreign_id_in_a_lagging_list_hides_no_result)
{
    char list[100];

    flow_request("earlier.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    struct caller *listed = flow_request("listed.com", WAIT_MS);
    struct caller *missing = flow_request("missing.com", WAIT_MS);
    flow_advance(27000); /* the batch exists; no task has ended */
    snprintf(list, sizeof list, "[\"%s\",\"%s\"]",
             fake_upstream_task_id(flow.upstream, "listed.com"),
             fake_upstream_task_id(flow.upstream, "earlier.com"));
    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_TASK_IDS, .status = 200, .body = list});
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(listed->err, ERR_OK);
    ck_assert_int_eq(missing->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 3);
}

/* Both lists lag: the id of another batch stands where a late one of ours is missing. */
TEST(collector_foreign_id_in_both_lists_hides_no_late_result)
{
    char list[100];

    flow_request("earlier.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    struct caller *listed = flow_request("listed.com", WAIT_MS);
    struct caller *missing = flow_request("missing.com", WAIT_MS);
    flow_advance(27000); /* the batch exists; no task has ended */
    snprintf(list, sizeof list, "[\"%s\",\"%s\"]",
             fake_upstream_task_id(flow.upstream, "listed.com"),
             fake_upstream_task_id(flow.upstream, "earlier.com"));
    fake_upstream_fault(
        flow.upstream, (struct fake_fault){
                           .on = FAKE_TASK_IDS, .status = 200, .body = list, .is_permanent = true});
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(listed->err, ERR_OK);
    ck_assert_int_eq(missing->answers, 0);
    fake_upstream_clear_faults(flow.upstream);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(missing->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 3);
}

TEST(collector_with_a_rejected_list_of_all_finds_late_results)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    fake_upstream_fault(flow.upstream, (struct fake_fault){.on = FAKE_TASK_IDS,
                                                           .filter = "",
                                                           .status = 400,
                                                           .body = "{\"detail\":\"no filter\"}",
                                                           .is_permanent = true});
    for (int i = 0; i < 3; i++)
        fake_upstream_fault(flow.upstream, (struct fake_fault){.on = FAKE_TASK_IDS,
                                                               .filter = "COMPLETED",
                                                               .status = 200,
                                                               .body = "[]"});
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_OK);
}

/* One task is late, so that the counts do not change, and the list of failed tasks fails. */
/* Then a failed task is one that is missing from the list of COMPLETED. That list also has a task
 * of another batch, whose result names no task: it is not taken for the result of the failed one.
 */
TEST(collector_with_only_the_documented_list_finds_failed_tasks)
{
    static const char *const undocumented[] = {"", "ERRORED"};
    char ids[200];

    for (size_t i = 0; i < 2; i++)
        fake_upstream_fault(flow.upstream, (struct fake_fault){.on = FAKE_TASK_IDS,
                                                               .status = 400,
                                                               .body = "{}",
                                                               .filter = undocumented[i],
                                                               .beside = "bad.com",
                                                               .is_permanent = true});
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "bad.com", .state = "ERRORED"});
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "x.com", .tracking_id = "null"});
    flow_request("x.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    struct caller *bad = flow_request("bad.com", WAIT_MS);
    struct caller *good = flow_request("good.com", WAIT_MS);
    flow_advance(26500); /* accepted */
    snprintf(ids, sizeof ids, "[\"%s\",\"%s\"]", fake_upstream_task_id(flow.upstream, "good.com"),
             fake_upstream_task_id(flow.upstream, "x.com"));
    fake_upstream_fault(flow.upstream, (struct fake_fault){.on = FAKE_TASK_IDS,
                                                           .status = 200,
                                                           .body = ids,
                                                           .filter = "COMPLETED",
                                                           .is_permanent = true});
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(good->err, ERR_OK);
    ck_assert_int_eq(bad->err, ERR_LOOKUP_FAILED);
    ck_assert_ptr_nonnull(strstr(bad->detail, "the upstream reports this lookup as failed"));
}

TEST(collector_with_a_failing_filter_requests_little)
{
    struct caller *caller = flow_request("company7.com", 2 * HOUR_MS);

    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "company7.com", .task_ms = HOUR_MS});
    fake_upstream_fault(flow.upstream, (struct fake_fault){.on = FAKE_TASK_IDS,
                                                           .filter = "ERRORED",
                                                           .status = 500,
                                                           .body = "",
                                                           .is_permanent = true});
    flow_advance(HOUR_MS + 10 * MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_uint_le(fake_upstream_calls(flow.upstream, FAKE_TASK_IDS), 200);
}

TEST(collector_unfinished_task_in_ready_batch_gets_an_hour)
{
    struct caller *late = flow_request("late.com", 2 * HOUR_MS);
    const struct fake_fault unfinished = {.on = FAKE_TASK,
                                          .status = 200,
                                          .body = "{\"status\":\"PROCESSING\"}",
                                          .is_permanent = true};

    fake_upstream_fault(flow.upstream, unfinished);
    flow_advance(30 * MINUTE_MS);
    ck_assert_int_eq(late->answers, 0);
    fake_upstream_clear_faults(flow.upstream);
    flow_advance(5 * MINUTE_MS);
    ck_assert_int_eq(late->err, ERR_OK);

    struct caller *never = flow_request("never.com", 2 * HOUR_MS);
    fake_upstream_fault(flow.upstream, unfinished);
    flow_advance(HOUR_MS);
    ck_assert_int_eq(never->answers, 0);
    flow_advance(12 * MINUTE_MS);
    ck_assert_int_eq(never->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert_int_eq(never->charged, CHARGED_MAYBE);
}

TEST(collector_batch_never_ready_ends_as_unknown_by_lifetime)
{
    struct caller *caller = flow_request("milvali.com", 2 * DAY_MS);

    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "milvali.com", .state = "PROCESSING"});
    flow_advance(DAY_MS);
    ck_assert_int_eq(caller->answers, 0);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_uint_le(fake_upstream_calls(flow.upstream, FAKE_STATUS), 400);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

/* S19: the upstream reported that the batch is finished; from then on the batch is unknown to
 * it. */
static const struct fake_fault forgotten[] = {
    {.on = FAKE_TASK_IDS, .status = 404, .body = "{}", .is_permanent = true},
    {.on = FAKE_TASK, .status = 404, .body = "{}", .is_permanent = true},
};

LOOP_TEST(collector_S19_lost_finished_batch_is_not_paid_again, forgotten)
{
    struct caller *caller = flow_request("milvali.com", 2 * DAY_MS);

    fake_upstream_fault(flow.upstream, forgotten[_i]);
    flow_advance(14 * 60000);
    ck_assert_int_eq(caller->answers, 0);
    size_t asked = fake_upstream_calls(flow.upstream, forgotten[_i].on);
    ck_assert_uint_ge(asked, 12); /* the batch may reappear */
    ck_assert_uint_le(asked, 60);
    flow_advance(DAY_MS - 10 * MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_int_eq(caller->charged, CHARGED_MAYBE);
    struct caller *again = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(again->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

RANGE_TEST(collector_with_random_faults_answers_each_caller_once, 0, 10)
{
    fake_upstream_fail_randomly(flow.upstream, 30, (unsigned)_i + 1);
    for (int i = 0; i < 300; i++) {
        flow_request(flow_company(i), 20 * 60000);
        if (i % 10 == 0)
            flow_advance(400);
    }
    flow_advance(20 * 60000);
    for (size_t i = 0; i < flow.n_callers; i++) {
        char domain[32];
        snprintf(domain, sizeof domain, "company%zu.com", i);
        ck_assert_int_eq(flow.callers[i]->answers, 1);
        ck_assert_uint_le(fake_upstream_ledger_of(flow.upstream, domain), 1);
    }
}
