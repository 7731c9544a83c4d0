/* SPDX-License-Identifier: MIT */
/* test_circuit_results.c - tests the circuit breaker alone: what results of submits and tasks mean
 * for the next submit. */
#include "flow.h"
#include "lookup/batching/circuit_breaker.h"

#include "tests/support/suite.h"

static const struct openmart_reply accepted = {.verdict = VERDICT_DONE, .status = 200};
static const struct openmart_reply unknown = {.verdict = VERDICT_UNKNOWN,
                                              .err = ERR_UPSTREAM_OUTCOME_UNKNOWN};
static const struct openmart_reply throttled = {
    .verdict = VERDICT_RETRYABLE, .err = ERR_UPSTREAM_ERROR, .status = 429, .retry_after_s = -1};
/* A page of a proxy, not the upstream's own 403. */
static const struct openmart_reply challenged = {
    .verdict = VERDICT_REFUSED, .err = ERR_UPSTREAM_ERROR, .status = 403, .retry_after_s = -1};
static const struct openmart_reply denied = {
    .verdict = VERDICT_REFUSED, .err = ERR_UPSTREAM_AUTH, .status = 401, .retry_after_s = -1};

static struct timers timers;
static size_t n_changes;

static void changed(void *arg)
{
    (void)arg;
    n_changes++;
}

static struct circuit_breaker *make_breaker(void)
{
    struct circuit_breaker *breaker;

    timers_init(&timers);
    n_changes = 0;
    breaker = circuit_breaker_new(engine_clock(flow.engine), &timers, flow.openmart, NULL);
    circuit_on_change(breaker, changed, NULL);
    return breaker;
}

static void drop_breaker(struct circuit_breaker *breaker)
{
    circuit_breaker_free(breaker);
    timers_done(&timers);
}

static void wait_ms(int64_t ms)
{
    flow_advance(ms);
    timers_run(&timers, flow_now_ms());
    flow_settle();
}

static size_t permitted(const struct circuit_breaker *breaker)
{
    return circuit_permit(breaker).max_tasks;
}

static void submit(struct circuit_breaker *breaker, const struct openmart_reply *reply)
{
    const struct circuit_submit sent = {1, circuit_begin_submit(breaker)};

    circuit_record_submit(breaker, &sent, reply);
}

static void results(struct circuit_breaker *breaker, int n, bool understood)
{
    while (n--)
        circuit_record_result(breaker, understood);
}

TEST(circuit_after_five_unreadable_results_is_probed)
{
    struct circuit_breaker *breaker = make_breaker();

    results(breaker, 4, false);
    ck_assert_uint_eq(permitted(breaker), OPENMART_BATCH_MAX);
    results(breaker, 1, false);
    ck_assert_uint_eq(permitted(breaker), 0);
    ck_assert_int_eq(circuit_check(breaker, NULL), ERR_CIRCUIT_OPEN);
    wait_ms(CIRCUIT_PROBE_MS);
    ck_assert_uint_eq(permitted(breaker), 1);
    ck_assert(circuit_permit(breaker).oldest_first);
    ck_assert_uint_ge(n_changes, 2);
    drop_breaker(breaker);
}

TEST(circuit_with_a_readable_result_in_between_stays_closed)
{
    struct circuit_breaker *breaker = make_breaker();

    for (int i = 0; i < 10; i++) {
        results(breaker, 4, false);
        results(breaker, 1, true);
    }
    ck_assert_uint_eq(permitted(breaker), OPENMART_BATCH_MAX);
    drop_breaker(breaker);
}

