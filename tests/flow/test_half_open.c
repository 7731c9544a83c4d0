/* SPDX-License-Identifier: MIT */
/* test_half_open.c - tests the half-open circuit: one task probes an upstream that loses submits,
 * and the queue is kept meanwhile. */
#include "flow.h"
#include "lookup/batching/circuit_breaker.h"
#include "weak_store.h"

#include "tests/support/suite.h"
#include <string.h>

static const struct fake_fault lost = {
    .on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN, .creates = true, .is_permanent = true};
static const struct fake_fault not_sent = {
    .on = FAKE_SUBMIT, .end = TRANSPORT_NOT_SENT, .is_permanent = true};

static size_t submits(void)
{
    return fake_upstream_calls(flow.upstream, FAKE_SUBMIT);
}

static size_t ended_with(enum err err)
{
    size_t n = 0;

    for (size_t i = 0; i < flow.n_callers; i++)
        n += flow.callers[i]->answers == 1 && flow.callers[i]->err == err;
    return n;
}

/* Loses five submits of one task each; the last response is lost just now. */
static void open_circuit(void)
{
    size_t before = submits();

    fake_upstream_fault(flow.upstream, lost);
    for (int i = 0; i < 5; i++) {
        flow_request(flow_company(1000 + i), WAIT_MS);
        flow_advance(27000);
    }
    ck_assert_uint_eq(submits(), before + 5);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_CIRCUIT_OPEN);
}

TEST(half_open_closes_although_the_balance_answers_404)
{
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_BALANCE, .status = 404, .body = "{}", .is_permanent = true});
    open_circuit();
    fake_upstream_clear_faults(flow.upstream); /* the submits; the balance stays as it is */
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_BALANCE, .status = 404, .body = "{}", .is_permanent = true});
    flow_request_companies(0, 250);
    flow_advance(16000);
    ck_assert_uint_eq(submits(), 6);
    flow_advance(26000);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_OK);
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(ended_with(ERR_OK), 250);
}

TEST(half_open_balance_alone_does_not_close)
{
    open_circuit(); /* the balance is readable and positive */
    flow_advance(10 * MINUTE_MS);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_CIRCUIT_OPEN);
    ck_assert_uint_eq(submits(), 5);
}

TEST(half_open_keeps_the_queue_and_sends_the_oldest_first)
{
    open_circuit();
    fake_upstream_clear_faults(flow.upstream);
    flow_request_companies(0, 1);
    flow_advance(1000);
    for (int i = 0; i < 250; i++)
        flow_request_as("flood", flow_company(1 + i), WAIT_MS);
    flow_advance(15000);
    ck_assert_uint_eq(submits(), 6);
    ck_assert_uint_eq(ended_with(ERR_CIRCUIT_OPEN), 0);
    flow_advance(25200);
    ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, flow_company(0)), 1);
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(ended_with(ERR_OK), 251);
}

TEST(half_open_rejects_only_who_cannot_wait_until_the_probe)
{
    open_circuit(); /* less than a second ago */
    flow_advance(4000);
    struct caller *hasty = flow_request("hasty.com", 9000);
    struct caller *patient = flow_request("patient.com", 30000);
    flow_settle();
    ck_assert_int_eq(hasty->err, ERR_CIRCUIT_OPEN);
    ck_assert_int_eq(hasty->charged, CHARGED_NO);
    ck_assert_int_ge(hasty->retry_after_s, 9);
    ck_assert_int_le(hasty->retry_after_s, 11);
    ck_assert_int_eq(patient->answers, 0);
    flow_advance(30000);
    ck_assert_int_eq(patient->err, ERR_STILL_PROCESSING); /* it is the probe */
}

TEST(half_open_loses_at_most_one_credit_a_minute)
{
    open_circuit();
    size_t before = fake_upstream_ledger(flow.upstream);
    for (int i = 0; i < 120; i++) {
        for (int j = 0; j < 10; j++)
            flow_request(flow_company(10 * i + j), MINUTE_MS);
        flow_advance(MINUTE_MS);
    }
    size_t n_lost = fake_upstream_ledger(flow.upstream) - before;
    ck_assert_uint_ge(n_lost, 60); /* it is tried all the time */
    ck_assert_uint_le(n_lost, 120);
    ck_assert_uint_eq(fake_upstream_largest_batch(flow.upstream), 1);
}

TEST(half_open_probes_after_15_then_30_then_60_s)
{
    static const int64_t pauses_ms[] = {15000, 30000, 60000, 60000};

    fake_upstream_set_submit_ms(flow.upstream, 0);
    fake_upstream_fault(flow.upstream, lost);
    for (int i = 0; i < 5; i++) {
        flow_request(flow_company(1000 + i), WAIT_MS);
        flow_advance(100);
    }
    flow_request_companies(0, 50);
    for (size_t i = 0; i < sizeof pauses_ms / sizeof *pauses_ms; i++) {
        flow_advance(pauses_ms[i] - 1);
        ck_assert_uint_eq(submits(), 5 + i);
        flow_advance(1);
        ck_assert_uint_eq(submits(), 6 + i);
    }
}

