/* SPDX-License-Identifier: MIT */
/* test_lookups.c - one question is paid once, everybody who asks is told exactly once. */
#include "flow.h"

#include "tests/support/suite.h"
#include <string.h>

TEST(a_lookup_is_answered_with_its_mailboxes)
{
    struct asker *asker = flow_ask("milvali.com", WAIT_MS);

    vendor_rule(
        flow.vendor,
        (struct vendor_rule){.domain = "milvali.com",
                             .data = "[{\"email\":\"info@milvali.com\",\"status\":\"VALID\"},"
                                     "{\"email\":\"support@milvali.com\",\"status\":\"VALID\"}]"});
    flow_advance(30000);
    ck_assert_int_eq(asker->err, ERR_OK);
    ck_assert(!asker->collapsed);
    ck_assert_str_eq(asker->body,
                     "{\"domain\":\"milvali.com\",\"company_name\":\"Milvali\",\"emails\":["
                     "{\"email\":\"info@milvali.com\",\"status\":\"VALID\"},"
                     "{\"email\":\"support@milvali.com\",\"status\":\"VALID\"}],\"count\":2,"
                     "\"fetched_at\":\"2026-11-23T11:20:32Z\","
                     "\"expires_at\":\"2026-12-23T11:20:32Z\"}\n");
}

TEST(the_second_asker_is_served_from_the_cache_without_a_call)
{
    struct asker *first = flow_ask("milvali.com", WAIT_MS);
    flow_advance(30000);
    size_t reads = vendor_calls(flow.vendor, VENDOR_TASK);
    struct asker *second = flow_ask("milvali.com", WAIT_MS);

    flow_settle();
    ck_assert(second->from_cache);
    ck_assert_str_eq(second->body, first->body);
    ck_assert_uint_eq(vendor_calls(flow.vendor, VENDOR_SUBMIT), 1);
    ck_assert_uint_eq(vendor_calls(flow.vendor, VENDOR_TASK), reads);
}

TEST(a_thousand_askers_of_one_question_share_one_task_and_the_same_bytes)
{
    struct asker *first = flow_ask("milvali.com", WAIT_MS);

    for (int i = 1; i < 1000; i++) {
        if (i == 500)
            flow_advance(10000); /* half of them come while the submit is under way */
        flow_ask("milvali.com", WAIT_MS);
    }
    flow_advance(30000);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 1);
    ck_assert(!first->collapsed);
    for (size_t i = 1; i < flow.n_askers; i++) {
        ck_assert(flow.askers[i]->collapsed);
        ck_assert_str_eq(flow.askers[i]->body, first->body);
    }
}

TEST(spellings_of_one_domain_are_one_question)
{
    flow_ask("milvali.com", WAIT_MS);
    struct asker *url = flow_ask("https://WWW.Milvali.com:8443/contact?x", WAIT_MS);
    struct asker *name = flow_ask_about("info@milvali.com.", "  MILVALI ", WAIT_MS);

    flow_advance(30000);
    ck_assert(url->collapsed && name->collapsed);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 1);
}

TEST(another_company_name_is_another_question)
{
    flow_ask("milvali.com", WAIT_MS);
    flow_ask_about("milvali.com", "Milvali Holding", WAIT_MS);
    flow_advance(30000);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 2);
    ck_assert_uint_eq(vendor_calls(flow.vendor, VENDOR_SUBMIT), 1);
}

TEST(a_waiter_whose_time_is_over_is_told_and_the_work_goes_on)
{
    struct asker *hasty = flow_ask("milvali.com", 5000);
    struct asker *patient = flow_ask("milvali.com", WAIT_MS);

    flow_advance(5000);
    ck_assert_int_eq(hasty->err, ERR_STILL_PROCESSING);
    ck_assert_int_eq(hasty->charged, CHARGED_MAYBE);
    ck_assert_int_eq(hasty->retry_after_s, 25); /* thirty seconds are expected at first */
    ck_assert_int_eq(patient->answers, 0);
    flow_advance(25000);
    ck_assert_int_eq(patient->err, ERR_OK);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 1);
}

