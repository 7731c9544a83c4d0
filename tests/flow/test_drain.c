/* SPDX-License-Identifier: MIT */
/* test_drain.c - tests shutdown and the status snapshot.
 *
 * During a drain nothing is paid for. Submitted lookups are waited for until the drain timeout,
 * and every caller gets a response. */
#include "base/mem.h"
#include "flow.h"
#include "weak_store.h"

#include "tests/support/suite.h"
#include <string.h>

#define DRAIN_TIMEOUT_MS INT64_C(30000)

/* Starts a caller that waits for a lookup whose submit is in flight for ten seconds. */
static struct caller *submitting(const char *domain)
{
    struct caller *caller = flow_request(domain, WAIT_MS);

    flow_advance(10000);
    ck_assert_int_eq(caller->answers, 0);
    ck_assert_int_eq(engine_status(flow.engine).submits, 1);
    return caller;
}

TEST(drain_serves_caller_if_the_lookup_ends_in_time)
{
    struct caller *waiting = submitting("milvali.com");

    engine_drain(flow.engine, DRAIN_TIMEOUT_MS);
    flow_advance(DRAIN_TIMEOUT_MS);
    ck_assert_int_eq(waiting->err, ERR_OK);
    ck_assert_ptr_nonnull(strstr(waiting->body, "info@milvali.com"));
}

TEST(drain_returns_lookup_id_if_the_timeout_expires)
{
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "slow.com", .task_ms = 600000});
    struct caller *waiting = submitting("slow.com");

    engine_drain(flow.engine, DRAIN_TIMEOUT_MS);
    flow_advance(DRAIN_TIMEOUT_MS - 1);
    ck_assert_int_eq(waiting->answers, 0);
    flow_advance(1);
    ck_assert_int_eq(waiting->err, ERR_DRAINING);
    ck_assert_int_eq(waiting->charged, CHARGED_MAYBE);
    ck_assert_uint_eq(strlen(waiting->lookup_id), ID_LEN);
    ck_assert_ptr_nonnull(strstr(waiting->detail, "continues after the restart"));
}

/* The process ends then, and leaves an unknown outcome. */
TEST(drain_does_not_promise_what_is_still_being_submitted)
{
    struct caller *waiting = submitting("milvali.com");

    engine_drain(flow.engine, 1000);
    flow_advance(1000);
    ck_assert_int_eq(waiting->err, ERR_DRAINING);
    ck_assert_int_eq(waiting->charged, CHARGED_MAYBE);
    ck_assert_ptr_nonnull(strstr(waiting->detail, "may be unknown after the restart"));
}

TEST(drain_keeps_a_shorter_wait_of_the_caller)
{
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "slow.com", .task_ms = 600000});
    struct caller *waiting = flow_request("slow.com", 20000);

    flow_advance(10000);
    engine_drain(flow.engine, DRAIN_TIMEOUT_MS);
    flow_advance(10000);
    ck_assert_int_eq(waiting->err, ERR_STILL_PROCESSING);
}

TEST(drain_fails_unsent_lookup_immediately_without_an_id)
{
    struct caller *queued = flow_request("milvali.com", WAIT_MS);

    flow_settle();
    ck_assert_int_eq(engine_status(flow.engine).queue_tasks, 1);
    engine_drain(flow.engine, DRAIN_TIMEOUT_MS);
    flow_settle();
    ck_assert_int_eq(queued->err, ERR_DRAINING);
    ck_assert_int_eq(queued->charged, CHARGED_NO);
    ck_assert_str_eq(queued->lookup_id, "");
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 0);
}

TEST(drain_allows_joins_and_cache_hits_but_no_paid_lookup)
{
    struct caller *known = flow_request("known.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(known->err, ERR_OK);
    struct caller *waiting = submitting("milvali.com");

    engine_drain(flow.engine, DRAIN_TIMEOUT_MS);
    flow_settle();
    struct caller *joined = flow_request("milvali.com", WAIT_MS);
    struct caller *new = flow_request("new.com", WAIT_MS);
    struct caller *again = flow_request("known.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(new->err, ERR_DRAINING);
    ck_assert_int_eq(new->charged, CHARGED_NO);
    ck_assert_str_eq(new->lookup_id, "");
    ck_assert_int_eq(again->err, ERR_OK);
    ck_assert_str_eq(again->body, known->body);
    ck_assert_int_eq(joined->answers, 0);
    flow_advance(DRAIN_TIMEOUT_MS);
    ck_assert_int_eq(waiting->err, ERR_OK);
    ck_assert_int_eq(joined->err, ERR_OK);
    ck_assert(joined->collapsed);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
}

TEST(drain_after_its_timeout_rejects_joins)
{
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "slow.com", .task_ms = 600000});
    submitting("slow.com");
    engine_drain(flow.engine, DRAIN_TIMEOUT_MS);
    flow_advance(DRAIN_TIMEOUT_MS);
    struct caller *late = flow_request("slow.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(late->err, ERR_DRAINING);
}

TEST(drain_rejected_submit_is_not_retried)
{
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 429, .body = "{}", .retry_after_s = 1});
    struct caller *waiting = submitting("milvali.com");

    engine_drain(flow.engine, DRAIN_TIMEOUT_MS);
    flow_advance(DRAIN_TIMEOUT_MS);
    ck_assert_int_eq(waiting->err, ERR_DRAINING);
    ck_assert_int_eq(waiting->charged, CHARGED_NO);
    ck_assert_str_eq(waiting->lookup_id, "");
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
}

