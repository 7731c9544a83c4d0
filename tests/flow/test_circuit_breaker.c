/* SPDX-License-Identifier: MIT */
/* test_circuit_breaker.c - tests when nothing is submitted, what callers receive then, and how
 * submits resume. */
#include "base/mem.h"
#include "base/secret.h"
#include "flow.h"

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

static void refuse_submits(int status, int times)
{
    while (times--)
        fake_upstream_fault(flow.upstream, (struct fake_fault){.on = FAKE_SUBMIT,
                                                               .status = status,
                                                               .body = "{\"detail\":\"no\"}"});
}

RANGE_TEST(breaker_after_401_402_403_rejects_requests_immediately, 0, 3)
{
    refuse_submits(latches[_i].status, 1);
    struct caller *first = flow_request("a.com", WAIT_MS);
    flow_advance(27000);
    ck_assert_int_eq(first->err, latches[_i].err);

    struct caller *second = flow_request("b.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(second->err, latches[_i].err);
    ck_assert_int_eq(second->charged, CHARGED_NO);
    ck_assert_int_gt(second->retry_after_s, 0);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
}

TEST(breaker_opening_fails_queued_lookups_and_keeps_sent_ones)
{
    struct engine_options options = flow_options();

    options.batch.slots = 2;
    flow_start(options);
    struct caller *sent = flow_request("sent.com", WAIT_MS);
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "sent.com", .task_ms = 60000});
    flow_advance(30000);
    refuse_submits(402, 1);
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

RANGE_TEST(breaker_with_positive_balance_closes, 0, 3)
{
    refuse_submits(latches[_i].status, 1);
    flow_request("a.com", WAIT_MS);
    flow_advance(27000 + 66000);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_BALANCE), 1);
    struct caller *after = flow_request("b.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(after->err, ERR_OK);
}

TEST(breaker_without_credits_stays_open_and_probes_less_often)
{
    fake_upstream_set_balance(flow.upstream, 0);
    refuse_submits(402, 1);
    flow_request("a.com", WAIT_MS);
    flow_advance(3600000);
    size_t looks = fake_upstream_calls(flow.upstream, FAKE_BALANCE);
    ck_assert_uint_ge(looks, 6);
    ck_assert_uint_le(looks, 9); /* after 1, 2, 4 and 8 min, then every 10 min */
    struct caller *still = flow_request("b.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(still->err, ERR_CREDITS_EXHAUSTED);

    fake_upstream_set_balance(flow.upstream, 5);
    flow_advance(11 * 60000);
    struct caller *then = flow_request("c.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(then->err, ERR_OK);
}

TEST(breaker_on_reload_closes_immediately)
{
    refuse_submits(403, 1);
    flow_request("a.com", WAIT_MS);
    flow_advance(27000);
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

    refuse_submits(401, 1);
    flow_request("a.com", WAIT_MS);
    flow_advance(27000);
    ck_assert_int_eq(rename(newer, path), 0);
    flow_advance(5000);
    ck_assert_str_eq(secret_text(key), "a-new-key");
    struct caller *after = flow_request("b.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(after->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_BALANCE), 0);
    unlink(path);
    rmdir(folder);
    secret_free(TAKE(options.batch.key));
}

static void fail_everything(enum fake_call on, int times)
{
    while (times--)
        fake_upstream_fault(flow.upstream,
                            (struct fake_fault){.on = on, .end = TRANSPORT_NOT_SENT});
}

TEST(breaker_after_five_failures_opens)
{
    fail_everything(FAKE_SUBMIT, 60);
    fail_everything(FAKE_BALANCE, 3);
    flow_request("a.com", WAIT_MS);
    flow_advance(10000); /* three tries */
    flow_request("b.com", WAIT_MS);
    flow_advance(10000); /* two tries; the third finds the breaker open */
    size_t submits = fake_upstream_calls(flow.upstream, FAKE_SUBMIT);
    ck_assert_uint_eq(submits, 5);
    struct caller *rejected = flow_request("c.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(rejected->err, ERR_CIRCUIT_OPEN);
    ck_assert_int_eq(rejected->charged, CHARGED_NO);
    ck_assert_int_gt(rejected->retry_after_s, 0);
    flow_advance(40000);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT),
                      submits); /* probes are free */
    ck_assert_uint_ge(fake_upstream_calls(flow.upstream, FAKE_BALANCE), 2);
}

TEST(breaker_closes_within_35_s_of_upstream_recovery)
{
    fail_everything(FAKE_SUBMIT, 5);
    fail_everything(FAKE_BALANCE, 2);
    flow_request("a.com", WAIT_MS);
    flow_advance(10000);
    flow_request("b.com", WAIT_MS);
    flow_advance(50000);
    fake_upstream_clear_faults(flow.upstream); /* the upstream works again */
    flow_advance(35000);
    struct caller *after = flow_request("c.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(after->err, ERR_OK);
}

TEST(breaker_counts_lost_submits_despite_successful_reads)
{
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "slow.com", .task_ms = 800000});
    flow_request("slow.com", WAIT_MS);
    flow_advance(30000);
    for (int i = 0; i < 60; i++)
        fake_upstream_fault(
            flow.upstream,
            (struct fake_fault){.on = FAKE_SUBMIT, .status = 500, .body = "", .creates = true});
    for (int i = 0; i < 100; i++) {
        flow_request(flow_company(i), WAIT_MS);
        flow_advance(5000);
    }
    ck_assert_uint_le(fake_upstream_ledger(flow.upstream), 50); /* most were rejected, unpaid */
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
    refuse_submits(402, 1);
    flow_request("b.com", WAIT_MS);
    flow_advance(27000);
    struct caller *hit = flow_request("a.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(hit->err, ERR_OK);
    ck_assert(hit->from_cache);
}

TEST(breaker_ignores_429)
{
    for (int i = 0; i < 10; i++)
        fake_upstream_fault(flow.upstream,
                            (struct fake_fault){.on = FAKE_STATUS, .status = 429, .body = ""});
    struct caller *first = flow_request("a.com", WAIT_MS);
    flow_advance(60000);
    struct caller *second = flow_request("b.com", WAIT_MS);
    flow_advance(60000);
    ck_assert_int_eq(first->err, ERR_OK);
    ck_assert_int_eq(second->err, ERR_OK);
}
