/* SPDX-License-Identifier: MIT */
/* test_notify.c - tests that the upstream's calls of a notify URL, and unreadable responses,
 * resolve a submit whose response was lost without paying again. */
#include "notify_flow.h"

#include "tests/support/suite.h"

/* ---- the token ---- */

TEST(notify_token_is_new_for_each_batch_and_absent_without_the_option)
{
    char first[64];

    flow_request("milvali.com", WAIT_MS);
    flow_advance(1000);
    ck_assert_str_eq(fake_upstream_notify_token(flow.upstream), "");
    flow_start(options());
    flow_request("milvali.com", WAIT_MS);
    flow_advance(1000);
    ck_assert_uint_eq(strlen(token()), 32);
    snprintf(first, sizeof first, "%s", token());
    flow_request("other.com", WAIT_MS);
    flow_advance(1000);
    ck_assert_uint_eq(strlen(token()), 32);
    ck_assert_str_ne(token(), first);
}

/* So that the halves of a rejected batch can be distinguished. */
TEST(notify_token_of_a_half_is_its_own)
{
    char first[64];

    flow_start(options());
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "bad.com", .is_rejected = true});
    flow_request("bad.com", WAIT_MS);
    flow_request("good.com", WAIT_MS);
    flow_advance(1000);
    snprintf(first, sizeof first, "%s", token());
    flow_advance(60000);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 3);
    ck_assert_uint_eq(strlen(token()), 32);
    ck_assert_str_ne(token(), first);
}

/* ---- a lost submit ---- */

static const struct {
    const char *body;
    bool is_task; /* the id is the task's, else the batch's */
} bodies[] = {
    {"{\"batch_id\":\"%s\"}", false},
    {"{\"event\":\"batch.completed\",\"data\":{\"id\":\"%s\"}}", false},
    {"batch_id=%s", false},
    {"the batch %s is ready", false},
    {"{\"task_id\":\"%s\",\"status\":\"COMPLETED\"}", true},
    {"{\"batch_id\":\"%s\"}", true}, /* mistaken */
    {"<task><id>%s</id></task>", true},
    {"%s", true},
};

LOOP_TEST(notify_names_an_id_and_the_lost_lookup_is_answered, bodies)
{
    flow_start(options());
    lose("milvali.com");
    expect_unknown("milvali.com");
    notify(token(), bodies[_i].body,
           bodies[_i].is_task ? task_id("milvali.com") : batch_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    expect_answered("milvali.com");
}

TEST(notify_resumes_the_whole_batch_by_one_of_its_ids)
{
    flow_start(options());
    lose_next_submit();
    flow_request_companies(0, 100);
    flow_advance(27000);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 100);
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id(flow_company(0)));
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 0);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 100);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 100);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
}

/* Each task is reported alone, the last first, and no report names the batch. */
TEST(notify_answers_a_batch_task_by_task)
{
    flow_start(options());
    lose_next_submit();
    flow_request_companies(0, 100);
    flow_advance(27000);
    for (int i = 99; i >= 0; i--)
        notify(token(), "{\"task_id\":\"%s\",\"data\":[]}", task_id(flow_company(i)));
    flow_advance(10 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 0);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 100);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 100);
}

/* The list names the task first whose result was read already. */
TEST(notify_of_a_task_and_then_of_its_batch_resolves_the_rest)
{
    flow_start(options());
    lose_next_submit();
    flow_request_companies(0, 3);
    flow_advance(27000);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 3);
    notify(token(), "{\"task_id\":\"%s\",\"data\":[]}", task_id(flow_company(0)));
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 2);
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id(flow_company(0)));
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 3);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 3);
}

