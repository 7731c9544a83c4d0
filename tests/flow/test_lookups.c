/* SPDX-License-Identifier: MIT */
/* test_lookups.c - tests that a question is paid once and that every caller gets exactly one
 * result. */
#include "flow.h"

#include "tests/support/suite.h"
#include <string.h>

TEST(lookup_returns_its_mailboxes)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    fake_upstream_rule(
        flow.upstream,
        (struct fake_rule){.domain = "milvali.com",
                           .data = "[{\"email\":\"info@milvali.com\",\"status\":\"VALID\"},"
                                   "{\"email\":\"support@milvali.com\",\"status\":\"VALID\"}]"});
    flow_advance(30000);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert(!caller->collapsed);
    ck_assert_str_eq(caller->body,
                     "{\"domain\":\"milvali.com\",\"company_name\":\"Milvali\",\"emails\":["
                     "{\"email\":\"info@milvali.com\",\"status\":\"VALID\"},"
                     "{\"email\":\"support@milvali.com\",\"status\":\"VALID\"}],\"count\":2,"
                     "\"fetched_at\":\"2026-11-23T11:20:32Z\","
                     "\"expires_at\":\"2026-12-23T11:20:32Z\"}\n");
}

TEST(lookup_second_caller_is_served_from_the_cache)
{
    struct caller *first = flow_request("milvali.com", WAIT_MS);
    flow_advance(30000);
    size_t reads = fake_upstream_calls(flow.upstream, FAKE_TASK);
    struct caller *second = flow_request("milvali.com", WAIT_MS);

    flow_settle();
    ck_assert(second->from_cache);
    ck_assert_str_eq(second->body, first->body);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_TASK), reads);
}

TEST(lookup_1000_callers_share_one_task_and_the_same_bytes)
{
    struct caller *first = flow_request("milvali.com", WAIT_MS);

    for (int i = 1; i < 1000; i++) {
        if (i == 500)
            flow_advance(10000); /* half of them arrive while the submit is in flight */
        flow_request("milvali.com", WAIT_MS);
    }
    flow_advance(30000);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
    ck_assert(!first->collapsed);
    for (size_t i = 1; i < flow.n_callers; i++) {
        ck_assert(flow.callers[i]->collapsed);
        ck_assert_str_eq(flow.callers[i]->body, first->body);
    }
}

