/* SPDX-License-Identifier: MIT */
/* test_journal.c - tests that no paid result is lost: kills in every phase, and a failing disk. */
#include "flow.h"
#include "held_calls.h"
#include "lookup/records/journal.h"
#include "weak_store.h"

#include "tests/support/suite.h"
#include <string.h>

static size_t submits(void)
{
    return fake_upstream_calls(flow.upstream, FAKE_SUBMIT);
}

static struct store_stats stored(void)
{
    struct store_stats stats;

    ck_assert_int_eq(store_stats(flow.store, &stats), ERR_OK);
    return stats;
}

/* ---- kills ---- */

TEST(journal_known_batch_is_polled_after_kill_without_callers)
{
    flow_request("milvali.com", WAIT_MS);
    fake_upstream_set_task_ms(flow.upstream, 20000);
    flow_advance(30000); /* submitted, not finished */
    flow_restart();
    ck_assert_uint_eq(flow.recovery.resumed_batches, 1);
    ck_assert_uint_eq(flow.recovery.resumed_tasks, 1);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 1);
    ck_assert_uint_eq(stored().batches[STORE_DONE], 1);

    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(later->err, ERR_OK);
    ck_assert(later->from_cache);
    ck_assert_uint_eq(submits(), 1);
}

TEST(journal_request_after_kill_joins_the_resumed_lookup)
{
    flow_request("milvali.com", WAIT_MS);
    fake_upstream_set_task_ms(flow.upstream, 20000);
    flow_advance(30000);
    flow_restart();
    struct caller *joins = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(joins->err, ERR_OK);
    ck_assert(joins->collapsed);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(journal_finished_task_is_not_read_again_after_kill)
{
    struct caller *fast = flow_request("fast.com", WAIT_MS);
    flow_request("slow.com", WAIT_MS);
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "slow.com", .task_ms = 40000});
    flow_advance(40000);
    ck_assert_int_eq(fast->err, ERR_OK);
    size_t reads = fake_upstream_calls(flow.upstream, FAKE_TASK);
    flow_restart();
    ck_assert_uint_eq(flow.recovery.resumed_tasks, 1);
    struct caller *slow = flow_request("slow.com", WAIT_MS);
    struct caller *again = flow_request("fast.com", WAIT_MS);
    flow_advance(2 * MINUTE_MS);
    ck_assert_int_eq(slow->err, ERR_OK);
    ck_assert_str_eq(again->body, fast->body);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_TASK), reads + 1);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
}

TEST(journal_batch_in_flight_at_kill_is_unknown_and_not_resent)
{
    flow_request("milvali.com", WAIT_MS);
    flow_advance(10000); /* the submit takes 26 s */
    flow_restart();
    ck_assert_uint_eq(flow.recovery.unknown_batches, 1);
    ck_assert_uint_eq(flow.recovery.unknown_tasks, 1);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    flow_advance(5 * MINUTE_MS);
    ck_assert_uint_eq(submits(), 1);

    struct caller *early = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(early->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_int_eq(early->charged, CHARGED_MAYBE);
    ck_assert_uint_eq(submits(), 1);
}

TEST(journal_cooldown_lasts_its_full_time_over_kills)
{
    flow_request("milvali.com", WAIT_MS);
    flow_advance(10000);
    flow_restart();
    for (int minutes = 0; minutes < 9; minutes++) {
        flow_advance(MINUTE_MS);
        flow_restart();
        ck_assert_uint_eq(flow.recovery.held, 1);
    }
    struct caller *early = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS + 1000);
    ck_assert_int_eq(early->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(later->err, ERR_OK);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1); /* and stays in the records */
}

TEST(journal_task_not_created_at_kill_has_no_cooldown)
{
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 429, .body = "{}", .retry_after_s = 20});
    flow_request("milvali.com", 5000); /* its 504 keeps the lookup after the caller has left */
    flow_advance(30000);               /* rejected, and backing off */
    flow_restart();
    ck_assert_uint_eq(flow.recovery.closed_batches, 1);
    ck_assert_uint_eq(stored().tasks[STORE_NOT_CREATED], 1);
    struct caller *again = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(again->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(journal_kill_after_rejected_resubmit_leaves_it_unknown)
{
    struct engine_options options = flow_options();

    options.batch.retry_unknown = true;
    flow_start(options);
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN, .creates = true});
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 429, .body = "{}", .retry_after_s = 20});
    flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS); /* lost, sent again, rejected, backing off */
    ck_assert_uint_eq(submits(), 2);
    flow_restart();
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    ck_assert_uint_eq(stored().risked, 1);
}