TEST(notify_before_the_response_is_lost_resolves_it_then)
{
    flow_start(options());
    lose_next_submit();
    fake_upstream_set_submit_ms(flow.upstream, 60000);
    flow_request("milvali.com", WAIT_MS);
    flow_advance(1000);
    notify(token(), "{\"batch_id\":\"%s\"}", "b-early"); /* its batch is not known yet */
    flow_advance(60000);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    notify(token(), "{\"task_id\":\"%s\"}", task_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    expect_answered("milvali.com");
}

TEST(notify_while_the_submit_is_in_flight_keeps_the_ids)
{
    flow_start(options());
    fake_upstream_set_submit_ms(flow.upstream, 0);
    flow_request("other.com", WAIT_MS); /* its id is guessed below */
    flow_advance(2 * MINUTE_MS);
    fake_upstream_set_submit_ms(flow.upstream, 26000);
    fake_upstream_set_task_ms(flow.upstream, 1000);
    lose_next_submit();
    flow_request("milvali.com", WAIT_MS);
    flow_advance(1000);
    size_t before = reads();
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("other.com"));
    flow_advance(10000);
    ck_assert_uint_eq(reads(), before); /* nothing is tried before the submit ends */
    flow_advance(20000);
    ck_assert_uint_gt(reads(), before);
    expect_unknown("milvali.com"); /* that batch has none of our tracking ids of this submit */
}

/* A call while the batch waits to be paid for again proves that it exists. */
TEST(notify_before_a_resubmit_prevents_paying_again)
{
    struct engine_options with_retry = options();

    with_retry.batch.retry_unknown = true;
    flow_start(with_retry);
    lose_next_submit();
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(26200);
    ck_assert_int_eq(caller->answers, 0); /* it backs off */
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
    expect_answered("milvali.com");
}

/* A second submit was paid for, and was rejected; the call proves that the first one succeeded. */
TEST(notify_after_a_rejected_resubmit_prevents_a_third_submit)
{
    struct engine_options with_retry = options();

    with_retry.batch.retry_unknown = true;
    flow_start(with_retry);
    lose_next_submit();
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 429, .body = "{}", .retry_after_s = 20});
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 2);
    ck_assert_int_eq(caller->answers, 0); /* it waits to be sent again */
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 2);
    ck_assert_int_eq(engine_status(flow.engine).credits_spent, 1);
    expect_answered("milvali.com");
}

TEST(notify_for_a_submit_that_succeeds_after_all_changes_nothing)
{
    flow_start(options());
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(1000);
    notify(token(), "{\"task_id\":\"%s\"}", "t-1");
    flow_advance(3 * MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(notify_twice_and_late_is_harmless)
{
    flow_start(options());
    lose("milvali.com");
    for (int i = 0; i < 3; i++)
        notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    expect_answered("milvali.com");
    size_t before = reads();
    for (int i = 0; i < 3; i++)
        notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(10 * MINUTE_MS);
    ck_assert_uint_eq(reads(), before);
    expect_answered("milvali.com");
}

TEST(notify_after_a_restart_and_long_after_the_cooldown_resolves)
{
    flow_start(options());
    lose("milvali.com");
    char of[64];
    snprintf(of, sizeof of, "%s", token());
    flow_restart();
    flow_advance(DAY_MS);
    notify(of, "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    expect_answered("milvali.com");
}

TEST(notify_for_a_submit_cut_by_a_kill_resolves)
{
    flow_start(options());
    lose_next_submit();
    flow_request("milvali.com", WAIT_MS);
    flow_advance(26500); /* the response is lost, and the process is killed */
    flow_restart();
    notify(token(), "{\"task_id\":\"%s\"}", task_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    expect_answered("milvali.com");
}

TEST(notify_lets_later_callers_join_the_resumed_lookup)
{
    flow_start(options());
    fake_upstream_set_task_ms(flow.upstream, 2 * MINUTE_MS);
    lose("milvali.com");
    flow_advance(60000);
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(10000);
    struct caller *joins = flow_request("milvali.com", WAIT_MS);
    flow_advance(WAIT_MS);
    ck_assert_int_eq(joins->err, ERR_OK);
    ck_assert(joins->collapsed);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(notify_makes_the_result_available_under_the_lookup_id)
{
    flow_start(options());
    lose_next_submit();
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(27000);
    notify(token(), "{\"task_id\":\"%s\"}", task_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    struct find_lookup_call find = {.call.run = engine_find_lookup};
    snprintf(find.id, sizeof find.id, "%s", caller->lookup_id);
    flow_call(&find.call);
    ck_assert_int_eq(find.err, ERR_OK);
    ck_assert_ptr_nonnull(find.result);
    ck_assert_int_eq(find.result->err, ERR_OK);
    result_unref(find.result);
}

TEST(notify_of_a_task_that_failed_ends_it_as_failed)
{
    flow_start(options());
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "milvali.com", .state = "ERRORED"});
    lose("milvali.com");
    notify(token(), "{\"task_id\":\"%s\"}", task_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_FAILED], 1);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 0);
}

/* ---- unreadable responses to submits ---- */

/* It has no end, so it cannot be parsed, but it names the batch. Notifications are off. */
TEST(response_that_broke_off_names_the_batch_and_resolves_it)
{
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 200, .creates = true, .n_cut = 1});
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(27000);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    flow_advance(2 * MINUTE_MS);
    expect_answered("milvali.com");
}