TEST(circuit_of_unreadable_results_is_not_closed_by_an_accepted_probe)
{
    static const int64_t pauses_ms[] = {30000, 60000, 60000};
    struct circuit_breaker *breaker = make_breaker();

    results(breaker, 5, false);
    wait_ms(CIRCUIT_PROBE_MS);
    for (size_t i = 0; i < 3; i++) {
        submit(breaker, &accepted);
        results(breaker, 1, false);
        wait_ms(pauses_ms[i] - 1);
        ck_assert_uint_eq(permitted(breaker), 0);
        wait_ms(1);
        ck_assert_uint_eq(permitted(breaker), 1);
    }
    results(breaker, 1, true);
    ck_assert_uint_eq(permitted(breaker), OPENMART_BATCH_MAX);
    drop_breaker(breaker);
}

TEST(circuit_of_lost_submits_is_not_closed_by_a_readable_result)
{
    struct circuit_breaker *breaker = make_breaker();

    for (int i = 0; i < 5; i++)
        submit(breaker, &unknown);
    results(breaker, 1, true);
    ck_assert_int_eq(circuit_check(breaker, NULL), ERR_CIRCUIT_OPEN);
    drop_breaker(breaker);
}

TEST(circuit_opens_only_after_failures_in_a_row)
{
    struct circuit_breaker *breaker = make_breaker();

    for (int i = 0; i < 20; i++)
        submit(breaker, i % 5 == 4 ? &accepted : &unknown);
    ck_assert_uint_eq(permitted(breaker), OPENMART_BATCH_MAX);
    drop_breaker(breaker);
}

TEST(circuit_takes_a_challenge_page_for_neither_success_nor_denial)
{
    struct circuit_breaker *breaker = make_breaker();

    for (int i = 0; i < 20; i++)
        submit(breaker, &challenged);
    ck_assert_uint_eq(permitted(breaker), OPENMART_BATCH_MAX);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_BALANCE), 0);
    for (int i = 0; i < 5; i++) { /* and not for a response to the lost submits */
        submit(breaker, &unknown);
        submit(breaker, &challenged);
    }
    ck_assert_int_eq(circuit_check(breaker, NULL), ERR_CIRCUIT_OPEN);
    wait_ms(CIRCUIT_PROBE_MS);
    submit(breaker, &challenged);
    ck_assert_int_eq(circuit_check(breaker, NULL), ERR_CIRCUIT_OPEN);
    drop_breaker(breaker);
}

TEST(circuit_permits_one_submit_at_a_time_after_429)
{
    struct circuit_breaker *breaker = make_breaker();
    int retry_after_s = 0;

    submit(breaker, &throttled);
    ck_assert_uint_eq(permitted(breaker), 0);
    ck_assert_int_eq(circuit_check(breaker, NULL), ERR_OK);
    ck_assert_int_eq(circuit_admit(breaker, 0, &retry_after_s), ERR_OK);
    wait_ms(CIRCUIT_THROTTLE_MS);
    ck_assert_uint_eq(permitted(breaker), OPENMART_BATCH_MAX);
    const struct circuit_submit sent = {100, circuit_begin_submit(breaker)};
    ck_assert_uint_eq(permitted(breaker), 0);
    circuit_record_submit(breaker, &sent, &accepted);
    ck_assert_uint_eq(permitted(breaker), OPENMART_BATCH_MAX);
    drop_breaker(breaker);
}

TEST(circuit_with_429_and_lost_submits_takes_the_worse_cause)
{
    struct circuit_breaker *breaker = make_breaker();

    for (int i = 0; i < 4; i++)
        submit(breaker, &unknown);
    const struct circuit_submit earlier = {100, circuit_begin_submit(breaker)};
    submit(breaker, &throttled); /* a response: the row ends */
    for (int i = 0; i < 5; i++)
        circuit_record_submit(breaker, &earlier, &unknown);
    ck_assert_int_eq(circuit_check(breaker, NULL), ERR_CIRCUIT_OPEN);
    drop_breaker(breaker);
}