TEST(a_lookup_that_nobody_waits_for_any_more_fills_the_cache)
{
    flow_ask("milvali.com", 0);
    flow_advance(30000);
    struct asker *later = flow_ask("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert(later->from_cache);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 1);
}

TEST(a_queued_lookup_whose_every_waiter_left_is_dropped_unsent)
{
    struct asker *a = flow_ask("milvali.com", WAIT_MS);
    struct asker *b = flow_ask("milvali.com", WAIT_MS);

    flow_settle();
    engine_abandon(flow.engine, a->ask.number);
    engine_abandon(flow.engine, b->ask.number);
    flow_advance(60000);
    ck_assert_int_eq(a->err, ERR_GONE);
    ck_assert_int_eq(b->err, ERR_GONE);
    ck_assert_uint_eq(vendor_calls(flow.vendor, VENDOR_SUBMIT), 0);
}

TEST(a_queued_lookup_that_somebody_was_promised_is_sent_although_the_rest_left)
{
    struct asker *hasty = flow_ask("milvali.com", 10);
    struct asker *leaver = flow_ask("milvali.com", WAIT_MS);

    flow_advance(20); /* the linger is not over yet */
    engine_abandon(flow.engine, leaver->ask.number);
    flow_advance(30000);
    ck_assert_int_eq(hasty->err, ERR_STILL_PROCESSING);
    ck_assert_int_eq(hasty->charged, CHARGED_NO);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 1);
}

TEST(a_waiter_who_leaves_cancels_nothing_that_was_sent)
{
    struct asker *gone = flow_ask("milvali.com", WAIT_MS);

    flow_advance(1000);
    engine_abandon(flow.engine, gone->ask.number);
    flow_advance(30000);
    struct asker *later = flow_ask("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(gone->err, ERR_GONE);
    ck_assert(later->from_cache);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 1);
}

TEST(leaving_after_the_end_is_without_effect)
{
    struct asker *asker = flow_ask("milvali.com", WAIT_MS);

    flow_advance(30000);
    engine_abandon(flow.engine, asker->ask.number);
    flow_settle();
    ck_assert_int_eq(asker->answers, 1);
    ck_assert_int_eq(asker->err, ERR_OK);
}

TEST(deadline_and_result_in_the_same_instant_give_one_answer)
{
    /* The result of a lookup of 28 s comes at 28.1 s: linger, submit and task. */
    flow_ask("milvali.com", 28100);
    flow_advance(30000);
    ck_assert_int_eq(flow.askers[0]->answers, 1);
}

TEST(a_failed_task_ends_its_lookup_and_is_remembered_for_a_minute)
{
    struct asker *first = flow_ask("errored.com", WAIT_MS);

    vendor_rule(flow.vendor, (struct vendor_rule){.domain = "errored.com", .state = "ERRORED"});
    flow_advance(40000);
    ck_assert_int_eq(first->err, ERR_LOOKUP_FAILED);
    struct asker *second = flow_ask("errored.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(second->err, ERR_LOOKUP_FAILED);
    ck_assert(second->from_cache);
    flow_advance(61000);
    flow_ask("errored.com", WAIT_MS);
    flow_advance(40000);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 2);
}

TEST(a_cancelled_task_is_a_failed_lookup)
{
    struct asker *asker = flow_ask("cancelled.com", WAIT_MS);

    vendor_rule(flow.vendor, (struct vendor_rule){.domain = "cancelled.com", .state = "CANCELLED"});
    flow_advance(40000);
    ck_assert_int_eq(asker->err, ERR_LOOKUP_FAILED);
}

TEST(no_mailboxes_is_an_answer)
{
    struct asker *asker = flow_ask("empty.com", WAIT_MS);

    vendor_rule(flow.vendor, (struct vendor_rule){.domain = "empty.com", .data = "[]"});
    flow_advance(40000);
    ck_assert_int_eq(asker->err, ERR_OK);
    ck_assert_ptr_nonnull(strstr(asker->body, "\"emails\":[],\"count\":0,"));
}

