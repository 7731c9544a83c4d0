/* SPDX-License-Identifier: MIT */
/* test_unreadable.c - tests paid results that cannot be understood: they end soon, are charged, and
 * are not paid for again; what is only unfinished or not answered is read again. */
#include "flow.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

static struct fake_fault task_body(const char *body)
{
    return (struct fake_fault){.on = FAKE_TASK, .status = 200, .body = body, .is_permanent = true};
}

static void ck_assert_unreadable(const struct caller *caller)
{
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert_int_eq(caller->charged, CHARGED_YES);
    ck_assert_ptr_nonnull(strstr(caller->detail, "the response could not be read"));
    ck_assert_ptr_nonnull(strstr(caller->detail, "in cooldown until 2026-11-24T11:2"));
}

TEST(unreadable_result_is_read_three_times_and_charged)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    struct store_stats stats;

    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "milvali.com", .data = "7"});
    flow_advance(40000);
    ck_assert_unreadable(caller);
    ck_assert_int_eq(store_stats(flow.store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.raw, 1);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_TASK), 3);
}

TEST(unreadable_result_does_not_delay_the_others_of_its_batch)
{
    flow_request_companies(0, 100);
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "company50.com", .data = "7"});
    flow_advance(MINUTE_MS);
    for (size_t i = 0; i < 100; i++)
        if (i == 50)
            ck_assert_unreadable(flow.callers[i]);
        else
            ck_assert_int_eq(flow.callers[i]->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_TASK), 102);
}

/* 100 levels; the limit is 64. */
#define TEN(x)  x x x x x x x x x x
#define DEEP(x) TEN(TEN("[")) x TEN(TEN("]"))

/* A batch of one: whatever is sent for its task can only be its result. */
static const struct {
    const char *body;
    enum err err;
} alone[] = {
    {"{\"result\":\"new\"}", ERR_UPSTREAM_INVALID_RESPONSE},
    {"{\"status\":\"DONE\",\"data\":[{\"email\":\"a@b.com\"}]}", ERR_OK},
    {"{\"status\":\"COMPLETED\",\"data\":[{\"email\":\"a@b.com\"}]}", ERR_OK},
    {"{\"status\":\"COMPLETED\",\"data\":[{\"address\":\"a@b.com\"}]}", ERR_OK},
    {"{\"status\":\"COMPLETED\",\"data\":[{\"mail\":\"a@b.com\"}]}", ERR_UPSTREAM_INVALID_RESPONSE},
    {"{\"status\":\"NEW_WORD\",\"data\":null}", ERR_UPSTREAM_INVALID_RESPONSE},
    {"{\"status\":\"COMPLETED\",\"data\":" DEEP("") "}", ERR_UPSTREAM_INVALID_RESPONSE},
    {"{\"status\":\"COMPLETED\",\"data\":[],\"x\":" DEEP("1") "}", ERR_OK},
};

LOOP_TEST(unreadable_or_unnamed_result_in_a_batch_of_one_is_its_own, alone)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    fake_upstream_fault(flow.upstream, task_body(alone[_i].body));
    flow_advance(40000);
    ck_assert_int_eq(caller->err, alone[_i].err);
    if (caller->err)
        ck_assert_unreadable(caller);
}

/* A tracking id that is not ours: perhaps the upstream has changed it. */
static const char *const renamed[] = {
    "{\"status\":\"COMPLETED\",\"tracking_id\":\"other\",\"data\":7}",
    "{\"status\":\"COMPLETED\",\"tracking_id\":\"other\",\"data\":[{\"email\":\"a@b.com\"}]}",
};

LOOP_TEST(unreadable_is_a_result_with_another_tracking_id, renamed)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    struct store_stats stats;

    fake_upstream_fault(flow.upstream, task_body(renamed[_i]));
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(caller->answers, 0); /* the id of its own task may be late */
    flow_advance(MINUTE_MS);
    ck_assert_unreadable(caller);
    ck_assert_int_eq(store_stats(flow.store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.raw, 1);
}

TEST(unreadable_tracking_ids_stop_the_buying)
{
    flow_request_companies(0, 100);
    fake_upstream_fault(flow.upstream, task_body(renamed[1]));
    flow_advance(3 * MINUTE_MS);
    for (size_t i = 0; i < 100; i++)
        ck_assert_unreadable(flow.callers[i]);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_CIRCUIT_OPEN);
}

