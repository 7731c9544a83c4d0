/* SPDX-License-Identifier: MIT */
/* test_circuit_breaker.c - tests what happens after the upstream denied a submit or a read (401,
 * 402, 403): what callers receive, and how submits resume. */
#include "base/mem.h"
#include "base/secret.h"
#include "flow.h"
#include "lookup/batching/circuit_breaker.h"
#include "weak_store.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    int status;
    enum err err;
} latches[] = {{401, ERR_UPSTREAM_AUTH}, {402, ERR_CREDITS_EXHAUSTED}, {403, ERR_UPSTREAM_BANNED}};

static void answer(enum fake_call on, int status)
{
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = on, .status = status, .body = "{\"detail\":\"no\"}"});
}

static void answer_always(enum fake_call on, int status)
{
    fake_upstream_fault(flow.upstream, (struct fake_fault){.on = on,
                                                           .status = status,
                                                           .body = "{\"detail\":\"no\"}",
                                                           .is_permanent = true});
}

static size_t submits(void)
{
    return fake_upstream_calls(flow.upstream, FAKE_SUBMIT);
}

/* ---- the balance confirms it ---- */

RANGE_TEST(breaker_confirmed_rejects_requests_immediately, 0, 3)
{
    answer(FAKE_SUBMIT, latches[_i].status);
    answer_always(FAKE_BALANCE, latches[_i].status);
    struct caller *first = flow_request("a.com", WAIT_MS);
    flow_advance(27000);
    ck_assert_int_eq(first->err, latches[_i].err);

    struct caller *second = flow_request("b.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(second->err, latches[_i].err);
    ck_assert_int_eq(second->charged, CHARGED_NO);
    ck_assert_int_gt(second->retry_after_s, 0);
    ck_assert_uint_eq(submits(), 1);
}

TEST(breaker_opening_fails_queued_lookups_and_keeps_sent_ones)
{
    struct engine_options options = flow_options();

    options.batch.slots = 2;
    flow_start(options);
    struct caller *sent = flow_request("sent.com", WAIT_MS);
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "sent.com", .task_ms = 60000});
    flow_advance(30000);
    answer(FAKE_SUBMIT, 402);
    fake_upstream_set_balance(flow.upstream, 0);
    flow_request("rejected.com", WAIT_MS);
    flow_advance(1000);
    struct caller *flying = flow_request("flying.com", WAIT_MS);
    flow_advance(1000);
    struct caller *queued = flow_request("queued.com", WAIT_MS);
    flow_advance(24500); /* the rejection has arrived, the second submit is still in flight */
    ck_assert_int_eq(queued->err, ERR_CREDITS_EXHAUSTED);
    ck_assert_int_eq(flying->answers, 0);
    flow_advance(60000);
    ck_assert_int_eq(flying->err, ERR_OK);
    ck_assert_int_eq(sent->err, ERR_OK);
}