TEST(lookup_spellings_of_one_domain_are_one_question)
{
    flow_request("milvali.com", WAIT_MS);
    struct caller *url = flow_request("https://WWW.Milvali.com:8443/contact?x", WAIT_MS);
    struct caller *name = flow_request_about("info@milvali.com.", "  MILVALI ", WAIT_MS);

    flow_advance(30000);
    ck_assert(url->collapsed && name->collapsed);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(lookup_other_company_name_is_another_question)
{
    flow_request("milvali.com", WAIT_MS);
    flow_request_about("milvali.com", "Milvali Holding", WAIT_MS);
    flow_advance(30000);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
}

TEST(lookup_wait_expired_returns_and_the_lookup_continues)
{
    struct caller *hasty = flow_request("milvali.com", 5000);
    struct caller *patient = flow_request("milvali.com", WAIT_MS);

    flow_advance(5000);
    ck_assert_int_eq(hasty->err, ERR_STILL_PROCESSING);
    ck_assert_int_eq(hasty->charged, CHARGED_MAYBE);
    ck_assert_int_eq(hasty->retry_after_s, 25); /* the first estimate is thirty seconds */
    ck_assert_int_eq(patient->answers, 0);
    flow_advance(25000);
    ck_assert_int_eq(patient->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(lookup_without_waiters_fills_the_cache)
{
    flow_request("milvali.com", 0);
    flow_advance(30000);
    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert(later->from_cache);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(lookup_queued_without_waiters_is_dropped_unsent)
{
    struct caller *a = flow_request("milvali.com", WAIT_MS);
    struct caller *b = flow_request("milvali.com", WAIT_MS);

    flow_settle();
    engine_abandon(flow.engine, a->request.ticket);
    engine_abandon(flow.engine, b->request.ticket);
    flow_advance(60000);
    ck_assert_int_eq(a->err, ERR_CANCELLED);
    ck_assert_int_eq(b->err, ERR_CANCELLED);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 0);
}

TEST(lookup_queued_and_promised_is_sent_without_waiters)
{
    struct caller *hasty = flow_request("milvali.com", 10);
    struct caller *leaver = flow_request("milvali.com", WAIT_MS);

    flow_advance(20); /* the linger is not over yet */
    engine_abandon(flow.engine, leaver->request.ticket);
    flow_advance(30000);
    ck_assert_int_eq(hasty->err, ERR_STILL_PROCESSING);
    ck_assert_int_eq(hasty->charged, CHARGED_NO);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(lookup_sent_is_not_cancelled_by_a_leaving_waiter)
{
    struct caller *abandoned = flow_request("milvali.com", WAIT_MS);

    flow_advance(1000);
    engine_abandon(flow.engine, abandoned->request.ticket);
    flow_advance(30000);
    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(abandoned->err, ERR_CANCELLED);
    ck_assert_int_eq(abandoned->charged, CHARGED_MAYBE);
    ck_assert_uint_eq(strlen(abandoned->lookup_id), ID_LEN);
    ck_assert(later->from_cache);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(lookup_unsent_is_not_charged_to_a_leaving_waiter)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    engine_abandon(flow.engine, caller->request.ticket);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_CANCELLED);
    ck_assert_int_eq(caller->charged, CHARGED_NO);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 0);
}

TEST(lookup_cancel_after_the_result_is_a_no_op)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    flow_advance(30000);
    engine_abandon(flow.engine, caller->request.ticket);
    flow_settle();
    ck_assert_int_eq(caller->answers, 1);
    ck_assert_int_eq(caller->err, ERR_OK);
}

TEST(lookup_deadline_and_result_together_give_one_response)
{
    /* The result of a lookup of 28 s arrives at 28.1 s: linger, submit and task. */
    flow_request("milvali.com", 28100);
    flow_advance(30000);
    ck_assert_int_eq(flow.callers[0]->answers, 1);
}

TEST(lookup_failed_task_is_cached_for_a_minute)
{
    struct caller *first = flow_request("errored.com", WAIT_MS);

    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "errored.com", .state = "ERRORED"});
    flow_advance(40000);
    ck_assert_int_eq(first->err, ERR_LOOKUP_FAILED);
    struct caller *second = flow_request("errored.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(second->err, ERR_LOOKUP_FAILED);
    ck_assert(second->from_cache);
    flow_advance(61000);
    flow_request("errored.com", WAIT_MS);
    flow_advance(40000);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
}

TEST(lookup_cancelled_task_fails)
{
    struct caller *caller = flow_request("cancelled.com", WAIT_MS);

    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "cancelled.com", .state = "CANCELLED"});
    flow_advance(40000);
    ck_assert_int_eq(caller->err, ERR_LOOKUP_FAILED);
}

TEST(lookup_without_mailboxes_is_a_result)
{
    struct caller *caller = flow_request("empty.com", WAIT_MS);

    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "empty.com", .data = "[]"});
    flow_advance(40000);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_ptr_nonnull(strstr(caller->body, "\"emails\":[],\"count\":0,"));
}