TEST(circuit_ignores_late_denials_of_submits_sent_before)
{
    struct circuit_breaker *breaker = make_breaker();
    const struct circuit_submit earlier = {100, circuit_begin_submit(breaker)};

    submit(breaker, &denied);
    ck_assert(circuit_is_checking(breaker));
    circuit_record_submit(breaker, &earlier, &denied);
    wait_ms(0); /* the balance is positive */
    ck_assert(!circuit_is_checking(breaker));
    circuit_record_submit(breaker, &earlier, &denied);
    circuit_record_submit(breaker, &earlier, &accepted);
    ck_assert_int_eq(circuit_check(breaker, NULL), ERR_UPSTREAM_AUTH);
    ck_assert_uint_eq(permitted(breaker), 1);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_BALANCE), 1);
    drop_breaker(breaker);
}

TEST(circuit_rejects_callers_that_cannot_wait_until_the_probe)
{
    struct circuit_breaker *breaker = make_breaker();
    int retry_after_s = 0;

    for (int i = 0; i < 5; i++)
        submit(breaker, &unknown);
    wait_ms(5000);
    ck_assert_int_eq(circuit_admit(breaker, 9999, &retry_after_s), ERR_CIRCUIT_OPEN);
    ck_assert_int_eq(retry_after_s, 10);
    ck_assert_int_eq(circuit_admit(breaker, 10000, &retry_after_s), ERR_OK);
    wait_ms(10000);
    ck_assert_int_eq(circuit_admit(breaker, 0, &retry_after_s), ERR_OK);
    const struct circuit_submit sent = {1, circuit_begin_submit(breaker)};
    ck_assert_int_eq(circuit_admit(breaker, 29999, &retry_after_s), ERR_CIRCUIT_OPEN);
    circuit_record_submit(breaker, &sent, &unknown);
    ck_assert_int_eq(circuit_admit(breaker, 30000, &retry_after_s), ERR_OK);
    drop_breaker(breaker);
}

TEST(circuit_reset_closes_every_state_but_a_drain)
{
    struct circuit_breaker *breaker = make_breaker();

    results(breaker, 5, false);
    circuit_reset(breaker);
    ck_assert_uint_eq(permitted(breaker), OPENMART_BATCH_MAX);
    results(breaker, 4, false); /* and the row begins again */
    ck_assert_uint_eq(permitted(breaker), OPENMART_BATCH_MAX);
    submit(breaker, &denied);
    circuit_reset(breaker);
    wait_ms(0);
    ck_assert_uint_eq(permitted(breaker), OPENMART_BATCH_MAX);
    circuit_block_for_drain(breaker);
    circuit_reset(breaker);
    circuit_record_result(breaker, true);
    submit(breaker, &accepted);
    ck_assert_int_eq(circuit_check(breaker, NULL), ERR_DRAINING);
    drop_breaker(breaker);
}

TEST(circuit_breaker_free_accepts_null)
{
    circuit_breaker_free(NULL);
}

/* Ten tasks and three are denied; five credits are left. That pays for the three already, so they
 * were denied for another reason. */
TEST(credits_that_are_left_cut_only_a_batch_that_is_larger)
{
    const struct fake_fault refused = {
        .on = FAKE_SUBMIT, .status = 402, .body = "{\"detail\":\"no\"}"};
    size_t n_ok = 0;

    fake_upstream_charge(flow.upstream);
    fake_upstream_set_balance(flow.upstream, 5);
    fake_upstream_set_read_ms(flow.upstream, 5000); /* both are denied before it is known */
    fake_upstream_fault(flow.upstream, refused);
    fake_upstream_fault(flow.upstream, refused);
    flow_request_companies(0, 10);
    flow_advance(1000);
    flow_request_companies(10, 3);
    flow_advance(32000);
    for (size_t i = 10; i < 13; i++)
        ck_assert_int_eq(flow.callers[i]->err, ERR_CREDITS_EXHAUSTED);
    flow_advance(3 * MINUTE_MS);
    for (size_t i = 0; i < 10; i++)
        n_ok += flow.callers[i]->err == ERR_OK;
    ck_assert_uint_eq(n_ok, 5);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 5);
}