TEST(breaker_without_credits_stays_open_and_probes_less_often)
{
    fake_upstream_set_balance(flow.upstream, 0);
    answer(FAKE_SUBMIT, 402);
    struct caller *first = flow_request("a.com", WAIT_MS);
    flow_advance(3600000);
    ck_assert_str_eq(first->detail, UPSTREAM_CREDITS_DETAIL);
    size_t looks = fake_upstream_calls(flow.upstream, FAKE_BALANCE);
    ck_assert_uint_ge(looks, 7);
    ck_assert_uint_le(looks, 10); /* immediately, after 1, 2, 4 and 8 min, then every 10 min */
    struct caller *still = flow_request("b.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(still->err, ERR_CREDITS_EXHAUSTED);
    ck_assert_str_eq(still->detail, UPSTREAM_CREDITS_DETAIL);

    fake_upstream_set_balance(flow.upstream, 5);
    flow_advance(11 * 60000);
    struct caller *then = flow_request("c.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(then->err, ERR_OK);
}

TEST(breaker_on_reload_closes_immediately)
{
    answer(FAKE_SUBMIT, 403);
    answer_always(FAKE_BALANCE, 403);
    flow_request("a.com", WAIT_MS);
    flow_advance(27000);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_UPSTREAM_BANNED);
    engine_reload(flow.engine, &(struct engine_settings){0, flow_options().keep_expired_ms});
    flow_settle();
    struct caller *after = flow_request("b.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(after->err, ERR_OK);
}

TEST(breaker_on_changed_key_file_closes_automatically)
{
    char folder[] = "/tmp/emailsd-test-XXXXXX", path[64], newer[64];
    struct errmsg why;
    struct engine_options options = flow_options();
    struct secret *key;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key", folder);
    snprintf(newer, sizeof newer, "%s/newer", folder);
    for (int i = 0; i < 2; i++) {
        FILE *file = fopen(i ? newer : path, "w");
        fputs(i ? "a-new-key\n" : "an-old-key\n", file);
        fclose(file);
        ck_assert_int_eq(chmod(i ? newer : path, 0600), 0);
    }
    ck_assert_int_eq(secret_from_file(path, &key, &why), ERR_OK);
    options.batch.key = key;
    flow_start(options);

    answer(FAKE_SUBMIT, 401);
    answer_always(FAKE_BALANCE, 401);
    struct caller *first = flow_request("a.com", WAIT_MS);
    flow_advance(27000);
    ck_assert_int_eq(first->err, ERR_UPSTREAM_AUTH);
    ck_assert_int_eq(rename(newer, path), 0);
    flow_advance(5000);
    ck_assert_str_eq(secret_text(key), "a-new-key");
    struct caller *after = flow_request("b.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(after->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_BALANCE), 1);
    unlink(path);
    rmdir(folder);
    secret_free(TAKE(options.batch.key));
}

TEST(breaker_ignores_one_unreadable_task)
{
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "odd.com", .data = "7"});
    flow_request("odd.com", WAIT_MS);
    for (int i = 0; i < 10; i++) {
        flow_advance(40000);
        struct caller *other = flow_request(flow_company(i), WAIT_MS);
        flow_advance(40000);
        ck_assert_int_eq(other->err, ERR_OK);
    }
}

TEST(breaker_open_still_serves_cached_results)
{
    flow_request("a.com", WAIT_MS);
    flow_advance(30000);
    answer(FAKE_SUBMIT, 402);
    fake_upstream_set_balance(flow.upstream, 0);
    flow_request("b.com", WAIT_MS);
    flow_advance(27000);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_CREDITS_EXHAUSTED);
    struct caller *hit = flow_request("a.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(hit->err, ERR_OK);
    ck_assert(hit->from_cache);
}

TEST(breaker_with_credits_again_closes_by_one_task)
{
    fake_upstream_set_balance(flow.upstream, 0);
    answer(FAKE_SUBMIT, 402);
    flow_request("a.com", WAIT_MS);
    flow_advance(27000);
    fake_upstream_set_balance(flow.upstream, 5);
    flow_advance(61000);
    flow_request_companies(0, 10);
    flow_advance(10000);
    ck_assert_uint_eq(submits(), 2);
    flow_advance(120000);
    ck_assert_uint_eq(submits(), 3);
    for (size_t i = 1; i < flow.n_callers; i++)
        ck_assert_int_eq(flow.callers[i]->err, ERR_OK);
}

/* ---- the balance contradicts it ---- */

RANGE_TEST(breaker_contradicted_sends_one_task_immediately, 0, 3)
{
    answer(FAKE_SUBMIT, latches[_i].status);
    struct caller *first = flow_request("a.com", WAIT_MS);
    flow_advance(1000);
    flow_request_companies(0, 150); /* 100 are in flight, 50 wait */
    flow_advance(25200);
    ck_assert_int_eq(first->err, latches[_i].err);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_BALANCE), 1);
    struct caller *after = flow_request("b.com", WAIT_MS);
    flow_advance(120000);
    ck_assert_int_eq(after->err, ERR_OK);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_OK);
    for (size_t i = 1; i < flow.n_callers; i++)
        ck_assert_int_eq(flow.callers[i]->err, ERR_OK);
}