TEST(tasks_without_a_tracking_id_show_nobody_anothers_mailboxes)
{
    struct asker *a = flow_ask("a.com", WAIT_MS);
    struct asker *b = flow_ask("b.com", WAIT_MS);
    struct asker *c = flow_ask("c.com", WAIT_MS);

    vendor_rule(flow.vendor, (struct vendor_rule){.domain = "a.com", .without_tracking_id = true});
    vendor_rule(flow.vendor, (struct vendor_rule){.domain = "b.com", .without_tracking_id = true});
    flow_advance(40000);
    ck_assert_int_eq(a->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert_int_eq(b->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert_int_eq(a->charged, CHARGED_MAYBE);
    ck_assert_ptr_nonnull(strstr(c->body, "info@c.com"));
}

TEST(a_tracking_id_that_comes_back_twice_leaves_nothing_in_the_cache)
{
    struct asker *one = flow_ask("one.com", WAIT_MS);
    flow_ask("two.com", WAIT_MS);
    vendor_rule(flow.vendor,
                (struct vendor_rule){.domain = "one.com", .tracking_id_of = "two.com"});
    flow_advance(40000);
    ck_assert_int_eq(one->err, ERR_UPSTREAM_INVALID_RESPONSE);

    struct asker *later = flow_ask("two.com", WAIT_MS);
    flow_advance(40000);
    ck_assert_int_eq(later->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert(!later->from_cache);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 2);
}

TEST(a_single_task_without_a_tracking_id_is_not_guessed_either)
{
    struct asker *asker = flow_ask("a.com", WAIT_MS);

    vendor_rule(flow.vendor, (struct vendor_rule){.domain = "a.com", .without_tracking_id = true});
    flow_advance(40000);
    ck_assert_int_eq(asker->err, ERR_UPSTREAM_INVALID_RESPONSE);
}

TEST(an_answer_is_fresh_for_its_time_and_then_asked_anew)
{
    flow_ask("milvali.com", WAIT_MS);
    flow_advance(30000);
    flow_advance(INT64_C(30) * 86400000 - 10000);
    struct asker *fresh = flow_ask("milvali.com", WAIT_MS);
    flow_advance(10000);
    struct asker *anew = flow_ask("milvali.com", WAIT_MS);
    flow_advance(30000);
    ck_assert(fresh->from_cache);
    ck_assert(!anew->from_cache);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 2);
}

TEST(who_wants_it_anew_pays_for_it_anew_and_others_get_the_new_one)
{
    flow_ask("milvali.com", WAIT_MS);
    flow_advance(30000);
    struct asker *anew = flow_ask("milvali.com", WAIT_MS);
    anew->not_before_ms = engine_clock(flow.engine)->wall_ms;
    struct asker *joins = flow_ask("milvali.com", WAIT_MS);
    flow_advance(30000);
    ck_assert(!anew->from_cache);
    ck_assert(joins->from_cache); /* the old one is fresh, and he did not mind */
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 2);
    struct asker *later = flow_ask("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_str_eq(later->body, anew->body);
    ck_assert_str_ne(later->body, flow.askers[0]->body);
}

TEST(a_failure_does_not_push_an_older_answer_out)
{
    struct asker *first = flow_ask("milvali.com", WAIT_MS);
    flow_advance(30000);
    vendor_rule(flow.vendor, (struct vendor_rule){.domain = "milvali.com", .state = "ERRORED"});
    struct asker *anew = flow_ask("milvali.com", WAIT_MS);
    anew->not_before_ms = engine_clock(flow.engine)->wall_ms;
    flow_advance(40000);
    ck_assert_int_eq(anew->err, ERR_LOOKUP_FAILED);

    struct asker *content = flow_ask("milvali.com", WAIT_MS);
    struct asker *again = flow_ask("milvali.com", WAIT_MS);
    again->not_before_ms = engine_clock(flow.engine)->wall_ms;
    flow_settle();
    ck_assert_str_eq(content->body, first->body);
    ck_assert_int_eq(again->err, ERR_LOOKUP_FAILED); /* at once: it rests for a minute */
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 2);
}

TEST(draining_answers_everybody_in_every_phase_and_refuses_newcomers)
{
    struct asker *fetching = flow_ask("slow.com", WAIT_MS);
    vendor_rule(flow.vendor, (struct vendor_rule){.domain = "slow.com", .task_ms = 60000});
    flow_advance(30000);
    struct asker *submitting = flow_ask("submitting.com", WAIT_MS);
    flow_advance(1000);
    struct asker *queued = flow_ask("queued.com", WAIT_MS);
    flow_settle();

    engine_drain(flow.engine, 0);
    flow_settle();
    struct asker *late = flow_ask("late.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(fetching->err, ERR_DRAINING);
    ck_assert_int_eq(submitting->err, ERR_DRAINING);
    ck_assert_int_eq(queued->err, ERR_DRAINING);
    ck_assert_int_eq(late->err, ERR_DRAINING);
    ck_assert_uint_eq(vendor_calls(flow.vendor, VENDOR_SUBMIT), 2);
    /* The second drain is flow_end()'s: it must find nobody. */
}

TEST(more_waiters_than_allowed_are_told_so_at_once)
{
    struct engine_options options = flow_options();

    options.lookup.max_waiters = 2;
    flow_start(options);
    flow_ask("milvali.com", WAIT_MS);
    flow_ask("milvali.com", WAIT_MS);
    struct asker *third = flow_ask("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(third->err, ERR_OVERLOADED);
    flow_advance(30000);
    ck_assert_int_eq(flow.askers[0]->err, ERR_OK);
}

TEST(a_full_queue_refuses_new_questions_and_keeps_the_old_ones)
{
    struct engine_options options = flow_options();

    options.batch.max_queued = 1;
    flow_start(options);
    struct asker *first = flow_ask("a.com", WAIT_MS);
    struct asker *second = flow_ask("b.com", WAIT_MS);
    struct asker *joins = flow_ask("a.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(first->err, ERR_OK);
    ck_assert_int_eq(second->err, ERR_OVERLOADED);
    ck_assert_int_eq(joins->err, ERR_OK);
}