TEST(journal_halves_of_rejected_batch_are_batches_of_their_own)
{
    flow_request("good.com", WAIT_MS);
    flow_request("bad.com", WAIT_MS);
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "bad.com", .is_rejected = true});
    flow_advance(3 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 1);
    ck_assert_uint_eq(stored().tasks[STORE_NOT_CREATED], 1);
    ck_assert_uint_eq(stored().batches[STORE_DONE], 2);
    ck_assert_uint_eq(stored().tasks[STORE_OPEN], 0);
}

/* A kill at every hundredth of a lookup's lifetime: the records always agree with the upstream's
 * ledger. */
RANGE_TEST(journal_kill_at_any_moment_loses_and_repeats_nothing, 0, 100)
{
    fake_upstream_set_task_ms(flow.upstream, 20000);
    flow_request("one.com", WAIT_MS);
    flow_request("two.com", WAIT_MS);
    flow_advance(_i * 600);
    flow_restart();
    flow_advance(2 * MINUTE_MS);
    struct store_stats stats = stored();
    size_t known = stats.tasks[STORE_ANSWERED] + stats.tasks[STORE_UNKNOWN];
    ck_assert_uint_eq(stats.tasks[STORE_OPEN], 0);
    ck_assert_uint_le(fake_upstream_ledger(flow.upstream), known);
    ck_assert_uint_le(submits(), 1);

    struct caller *again = flow_request("one.com", WAIT_MS);
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_le(fake_upstream_ledger_of(flow.upstream, "one.com"), 1);
    ck_assert(again->err == ERR_OK || again->err == ERR_UPSTREAM_OUTCOME_UNKNOWN);
}

TEST(journal_results_survive_restart_byte_for_byte)
{
    struct caller *first = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    flow_restart();
    struct caller *again = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert(again->from_cache);
    ck_assert_str_eq(again->body, first->body);
    ck_assert_uint_eq(submits(), 1);
}

TEST(journal_cached_failure_survives_restart_and_expires)
{
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "milvali.com", .state = "ERRORED"});
    flow_request("milvali.com", WAIT_MS);
    flow_advance(35000);
    flow_restart();
    struct caller *again = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(again->err, ERR_LOOKUP_FAILED);
    ck_assert_uint_eq(submits(), 1);
    flow_advance(MINUTE_MS);
    flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(submits(), 2);
}

/* ---- a failing disk ---- */

TEST(journal_D1_failed_write_blocks_submits_until_it_works)
{
    weak_store_fail(flow.store, WEAK_BEGIN_BATCH, true);
    struct caller *rejected = flow_request("milvali.com", WAIT_MS);
    flow_advance(1000);
    ck_assert_int_eq(rejected->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(rejected->charged, CHARGED_NO);
    ck_assert_int_ge(rejected->retry_after_s, 1);
    ck_assert_uint_eq(submits(), 0);

    weak_store_fail(flow.store, WEAK_BEGIN_BATCH, false);
    flow_advance(1000); /* until the journal tries again */
    struct caller *later = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(later->err, ERR_OK);
}

TEST(journal_D1_full_disk_still_serves_cached_results)
{
    flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    weak_store_fail_all(flow.store, true);
    struct caller *hit = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(hit->err, ERR_OK);
}

TEST(journal_D2_unwritten_batch_id_is_used_and_written_later)
{
    weak_store_fail(flow.store, WEAK_SUBMITTED, true);
    struct caller *first = flow_request("milvali.com", WAIT_MS);
    fake_upstream_set_task_ms(flow.upstream, 5000);
    flow_advance(28000); /* submitted; the id is in memory only */
    struct caller *other = flow_request("other.com", WAIT_MS);
    flow_advance(20000);
    ck_assert_int_eq(first->err, ERR_OK); /* still returned */
    ck_assert_int_eq(other->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(submits(), 1);

    weak_store_fail(flow.store, WEAK_SUBMITTED, false);
    flow_advance(2000);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 1);
    struct caller *again = flow_request("other.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(again->err, ERR_OK);
    flow_restart();
    ck_assert_uint_eq(flow.recovery.unknown_batches, 0);
}

TEST(journal_D3_unwritten_result_is_served_and_reread_after_kill)
{
    weak_store_fail(flow.store, WEAK_END_TASK, true);
    struct caller *first = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(first->err, ERR_OK);
    ck_assert_uint_eq(stored().tasks[STORE_OPEN], 1);
    flow_restart();
    weak_store_fail(flow.store, WEAK_END_TASK, false);
    struct caller *again = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(again->err, ERR_OK);
    ck_assert_uint_eq(submits(), 1);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 1);
}

/* The result was stored, or is to be stored, when a second one for the same lookup arrives. */
RANGE_TEST(journal_untrusted_result_is_deleted_once_the_disk_works, 0, 2)
{
    static const enum weak_call failing[] = {WEAK_FORGET, WEAK_END_TASK};

    flow_request("one.com", WAIT_MS);
    flow_request("two.com", WAIT_MS);
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "one.com", .tracking_id = "swap"});
    weak_store_fail(flow.store, failing[_i], true);
    flow_advance(40000);
    struct caller *meanwhile = flow_request("two.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(meanwhile->err, ERR_UPSTREAM_INVALID_RESPONSE);
    weak_store_fail(flow.store, failing[_i], false);
    flow_advance(11 * MINUTE_MS); /* longer than the cooldown */
    struct caller *later = flow_request("two.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(later->err, ERR_OK);
    ck_assert(!later->from_cache);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 3);
}