TEST(breaker_contradicted_each_time_tries_less_and_less_often)
{
    answer_always(FAKE_SUBMIT, 401); /* and the balance can be read all the time */
    for (int i = 0; i < 120; i++) {
        flow_request(flow_company(i), WAIT_MS);
        flow_advance(30000);
    }
    ck_assert_uint_ge(submits(), 7);
    ck_assert_uint_le(submits(), 10); /* immediately, after 1, 2, 4 and 8 min, then every 10 min */
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 0);
}

/* ---- the balance cannot be read ---- */

static const struct fake_fault unreadable[] = {
    {.on = FAKE_BALANCE, .status = 404, .body = "{\"detail\":\"Not Found\"}", .is_permanent = true},
    {.on = FAKE_BALANCE, .status = 410, .body = "", .is_permanent = true},
    {.on = FAKE_BALANCE, .status = 503, .body = "<html>", .is_permanent = true},
    {.on = FAKE_BALANCE, .status = 200, .body = "{\"credits\":{}}", .is_permanent = true},
    {.on = FAKE_BALANCE, .end = TRANSPORT_TIMEOUT, .is_permanent = true},
};

LOOP_TEST(breaker_without_balance_closes_by_one_task, unreadable)
{
    answer(FAKE_SUBMIT, 403);
    fake_upstream_fault(flow.upstream, unreadable[_i]);
    struct caller *denied = flow_request("a.com", WAIT_MS);
    flow_advance(27000);
    ck_assert_int_eq(denied->err, ERR_UPSTREAM_BANNED);
    flow_request_companies(0, 10);
    struct caller *hasty = flow_request("hasty.com", 20000);
    flow_advance(50000);
    ck_assert_int_eq(hasty->err, ERR_UPSTREAM_BANNED);
    ck_assert_uint_eq(submits(), 1);
    flow_advance(10000);
    ck_assert_uint_eq(submits(), 2);
    flow_advance(60000);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_OK);
    ck_assert_uint_eq(submits(), 3);
    for (size_t i = 1; i <= 10; i++)
        ck_assert_int_eq(flow.callers[i]->err, ERR_OK);
}

TEST(breaker_latched_without_balance_later_is_opened_by_one_task)
{
    answer(FAKE_SUBMIT, 401);
    answer(FAKE_BALANCE, 401);
    answer_always(FAKE_BALANCE, 404);
    flow_request("a.com", WAIT_MS);
    flow_advance(27000);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_UPSTREAM_AUTH);
    flow_advance(3 * MINUTE_MS);
    struct caller *trial = flow_request("b.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(trial->err, ERR_OK);
}

/* A batch of the questions of 21 and 23 s waits, and that of 22 s is queued. */
TEST(breaker_probes_the_oldest_question_after_a_batch_has_lost_its_oldest)
{
    struct engine_options options = flow_options();

    options.batch.slots = 2;
    options.batch.size = 2;
    flow_start(options);
    fake_upstream_fault(flow.upstream, unreadable[0]);
    flow_request_as("a", "first.com", WAIT_MS);
    flow_advance(20000);
    answer(FAKE_SUBMIT, 401);
    flow_request_as("a", "denied.com", WAIT_MS);
    flow_advance(1000);
    answer(FAKE_SUBMIT, 429);
    answer(FAKE_SUBMIT, 401);
    struct caller *oldest = flow_request_as("b", "oldest.com", 20 * MINUTE_MS);
    flow_advance(1000);
    struct caller *second = flow_request_as("b", "second.com", 20 * MINUTE_MS);
    flow_advance(1000);
    struct caller *third = flow_request_as("c", "third.com", 20 * MINUTE_MS);
    flow_advance(8 * MINUTE_MS);
    ck_assert_int_eq(oldest->err, ERR_UPSTREAM_AUTH);
    ck_assert_int_eq(second->err, ERR_OK);
    ck_assert_int_eq(third->err, ERR_OK);
    ck_assert_int_lt(second->answered_ms, third->answered_ms);
}