TEST(lookup_without_tracking_id_never_gets_another_result)
{
    struct caller *a = flow_request("a.com", WAIT_MS);
    struct caller *b = flow_request("b.com", WAIT_MS);
    struct caller *c = flow_request("c.com", WAIT_MS);

    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "a.com", .tracking_id = "null"});
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "b.com", .tracking_id = "null"});
    flow_advance(40000);
    ck_assert_int_eq(a->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert_int_eq(b->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert_int_eq(a->charged, CHARGED_YES);
    ck_assert_ptr_nonnull(strstr(c->body, "info@c.com"));
}

TEST(lookup_result_without_tracking_id_in_a_batch_of_several_is_stored_raw)
{
    struct store_stats stats;

    flow_request("a.com", WAIT_MS);
    flow_request("b.com", WAIT_MS);
    flow_request("c.com", WAIT_MS);
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "a.com", .tracking_id = "null"});
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "b.com", .tracking_id = "null"});
    flow_advance(40000);
    ck_assert_int_eq(store_stats(flow.store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.raw, 2);
}

TEST(lookup_duplicate_tracking_id_is_not_cached)
{
    struct caller *one = flow_request("one.com", WAIT_MS);
    flow_request("two.com", WAIT_MS);
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "one.com", .tracking_id = "swap"});
    flow_advance(40000);
    ck_assert_int_eq(one->err, ERR_UPSTREAM_INVALID_RESPONSE);

    struct caller *later = flow_request("two.com", WAIT_MS);
    flow_advance(40000);
    ck_assert_int_eq(later->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert(!later->from_cache);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
}

TEST(lookup_duplicate_tracking_id_in_full_batch_affects_one_question)
{
    flow_request_companies(0, 100);
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "company99.com", .tracking_id = "swap"});
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "company50.com", .tracking_id = "null"});
    flow_advance(MINUTE_MS);
    for (size_t i = 0; i < 100; i++)
        ck_assert_int_eq(flow.callers[i]->err,
                         i == 50 || i == 99 ? ERR_UPSTREAM_INVALID_RESPONSE : ERR_OK);

    flow_request_companies(0, 100);
    flow_advance(MINUTE_MS);
    for (size_t i = 0; i < 100; i++) {
        const struct caller *again = flow.callers[100 + i];
        bool is_lost = i == 0 || i == 50 || i == 99;
        ck_assert_int_eq(again->err, is_lost ? ERR_UPSTREAM_INVALID_RESPONSE : ERR_OK);
        ck_assert_int_eq(again->from_cache, !is_lost);
    }
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 100);
}

/* The question is in cooldown when its refresh ends, but that was rejected for another reason. */
TEST(lookup_error_is_explained_by_its_own_detail_not_by_a_cooldown)
{
    flow_request("one.com", WAIT_MS);
    flow_request("two.com", WAIT_MS);
    fake_upstream_rule(
        flow.upstream,
        (struct fake_rule){.domain = "one.com", .task_ms = 62000, .tracking_id = "swap"});
    flow_advance(40000);
    fake_upstream_set_submit_ms(flow.upstream, 80000);
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 400, .body = "{\"detail\":\"no\"}"});
    struct caller *refresh = flow_request("two.com", WAIT_MS);
    refresh->request.directives.refresh = true;
    flow_advance(60000); /* the second result with its tracking id has arrived */
    ck_assert_int_eq(refresh->answers, 0);
    ck_assert_int_eq(flow.callers[0]->err, ERR_UPSTREAM_INVALID_RESPONSE);
    flow_advance(30000);
    ck_assert_int_eq(refresh->err, ERR_UPSTREAM_REJECTED);
    ck_assert_str_eq(refresh->detail, "no");
}

TEST(lookup_single_task_without_tracking_id_belongs_to_its_batch)
{
    struct caller *caller = flow_request("a.com", WAIT_MS);

    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "a.com", .tracking_id = "null"});
    flow_advance(40000);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_ptr_nonnull(strstr(caller->body, "info@a.com"));
}

TEST(lookup_single_task_with_a_foreign_tracking_id_is_not_matched)
{
    struct caller *caller = flow_request("a.com", WAIT_MS);

    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_TASK,
                            .status = 200,
                            .body = "{\"status\":\"COMPLETED\",\"tracking_id\":\"of-b\","
                                    "\"data\":[{\"email\":\"info@b.com\"}]}",
                            .is_permanent = true});
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(caller->answers, 0); /* the id of its own task may be late */
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert_ptr_null(caller->body);
}