TEST(drain_rejected_submit_fails_without_waiting_for_retry_after)
{
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 429, .body = "{}", .retry_after_s = 20});
    struct caller *waiting = submitting("milvali.com");

    engine_drain(flow.engine, DRAIN_TIMEOUT_MS);
    flow_advance(16200); /* the submit takes 26 s and began 9.9 s ago */
    ck_assert_int_eq(waiting->err, ERR_DRAINING);
    ck_assert_int_eq(waiting->charged, CHARGED_NO);
    ck_assert_int_eq(engine_status(flow.engine).submits, 0);
}

TEST(drain_asks_to_retry_soon_although_the_circuit_was_open)
{
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 402, .body = "{\"detail\":\"no\"}"});
    flow_request("milvali.com", WAIT_MS);
    flow_advance(27000);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_CREDITS_EXHAUSTED);
    engine_drain(flow.engine, DRAIN_TIMEOUT_MS);
    struct caller *late = flow_request("late.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(late->err, ERR_DRAINING);
    ck_assert_int_eq(late->retry_after_s, 1); /* the restart does not take until the next probe */
}

TEST(drain_then_restart_resumes_lookup_and_pays_once)
{
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "slow.com", .task_ms = 60000});
    struct caller *waiting = submitting("slow.com");

    engine_drain(flow.engine, DRAIN_TIMEOUT_MS);
    flow_advance(DRAIN_TIMEOUT_MS);
    ck_assert_int_eq(waiting->err, ERR_DRAINING);
    flow_restart();
    ck_assert_uint_eq(flow.recovery.resumed_tasks, 1);
    struct caller *again = flow_request("slow.com", WAIT_MS);
    flow_advance(120000);
    ck_assert_int_eq(again->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

/* ---- status snapshot ---- */

TEST(status_counts_waiters_lookups_queue_and_submits)
{
    struct status status = engine_status(flow.engine);
    ck_assert(status.store_usable && !status.paused && status.circuit == ERR_OK);
    ck_assert_int_eq(status.waiters + status.lookups + status.queue_tasks + status.submits, 0);
    submitting("milvali.com");
    flow_request("milvali.com", WAIT_MS);
    flow_request("blue-bottle.com", WAIT_MS);
    flow_settle();
    status = engine_status(flow.engine);
    ck_assert_int_eq(status.waiters, 3);
    ck_assert_int_eq(status.lookups, 2);
    ck_assert_int_eq(status.queue_tasks, 1);
    ck_assert_int_eq(status.submits, 1);
    ck_assert_int_eq(status.credits_spent, 2);
}

TEST(status_shows_why_the_circuit_is_open)
{
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 401, .body = "{\"detail\":\"no\"}"});
    flow_request("milvali.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_UPSTREAM_AUTH);
    ck_assert(engine_status(flow.engine).store_usable);
}

TEST(status_store_failed_is_probed_until_it_works_again)
{
    weak_store_fail_all(flow.store, true);
    struct caller *rejected = flow_request("milvali.com", WAIT_MS);
    flow_advance(1000);
    ck_assert_int_eq(rejected->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert(!engine_status(flow.engine).store_usable);
    flow_advance(10 * JOURNAL_RETRY_MS);
    ck_assert(!engine_status(flow.engine).store_usable);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_TRY), 0);
    weak_store_fail_all(flow.store, false);
    flow_advance(JOURNAL_RETRY_MS);
    ck_assert(engine_status(flow.engine).store_usable);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_TRY), 1);
    flow_advance(10 * JOURNAL_RETRY_MS);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_TRY),
                      1); /* a working store is not probed */
}

TEST(status_counts_journal_backlog_until_it_is_written)
{
    submitting("milvali.com");
    weak_store_fail(flow.store, WEAK_SUBMITTED, true);
    flow_advance(17000);
    ck_assert_int_ge(engine_status(flow.engine).journal_backlog, 1);
    ck_assert(!engine_status(flow.engine).store_usable);
    weak_store_fail(flow.store, WEAK_SUBMITTED, false);
    flow_advance(JOURNAL_RETRY_MS);
    ck_assert_int_eq(engine_status(flow.engine).journal_backlog, 0);
    ck_assert(engine_status(flow.engine).store_usable);
}

TEST(drain_is_not_ended_by_a_reload)
{
    engine_drain(flow.engine, DRAIN_TIMEOUT_MS);
    flow_settle();
    engine_reload(flow.engine, &(struct engine_settings){0, flow_options().keep_expired_ms});
    flow_settle();
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_DRAINING);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 0);
}
