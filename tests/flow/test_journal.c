/* SPDX-License-Identifier: MIT */
/* test_journal.c - nothing paid for is lost: kills in every phase, and a disk that fails. */
#include "flow.h"
#include "weak_store.h"

#include "tests/support/suite.h"
#include <string.h>

static size_t submits(void)
{
    return vendor_calls(flow.vendor, VENDOR_SUBMIT);
}

static struct store_stats books(void)
{
    struct store_stats stats;

    ck_assert_int_eq(store_stats(flow.store, &stats), ERR_OK);
    return stats;
}

/* ---- kills ---- */

TEST(a_batch_whose_id_was_read_is_polled_on_after_a_kill_with_nobody_waiting)
{
    flow_ask("milvali.com", WAIT_MS);
    vendor_set_task_ms(flow.vendor, 20000);
    flow_advance(30000); /* taken, not finished */
    flow_restart();
    ck_assert_uint_eq(flow.recovery.resumed_batches, 1);
    ck_assert_uint_eq(flow.recovery.resumed_tasks, 1);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(books().tasks[STORE_ANSWERED], 1);
    ck_assert_uint_eq(books().batches[STORE_DONE], 1);

    struct asker *later = flow_ask("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(later->err, ERR_OK);
    ck_assert(later->from_cache);
    ck_assert_uint_eq(submits(), 1);
}

TEST(who_asks_after_a_kill_joins_the_lookup_that_goes_on)
{
    flow_ask("milvali.com", WAIT_MS);
    vendor_set_task_ms(flow.vendor, 20000);
    flow_advance(30000);
    flow_restart();
    struct asker *joins = flow_ask("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(joins->err, ERR_OK);
    ck_assert(joins->collapsed);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 1);
}

TEST(what_was_answered_before_a_kill_is_neither_read_again_nor_doubted)
{
    struct asker *fast = flow_ask("fast.com", WAIT_MS);
    flow_ask("slow.com", WAIT_MS);
    vendor_rule(flow.vendor, (struct vendor_rule){.domain = "slow.com", .task_ms = 40000});
    flow_advance(40000);
    ck_assert_int_eq(fast->err, ERR_OK);
    size_t reads = vendor_calls(flow.vendor, VENDOR_TASK);
    flow_restart();
    ck_assert_uint_eq(flow.recovery.resumed_tasks, 1);
    struct asker *slow = flow_ask("slow.com", WAIT_MS);
    struct asker *again = flow_ask("fast.com", WAIT_MS);
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(slow->err, ERR_OK);
    ck_assert_str_eq(again->body, fast->body);
    ck_assert_uint_eq(vendor_calls(flow.vendor, VENDOR_TASK), reads + 1);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 2);
}