TEST(journal_unreadable_store_prevents_paying_again)
{
    weak_store_fail(flow.store, WEAK_FIND, true);
    struct caller *rejected = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(rejected->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(submits(), 0);
}

TEST(journal_unwritten_halves_are_not_submitted)
{
    flow_request("good.com", WAIT_MS);
    flow_request("bad.com", WAIT_MS);
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "bad.com", .is_rejected = true});
    weak_store_fail(flow.store, WEAK_SPLIT, true);
    flow_advance(3 * MINUTE_MS);
    ck_assert_int_eq(flow.callers[0]->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(flow.callers[1]->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(stored().tasks[STORE_OPEN], 2);
    weak_store_fail(flow.store, WEAK_SPLIT, false);
    flow_advance(2000);
    ck_assert_uint_eq(stored().tasks[STORE_NOT_CREATED], 2);
    ck_assert_uint_eq(stored().batches[STORE_DONE], 2);
    ck_assert_uint_eq(submits(), 1);
}

TEST(journal_unwritten_retry_is_not_sent)
{
    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_SUBMIT, .status = 429, .body = "{}"});
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(26200); /* rejected, and backing off for a second */
    weak_store_fail(flow.store, WEAK_SENDING, true);
    flow_advance(10000);
    ck_assert_int_eq(caller->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(submits(), 1);
}

/* `emailsd forget` deletes again after its first deletion is confirmed, and then finds the result
 * that was queued. */
TEST(journal_confirms_deletions_when_no_result_is_queued)
{
    weak_store_fail(flow.store, WEAK_END_TASK, true);
    flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS); /* the result is in memory only */
    weak_store_note_change(flow.store, flow.callers[0]->question->key);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(weak_store_unconfirmed(flow.store), 1);
    weak_store_fail(flow.store, WEAK_END_TASK, false);
    flow_advance(3000);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 1);
    ck_assert_uint_eq(weak_store_unconfirmed(flow.store), 0);
}

/* Runs until the store was tried again after a failed read. */
static void resume_store(void)
{
    weak_store_fail(flow.store, WEAK_FIND, true);
    flow_request("unread.com", WAIT_MS);
    flow_settle();
    weak_store_fail(flow.store, WEAK_FIND, false);
    flow_advance(JOURNAL_RETRY_MS);
}

/* A deletion was posted before the store was tried again, and fails after that. What is recorded
 * then is written before a later deletion. */
TEST(journal_late_failure_keeps_results_before_their_deletion)
{
    struct forget_domain_call late = {.call.run = engine_forget_domain, .domain = "other.com"};
    struct forget_domain_call forget = {.call.run = engine_forget_domain, .domain = "milvali.com"};
    int64_t before_ms = JOURNAL_RETRY_MS / 2; /* the failure is that long before the result */
    int n_returned = 0;

    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    int64_t took_ms = caller->answered_ms - (flow_now_ms() - MINUTE_MS);
    flow_start(flow_options());
    caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(took_ms - 2000);
    held_calls_set(HOLD_POSTED, "forget_domain");
    flow_post(&late.call, &n_returned);
    flow_settle();
    ck_assert_uint_eq(held_calls_count(), 1);
    resume_store();
    flow_advance(2000 - JOURNAL_RETRY_MS - before_ms);
    ck_assert_int_eq(caller->answers, 0);
    weak_store_fail(flow.store, WEAK_FORGET, true);
    held_calls_release();
    flow_settle();
    inbox_run_all(flow.inbox);
    ck_assert_int_eq(n_returned, 1);
    ck_assert_int_eq(late.err, ERR_STORAGE_UNAVAILABLE);
    weak_store_fail(flow.store, WEAK_FORGET, false);
    flow_advance(before_ms);
    ck_assert_int_eq(caller->err, ERR_OK);
    flow_call(&forget.call);
    ck_assert_int_eq(forget.err, ERR_OK);
    ck_assert_uint_eq(forget.n, 1);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(stored().found, 0);
}

/* The order of writes and sends, for a full batch. */
TEST(journal_writes_each_step_before_it_is_sent)
{
    flow_request_companies(0, 100);
    flow_advance(200);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_BEGIN_BATCH), 1);
    ck_assert_uint_eq(stored().tasks[STORE_OPEN], 100);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 0); /* the submit is still in flight */
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_SUBMITTED), 1);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_END_TASK), 100);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 100);
}