TEST(half_open_by_unreachable_upstream_keeps_its_batches)
{
    fake_upstream_fault(flow.upstream, not_sent);
    for (int i = 0; i < 4; i++) {
        flow_request_companies(10 * i, 10);
        flow_advance(200);
    }
    flow_advance(5000);
    ck_assert_uint_eq(submits(), 5); /* four batches, and one of them again */
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_CIRCUIT_OPEN);
    ck_assert_int_eq(engine_status(flow.engine).submits, 0);
    fake_upstream_clear_faults(flow.upstream);
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(ended_with(ERR_OK), 40);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 40);
}

TEST(half_open_probe_rejected_with_400_closes)
{
    open_circuit();
    fake_upstream_clear_faults(flow.upstream);
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "bad.com", .is_rejected = true});
    struct caller *bad = flow_request("bad.com", WAIT_MS);
    flow_advance(100);
    struct caller *good = flow_request("good.com", WAIT_MS);
    flow_advance(MINUTE_MS + 30000);
    ck_assert_int_eq(bad->err, ERR_UPSTREAM_REJECTED);
    ck_assert_int_eq(good->err, ERR_OK);
}

TEST(half_open_late_success_of_an_earlier_submit_closes)
{
    for (int i = 0; i < 4; i++) {
        fake_upstream_fault(flow.upstream,
                            (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN});
        flow_request(flow_company(i), WAIT_MS);
        flow_advance(27000);
    }
    fake_upstream_fault(flow.upstream,
                        (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN});
    flow_request("fifth.com", WAIT_MS);
    flow_advance(10000);
    struct caller *later = flow_request("later.com", WAIT_MS);
    flow_advance(17000);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_CIRCUIT_OPEN);
    flow_advance(10000);
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_OK);
    flow_advance(10000);
    ck_assert_int_eq(later->err, ERR_OK);
}

TEST(half_open_probe_that_is_not_recorded_is_tried_again)
{
    open_circuit();
    fake_upstream_clear_faults(flow.upstream);
    weak_store_fail(flow.store, WEAK_BEGIN_BATCH, true);
    struct caller *unrecorded = flow_request("a.com", WAIT_MS);
    flow_advance(20000);
    ck_assert_int_eq(unrecorded->err, ERR_STORAGE_UNAVAILABLE);
    weak_store_fail(flow.store, WEAK_BEGIN_BATCH, false);
    struct caller *recorded = flow_request("b.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(recorded->err, ERR_OK);
}

TEST(half_open_serves_an_older_result_immediately)
{
    struct engine_options options = flow_options();

    options.results.ttl_found_ms = MINUTE_MS;
    flow_start(options);
    struct caller *known = flow_request("known.com", WAIT_MS);
    flow_advance(40000);
    open_circuit();
    struct caller *again = flow_request("known.com", WAIT_MS);
    again->request.limits.stale_if_error_ms = DAY_MS;
    flow_settle();
    ck_assert_int_eq(known->err, ERR_OK);
    ck_assert_int_eq(again->err, ERR_CIRCUIT_OPEN);
    ck_assert(again->has_fallback);
}

TEST(half_open_never_resubmits_at_a_risk)
{
    struct engine_options options = flow_options();

    options.batch.retry_unknown = true;
    flow_start(options);
    fake_upstream_set_submit_ms(flow.upstream, 100);
    fake_upstream_fault(flow.upstream, lost);
    for (int i = 0; i < 4; i++) /* two lost submits each; the fourth waits when the fifth is lost */
        flow_request(flow_company(i), WAIT_MS);
    flow_advance(300);
    for (int i = 4; i < 10; i++) {
        flow_request(flow_company(i), WAIT_MS);
        flow_advance(300);
    }
    ck_assert_int_eq(engine_status(flow.engine).circuit, ERR_CIRCUIT_OPEN);
    size_t n_lost = submits();
    flow_advance(14000);
    ck_assert_uint_eq(submits(), n_lost);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(flow.callers[i]->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
        ck_assert_int_eq(flow.callers[i]->charged, CHARGED_MAYBE);
    }
}

TEST(half_open_is_counted_and_paused_like_every_state)
{
    open_circuit();
    struct caller *waits = flow_request("a.com", WAIT_MS);
    flow_advance(1000);
    ck_assert_int_eq(waits->answers, 0);
    engine_set_paused(flow.engine, true);
    flow_settle();
    ck_assert_int_eq(waits->err, ERR_PAUSED);
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(submits(), 5);
    fake_upstream_clear_faults(flow.upstream);
    engine_set_paused(flow.engine, false);
    struct caller *after = flow_request("b.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(after->err, ERR_OK);
}

/* A batch of five tasks is split, and its parts follow a batch that is a second younger. The latter
 * gets 429; then one part is denied. */
TEST(half_open_probes_with_the_oldest_of_several_batches)
{
    struct engine_options options = flow_options();

    options.batch.slots = 2;
    flow_start(options);
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 400, .body = "{\"detail\":\"no\"}"});
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 429, .body = "{}", .retry_after_s = 60});
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .status = 401, .body = "{\"detail\":\"no\"}"});
    flow_request_companies(0, 5);
    flow_advance(1000);
    flow_request("younger.com", WAIT_MS);
    flow_advance(58000);
    ck_assert_int_eq(flow.callers[0]->err, ERR_UPSTREAM_AUTH);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 4);
    flow_advance(20000); /* the probe was accepted */
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
    ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, "company1.com"), 1);
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 5);
}