/* ---- 402 with credits left ---- */

TEST(credits_left_are_spent_before_the_others_end)
{
    size_t n_ok = 0, n_exhausted = 0;

    fake_upstream_charge(flow.upstream);
    fake_upstream_set_balance(flow.upstream, 40);
    flow_request_companies(0, 100);
    flow_advance(3 * MINUTE_MS);
    for (size_t i = 0; i < flow.n_callers; i++) {
        n_ok += flow.callers[i]->answers && flow.callers[i]->err == ERR_OK;
        n_exhausted += flow.callers[i]->answers && flow.callers[i]->err == ERR_CREDITS_EXHAUSTED;
    }
    ck_assert_uint_eq(n_ok, 40);
    ck_assert_uint_eq(n_exhausted, 60);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 40);
    ck_assert_uint_eq(submits(), 3);
}

TEST(credits_left_but_unwritten_part_fails_alone)
{
    fake_upstream_charge(flow.upstream);
    fake_upstream_set_balance(flow.upstream, 1);
    flow_request_companies(0, 2);
    weak_store_fail(flow.store, WEAK_SPLIT, true);
    flow_advance(30000);
    ck_assert_int_eq(flow.callers[0]->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(flow.callers[1]->answers, 0);
    ck_assert_uint_eq(submits(), 1);
    weak_store_fail(flow.store, WEAK_SPLIT, false);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(flow.callers[1]->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

/* ---- reads ---- */

static const struct {
    enum fake_call on;
    int status;
} denied_reads[] = {{FAKE_STATUS, 401},   {FAKE_STATUS, 402},  {FAKE_STATUS, 403},
                    {FAKE_STATUS, 404},   {FAKE_STATUS, 500},  {FAKE_TASK_IDS, 401},
                    {FAKE_TASK_IDS, 403}, {FAKE_TASK_IDS, 503}};

/* Another question every ten seconds: none is rejected, whatever the reads of one batch get. */
LOOP_TEST(breaker_ignores_denied_reads_if_the_balance_is_readable, denied_reads)
{
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "sick.com", .task_ms = 100000});
    flow_request("sick.com", WAIT_MS);
    flow_advance(27000);
    for (int i = 0; i < 60; i++) {
        answer(denied_reads[_i].on, denied_reads[_i].status);
        struct caller *other = flow_request(flow_company(i), WAIT_MS);
        flow_advance(10000);
        ck_assert(other->answers == 0 || other->err == ERR_OK);
        ck_assert_int_eq(engine_status(flow.engine).blocked_by, ERR_OK);
    }
    ck_assert_uint_ge(submits(), 61);
    ck_assert_uint_le(fake_upstream_calls(flow.upstream, FAKE_BALANCE), 41); /* once in 15 s */
    fake_upstream_clear_faults(flow.upstream);
    flow_advance(10 * MINUTE_MS);
}

TEST(breaker_latches_after_a_denied_read_if_the_balance_is_denied)
{
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "slow.com", .task_ms = 100000});
    flow_request("slow.com", WAIT_MS);
    flow_advance(30000);
    answer_always(FAKE_BALANCE, 401);
    answer(FAKE_STATUS, 401);
    flow_advance(10000);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_BALANCE), 1);
    struct caller *rejected = flow_request("b.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(rejected->err, ERR_UPSTREAM_AUTH);
}

TEST(breaker_never_latches_after_402_on_a_read)
{
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "slow.com", .task_ms = 100000});
    flow_request("slow.com", WAIT_MS);
    flow_advance(30000);
    answer_always(FAKE_BALANCE, 402);
    answer(FAKE_STATUS, 402);
    flow_advance(10000);
    struct caller *other = flow_request("b.com", WAIT_MS);
    flow_advance(40000);
    ck_assert_int_eq(other->err, ERR_OK);
}