/* Two results name no task, and the third task never ends. */
TEST(unreadable_results_that_are_fewer_than_tasks_are_stored)
{
    struct store_stats stats;

    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_STATUS,
                                            .status = 200,
                                            .body =
                                                "{\"processing\":0,\"completed\":3,\"errored\":0,"
                                                "\"total\":3,\"batch_ready\":true}",
                                            .is_permanent = true});
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "never.com", .state = "PROCESSING"});
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "one.com", .tracking_id = "null"});
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "two.com", .tracking_id = "null"});
    flow_request("never.com", 2 * HOUR_MS);
    flow_request("one.com", 2 * HOUR_MS);
    flow_request("two.com", 2 * HOUR_MS);
    flow_advance(HOUR_MS + 15 * MINUTE_MS);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(flow.callers[i]->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert_int_eq(store_stats(flow.store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.raw, 2);
}

TEST(unreadable_result_is_matched_by_the_tracking_id_that_it_quotes)
{
    char data[100];
    struct caller *late = flow_request("company7.com", WAIT_MS);
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "company7.com", .task_ms = 62000});
    flow_advance(26500); /* accepted */
    snprintf(data, sizeof data, "{\"for\":\"%s\"}",
             fake_upstream_tracking_id(flow.upstream, "milvali.com"));
    fake_upstream_rule(
        flow.upstream,
        (struct fake_rule){.domain = "milvali.com", .data = data, .tracking_id = "null"});
    flow_advance(20000);
    ck_assert_unreadable(caller);
    ck_assert_int_eq(late->answers, 0);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(late->err, ERR_OK);
}

TEST(unreadable_results_that_name_no_task_wait_for_the_others)
{
    struct caller *late = flow_request("company7.com", WAIT_MS);
    struct caller *one = flow_request("one.com", WAIT_MS);
    struct caller *two = flow_request("two.com", WAIT_MS);

    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "company7.com", .task_ms = 62000});
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "one.com", .data = "7", .tracking_id = "null"});
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "two.com", .data = "7", .tracking_id = "null"});
    flow_advance(80000);
    ck_assert_int_eq(one->answers + two->answers, 0);
    flow_advance(30000);
    ck_assert_int_eq(late->err, ERR_OK);
    ck_assert_unreadable(one);
    ck_assert_unreadable(two);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 3);
}

TEST(unreadable_question_is_not_paid_for_again_within_a_day)
{
    flow_request("milvali.com", WAIT_MS);
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "milvali.com", .data = "7"});
    flow_advance(40000);
    flow_advance(12 * HOUR_MS);
    flow_restart();
    ck_assert_uint_eq(flow.recovery.held, 1);
    flow_advance(11 * HOUR_MS);
    struct caller *early = flow_request("milvali.com", WAIT_MS);
    early->request.directives.refresh = true;
    flow_settle();
    ck_assert_int_eq(early->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);

    flow_advance(HOUR_MS);
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "milvali.com", .data = "[]"});
    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_advance(40000);
    ck_assert_int_eq(later->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
}

/* Nothing was delivered that the second result could contradict. */
TEST(unreadable_result_stays_in_cooldown_after_a_second_one_with_its_id)
{
    struct caller *one = flow_request("one.com", WAIT_MS);
    flow_request("two.com", WAIT_MS);

    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "one.com", .data = "7"});
    fake_upstream_rule(
        flow.upstream,
        (struct fake_rule){.domain = "two.com", .task_ms = 62000, .tracking_id = "swap"});
    flow_advance(40000);
    ck_assert_unreadable(one);
    flow_restart();
    flow_advance(15 * MINUTE_MS);
    struct caller *again = flow_request("one.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(again->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, "one.com"), 1);
}