TEST(response_without_an_id_stays_unknown)
{
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 200, .creates = true, .body = "OK"});
    flow_request("milvali.com", WAIT_MS);
    flow_advance(10 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    ck_assert_uint_eq(reads(), 0);
}

/* What is known of the search ends with the process. */
TEST(response_is_searched_again_after_a_restart)
{
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 200, .creates = true, .n_cut = 1});
    fake_upstream_fault(flow.upstream, (struct fake_fault){.on = FAKE_TASK_IDS,
                                                           .status = 503,
                                                           .body = "busy",
                                                           .is_permanent = true});
    flow_request("milvali.com", WAIT_MS);
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    flow_restart();
    fake_upstream_clear_faults(flow.upstream);
    flow_advance(2 * MINUTE_MS);
    expect_answered("milvali.com");
}

/* ---- what takes time or fails ---- */

TEST(notify_of_an_unfinished_task_reads_it_until_it_has_ended)
{
    flow_start(options());
    fake_upstream_set_task_ms(flow.upstream, HOUR_MS);
    lose("milvali.com");
    size_t before = reads();
    notify(token(), "{\"task_id\":\"%s\"}", task_id("milvali.com"));
    flow_advance(HOUR_MS + 10 * MINUTE_MS);
    ck_assert_uint_lt(reads() - before, 30); /* with growing pauses */
    expect_answered("milvali.com");
}

TEST(notify_survives_reads_that_fail)
{
    flow_start(options());
    lose("milvali.com");
    fake_upstream_fault(flow.upstream, (struct fake_fault){.on = FAKE_TASK_IDS,
                                                           .status = 503,
                                                           .body = "busy",
                                                           .is_permanent = true});
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_TASK, .end = TRANSPORT_TIMEOUT, .is_permanent = true});
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(20 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    fake_upstream_clear_faults(flow.upstream);
    flow_advance(10 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 0);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 1);
}

TEST(notify_of_a_batch_that_is_not_visible_yet_is_tried_again)
{
    flow_start(options());
    lose("milvali.com");
    for (int i = 0; i < 2; i++)
        fake_upstream_fault(flow.upstream,
                            (struct fake_fault){.on = FAKE_TASK_IDS, .status = 404, .body = "{}"});
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    expect_answered("milvali.com");
}

TEST(notify_waits_for_a_store_that_fails)
{
    flow_start(options());
    lose("milvali.com");
    weak_store_fail(flow.store, WEAK_RESOLVE, true);
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    weak_store_fail(flow.store, WEAK_RESOLVE, false);
    flow_advance(10 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 0);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 1);
}

TEST(notify_resumes_the_batch_although_the_store_fails_after_it_is_resolved)
{
    flow_start(options());
    lose("milvali.com");
    fake_upstream_set_read_ms(flow.upstream, 5000);
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(1000);
    weak_store_fail(flow.store, WEAK_FIND_BATCH, true); /* the next read of the batch */
    flow_advance(15000);
    ck_assert_uint_eq(stored().tasks[STORE_OPEN], 1);
    weak_store_fail(flow.store, WEAK_FIND_BATCH, false);
    flow_advance(2 * MINUTE_MS);
    expect_answered("milvali.com");
}

/* The batch has ended, but its end is not in the store yet. */
TEST(notify_while_the_journal_waits_for_the_disk_is_kept)
{
    flow_start(options());
    weak_store_fail(flow.store, WEAK_END_BATCH, true);
    lose_next_submit();
    flow_request("milvali.com", WAIT_MS);
    flow_advance(27000);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 0);
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(5000);
    weak_store_fail(flow.store, WEAK_END_BATCH, false);
    flow_advance(5 * MINUTE_MS);
    expect_answered("milvali.com");
}