TEST(a_batch_that_was_being_sent_at_a_kill_is_unknown_and_not_sent_again_by_itself)
{
    flow_ask("milvali.com", WAIT_MS);
    flow_advance(10000); /* the submit takes 26 s */
    flow_restart();
    ck_assert_uint_eq(flow.recovery.unknown_batches, 1);
    ck_assert_uint_eq(flow.recovery.unknown_tasks, 1);
    ck_assert_uint_eq(books().tasks[STORE_UNKNOWN], 1);
    flow_advance(5 * MINUTE_MS);
    ck_assert_uint_eq(submits(), 1);

    struct asker *early = flow_ask("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(early->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_int_eq(early->charged, CHARGED_MAYBE);
    ck_assert_uint_eq(submits(), 1);
}

TEST(a_question_rests_for_its_whole_hold_over_any_number_of_kills)
{
    flow_ask("milvali.com", WAIT_MS);
    flow_advance(10000);
    flow_restart();
    for (int minutes = 0; minutes < 9; minutes++) {
        flow_advance(MINUTE_MS);
        flow_restart();
        ck_assert_uint_eq(flow.recovery.held, 1);
    }
    struct asker *early = flow_ask("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS + 1000);
    ck_assert_int_eq(early->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    struct asker *later = flow_ask("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(later->err, ERR_OK);
    ck_assert_uint_eq(books().tasks[STORE_UNKNOWN], 1); /* and stays in the books */
}

TEST(what_provably_was_not_at_the_vendor_at_a_kill_may_be_asked_at_once)
{
    vendor_fault(flow.vendor,
                 (struct vendor_fault){
                     .on = VENDOR_SUBMIT, .status = 429, .body = "{}", .retry_after_s = 20});
    flow_ask("milvali.com", WAIT_MS);
    flow_advance(30000); /* refused, and resting */
    flow_restart();
    ck_assert_uint_eq(flow.recovery.closed_batches, 1);
    ck_assert_uint_eq(books().tasks[STORE_NOT_CREATED], 1);
    struct asker *again = flow_ask("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(again->err, ERR_OK);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 1);
}

TEST(after_a_risked_resubmit_a_kill_leaves_it_unknown_even_if_the_second_was_refused)
{
    struct engine_options options = flow_options();

    options.batch.retry_unknown = true;
    flow_start(options);
    vendor_fault(flow.vendor, (struct vendor_fault){
                                  .on = VENDOR_SUBMIT, .end = TRANSPORT_BROKEN, .creates = true});
    vendor_fault(flow.vendor,
                 (struct vendor_fault){
                     .on = VENDOR_SUBMIT, .status = 429, .body = "{}", .retry_after_s = 20});
    flow_ask("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS); /* lost, sent again, refused, resting */
    ck_assert_uint_eq(submits(), 2);
    flow_restart();
    ck_assert_uint_eq(books().tasks[STORE_UNKNOWN], 1);
    ck_assert_uint_eq(books().risked, 1);
}

TEST(halves_of_a_refused_batch_are_batches_of_their_own_in_the_journal)
{
    flow_ask("good.com", WAIT_MS);
    flow_ask("bad.com", WAIT_MS);
    vendor_rule(flow.vendor, (struct vendor_rule){.domain = "bad.com", .disliked = true});
    flow_advance(3 * MINUTE_MS);
    ck_assert_uint_eq(books().tasks[STORE_ANSWERED], 1);
    ck_assert_uint_eq(books().tasks[STORE_NOT_CREATED], 1);
    ck_assert_uint_eq(books().batches[STORE_DONE], 2);
    ck_assert_uint_eq(books().tasks[STORE_OPEN], 0);
}

/* A kill at every hundredth of a lookup's way: the books always agree with the vendor's ledger. */
RANGE_TEST(a_kill_at_any_moment_neither_loses_nor_repeats, 0, 100)
{
    vendor_set_task_ms(flow.vendor, 20000);
    flow_ask("one.com", WAIT_MS);
    flow_ask("two.com", WAIT_MS);
    flow_advance(_i * 600);
    flow_restart();
    flow_advance(2 * MINUTE_MS);
    struct store_stats stats = books();
    size_t known = stats.tasks[STORE_ANSWERED] + stats.tasks[STORE_UNKNOWN];
    ck_assert_uint_eq(stats.tasks[STORE_OPEN], 0);
    ck_assert_uint_le(vendor_ledger(flow.vendor), known);
    ck_assert_uint_le(submits(), 1);

    struct asker *again = flow_ask("one.com", WAIT_MS);
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_le(vendor_ledger_of(flow.vendor, "one.com"), 1);
    ck_assert(again->err == ERR_OK || again->err == ERR_UPSTREAM_OUTCOME_UNKNOWN);
}

TEST(answers_outlive_the_process_to_the_byte)
{
    struct asker *first = flow_ask("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    flow_restart();
    struct asker *again = flow_ask("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert(again->from_cache);
    ck_assert_str_eq(again->body, first->body);
    ck_assert_uint_eq(submits(), 1);
}

TEST(a_remembered_failure_outlives_the_process_and_then_expires)
{
    vendor_rule(flow.vendor, (struct vendor_rule){.domain = "milvali.com", .state = "ERRORED"});
    flow_ask("milvali.com", WAIT_MS);
    flow_advance(35000);
    flow_restart();
    struct asker *again = flow_ask("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(again->err, ERR_LOOKUP_FAILED);
    ck_assert_uint_eq(submits(), 1);
    flow_advance(MINUTE_MS);
    flow_ask("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(submits(), 2);
}

TEST(nobody_who_is_asked_not_to_keep_an_answer_keeps_it_unless_another_wants_it)
{
    struct asker *shy = flow_ask("shy.com", WAIT_MS);
    struct asker *both = flow_ask("both.com", WAIT_MS);
    shy->ask.no_store = both->ask.no_store = true;
    flow_ask("both.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(shy->err, ERR_OK);
    ck_assert_uint_eq(books().found, 1);
    flow_ask("shy.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(vendor_ledger_of(flow.vendor, "shy.com"), 2);
    ck_assert_uint_eq(vendor_ledger_of(flow.vendor, "both.com"), 1);
}

/* ---- a disk that fails ---- */

TEST(D1_nothing_is_submitted_that_cannot_be_written_and_it_works_again_by_itself)
{
    weak_store_fail(flow.store, WEAK_INTEND, true);
    struct asker *refused = flow_ask("milvali.com", WAIT_MS);
    flow_advance(1000);
    ck_assert_int_eq(refused->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(refused->charged, CHARGED_NO);
    ck_assert_int_ge(refused->retry_after_s, 1);
    ck_assert_uint_eq(submits(), 0);

    weak_store_fail(flow.store, WEAK_INTEND, false);
    struct asker *later = flow_ask("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(later->err, ERR_OK);
}

TEST(D1_what_is_in_memory_is_served_while_the_disk_is_full)
{
    flow_ask("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    weak_store_fail_all(flow.store, true);
    struct asker *hit = flow_ask("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(hit->err, ERR_OK);
}

TEST(D2_a_batch_id_that_cannot_be_written_is_used_kept_and_written_later)
{
    weak_store_fail(flow.store, WEAK_SUBMITTED, true);
    struct asker *first = flow_ask("milvali.com", WAIT_MS);
    vendor_set_task_ms(flow.vendor, 5000);
    flow_advance(28000); /* taken; the id is in memory only */
    struct asker *other = flow_ask("other.com", WAIT_MS);
    flow_advance(20000);
    ck_assert_int_eq(first->err, ERR_OK); /* answered all the same */
    ck_assert_int_eq(other->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(submits(), 1);

    weak_store_fail(flow.store, WEAK_SUBMITTED, false);
    flow_advance(2000);
    ck_assert_uint_eq(books().tasks[STORE_ANSWERED], 1);
    struct asker *again = flow_ask("other.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(again->err, ERR_OK);
    flow_restart();
    ck_assert_uint_eq(flow.recovery.unknown_batches, 0);
}

TEST(D3_a_result_that_cannot_be_written_is_told_and_read_again_after_a_kill)
{
    weak_store_fail(flow.store, WEAK_END_TASK, true);
    struct asker *first = flow_ask("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(first->err, ERR_OK);
    ck_assert_uint_eq(books().tasks[STORE_OPEN], 1);
    flow_restart();
    weak_store_fail(flow.store, WEAK_END_TASK, false);
    struct asker *again = flow_ask("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(again->err, ERR_OK);
    ck_assert_uint_eq(submits(), 1);
    ck_assert_uint_eq(books().tasks[STORE_ANSWERED], 1);
}

TEST(what_may_be_stored_but_cannot_be_read_is_not_bought_again)
{
    weak_store_fail(flow.store, WEAK_FIND, true);
    struct asker *refused = flow_ask("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(refused->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(submits(), 0);
}

TEST(halves_that_cannot_be_written_go_no_further)
{
    flow_ask("good.com", WAIT_MS);
    flow_ask("bad.com", WAIT_MS);
    vendor_rule(flow.vendor, (struct vendor_rule){.domain = "bad.com", .disliked = true});
    weak_store_fail(flow.store, WEAK_SPLIT, true);
    flow_advance(3 * MINUTE_MS);
    ck_assert_int_eq(flow.askers[0]->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(flow.askers[1]->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(books().tasks[STORE_NOT_CREATED], 2);
    ck_assert_uint_eq(submits(), 1);
}

TEST(a_retry_that_cannot_be_written_is_not_sent)
{
    vendor_fault(flow.vendor,
                 (struct vendor_fault){.on = VENDOR_SUBMIT, .status = 429, .body = "{}"});
    struct asker *asker = flow_ask("milvali.com", WAIT_MS);
    flow_advance(26200); /* refused, and resting for a second */
    weak_store_fail(flow.store, WEAK_SENDING, true);
    flow_advance(10000);
    ck_assert_int_eq(asker->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(submits(), 1);
}

/* The order of what is written against what is sent, for a full batch. */
TEST(the_journal_is_ahead_of_the_wire)
{
    flow_ask_companies(0, 100);
    flow_advance(200);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_INTEND), 1);
    ck_assert_uint_eq(books().tasks[STORE_OPEN], 100);
    ck_assert_uint_eq(vendor_ledger(flow.vendor), 0); /* the submit is still on its way */
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_SUBMITTED), 1);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_END_TASK), 100);
    ck_assert_uint_eq(books().tasks[STORE_ANSWERED], 100);
}