/* It cannot contradict the first, which was understood and delivered. */
TEST(unreadable_second_result_invalidates_no_first_one)
{
    struct caller *one = flow_request("one.com", WAIT_MS);
    struct caller *two = flow_request("two.com", WAIT_MS);

    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "one.com",
                                                         .task_ms = 62000,
                                                         .data = "7",
                                                         .tracking_id = "swap"});
    flow_advance(3 * MINUTE_MS);
    ck_assert_unreadable(one);
    ck_assert_int_eq(two->err, ERR_OK);
    struct caller *again = flow_request("two.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(again->err, ERR_OK);
    ck_assert(again->from_cache);
}

/* The first one said that the lookup failed, and it was delivered before a restart. */
TEST(unreadable_is_a_lookup_that_failed_and_has_a_second_result)
{
    struct store_stats stats;

    flow_request("one.com", WAIT_MS);
    struct caller *two = flow_request("two.com", WAIT_MS);
    fake_upstream_rule(
        flow.upstream,
        (struct fake_rule){.domain = "one.com", .task_ms = 62000, .tracking_id = "swap"});
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "two.com", .state = "ERRORED"});
    flow_advance(40000);
    ck_assert_int_eq(two->err, ERR_LOOKUP_FAILED);
    flow_restart();
    struct caller *one = flow_request("one.com", WAIT_MS);
    flow_advance(3 * MINUTE_MS);
    ck_assert_unreadable(one);
    ck_assert_int_eq(store_stats(flow.store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.raw, 1);
    struct caller *again = flow_request("two.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(again->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
}

/* As many results as tasks arrived, so no other can come. */
TEST(unreadable_results_of_all_tasks_are_stored_although_the_batch_is_never_ready)
{
    struct store_stats stats;

    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_STATUS, .status = 503, .body = "", .is_permanent = true});
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "one.com", .tracking_id = "null"});
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "two.com", .tracking_id = "null"});
    struct caller *one = flow_request("one.com", 2 * DAY_MS);
    struct caller *two = flow_request("two.com", 2 * DAY_MS);
    flow_advance(DAY_MS - MINUTE_MS);
    ck_assert_int_eq(one->answers + two->answers, 0);
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(one->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert_int_eq(two->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert_int_eq(one->charged, CHARGED_YES);
    ck_assert_int_eq(store_stats(flow.store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.raw, 2);
}

/* The upstream lists the three tasks of another batch for a batch of two, and none names a task. */
TEST(unreadable_results_that_are_more_than_tasks_end_each_task_once)
{
    char ids[200];
    struct store_stats stats;

    for (int i = 0; i < 3; i++) {
        static const char *const domains[] = {"x.com", "y.com", "z.com"};
        fake_upstream_rule(flow.upstream,
                           (struct fake_rule){.domain = domains[i], .tracking_id = "null"});
        flow_request(domains[i], WAIT_MS);
    }
    flow_advance(MINUTE_MS);
    snprintf(ids, sizeof ids, "[\"%s\",\"%s\",\"%s\"]",
             fake_upstream_task_id(flow.upstream, "x.com"),
             fake_upstream_task_id(flow.upstream, "y.com"),
             fake_upstream_task_id(flow.upstream, "z.com"));
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_TASK_IDS, .status = 200, .body = ids, .is_permanent = true});
    struct caller *one = flow_request("one.com", WAIT_MS);
    struct caller *two = flow_request("two.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_unreadable(one);
    ck_assert_unreadable(two);
    ck_assert_int_eq(store_stats(flow.store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.raw, 3 + 2);
}

/* No answer at all: nothing is known about the task, so it is read until it has one. */
static const struct fake_fault unanswered[] = {
    {.status = 200, .body = "<html>please wait</html>"},
    {.status = 200, .body = "{\"status\":\"COMPL"},
    {.status = 502, .body = ""},
    {.status = 403, .body = "<html>challenge</html>"},
    {.end = TRANSPORT_BROKEN},
};

LOOP_TEST(unreadable_is_not_what_was_not_answered, unanswered)
{
    struct fake_fault fault = unanswered[_i];
    struct caller *caller = flow_request("milvali.com", HOUR_MS);

    fault.on = FAKE_TASK;
    fault.is_permanent = true;
    fake_upstream_fault(flow.upstream, fault);
    flow_advance(20 * MINUTE_MS);
    ck_assert_int_eq(caller->answers, 0);
    fake_upstream_clear_faults(flow.upstream);
    flow_advance(4 * MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}