TEST(lookup_expired_result_is_requested_again)
{
    flow_request("milvali.com", WAIT_MS);
    flow_advance(30000);
    flow_advance(INT64_C(30) * 86400000 - 10000);
    struct caller *fresh = flow_request("milvali.com", WAIT_MS);
    flow_advance(10000);
    struct caller *refreshed = flow_request("milvali.com", WAIT_MS);
    flow_advance(30000);
    ck_assert(fresh->from_cache);
    ck_assert(!refreshed->from_cache);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
}

TEST(lookup_refresh_pays_again_and_replaces_the_result)
{
    flow_request("milvali.com", WAIT_MS);
    flow_advance(30000);
    struct caller *refreshed = flow_request("milvali.com", WAIT_MS);
    refreshed->request.directives.refresh = true;
    struct caller *joins = flow_request("milvali.com", WAIT_MS);
    flow_advance(30000);
    ck_assert(!refreshed->from_cache);
    ck_assert(joins->from_cache); /* the old result is fresh, and this caller accepts it */
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_str_eq(later->body, refreshed->body);
    ck_assert_str_ne(later->body, flow.callers[0]->body);
}

TEST(lookup_failure_does_not_evict_an_older_result)
{
    struct caller *first = flow_request("milvali.com", WAIT_MS);
    flow_advance(30000);
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "milvali.com", .state = "ERRORED"});
    struct caller *refreshed = flow_request("milvali.com", WAIT_MS);
    refreshed->request.directives.refresh = true;
    flow_advance(40000);
    ck_assert_int_eq(refreshed->err, ERR_LOOKUP_FAILED);

    struct caller *content = flow_request("milvali.com", WAIT_MS);
    struct caller *again = flow_request("milvali.com", WAIT_MS);
    again->request.directives.refresh = true;
    flow_settle();
    ck_assert_str_eq(content->body, first->body);
    ck_assert_int_eq(again->err,
                     ERR_LOOKUP_FAILED); /* immediately: it is in cooldown for a minute */
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
}

TEST(lookup_drain_answers_all_callers_and_rejects_new_ones)
{
    struct caller *fetching = flow_request("slow.com", WAIT_MS);
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "slow.com", .task_ms = 60000});
    flow_advance(30000);
    struct caller *submitting = flow_request("submitting.com", WAIT_MS);
    flow_advance(1000);
    struct caller *queued = flow_request("queued.com", WAIT_MS);
    flow_settle();

    engine_drain(flow.engine, 0);
    flow_settle();
    struct caller *late = flow_request("late.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(fetching->err, ERR_DRAINING);
    ck_assert_int_eq(submitting->err, ERR_DRAINING);
    ck_assert_int_eq(queued->err, ERR_DRAINING);
    ck_assert_int_eq(late->err, ERR_DRAINING);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 2);
    /* flow_end() drains again and must find no caller. */
}

TEST(lookup_over_the_waiter_limit_is_rejected_immediately)
{
    struct engine_options options = flow_options();

    options.max_waiters = 2;
    flow_start(options);
    flow_request("milvali.com", WAIT_MS);
    flow_request("milvali.com", WAIT_MS);
    struct caller *third = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(third->err, ERR_OVERLOADED);
    flow_advance(30000);
    ck_assert_int_eq(flow.callers[0]->err, ERR_OK);
}

TEST(lookup_with_full_queue_rejects_only_new_questions)
{
    struct engine_options options = flow_options();

    options.batch.max_queued = 1;
    flow_start(options);
    struct caller *first = flow_request("a.com", WAIT_MS);
    struct caller *second = flow_request("b.com", WAIT_MS);
    struct caller *joins = flow_request("a.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(first->err, ERR_OK);
    ck_assert_int_eq(second->err, ERR_OVERLOADED);
    ck_assert_int_eq(joins->err, ERR_OK);
}
