/* SPDX-License-Identifier: MIT */
/* circuit_breaker.c - see circuit_breaker.h. `reason` is the whole state and changes in set_state()
 * only. The operator's pause is separate and hides it while it lasts. */
#include "lookup/batching/circuit_breaker.h"

#include "base/backoff.h"
#include "base/mem.h"

#include <stdlib.h>

#define PAUSED_S 60 /* Retry-After while paused */

struct circuit_breaker {
    const struct clock *clock;
    struct timers *timers;
    struct openmart *openmart;
    struct secret *key;
    circuit_tripped_fn *tripped;
    void *arg;
    enum err reason; /* ERR_OK = closed, ERR_CIRCUIT_OPEN = tripped, ERR_DRAINING = blocked
                        permanently, any other = latched */
    bool paused;
    int read_failures, submit_failures;    /* in a row */
    int64_t latch_probe_ms, trip_probe_ms; /* intervals between probes */
    int64_t probe_at_ms;
    struct timer check; /* armed while the circuit is open, unless drained */
    struct openmart_call *probe;
};

struct circuit_breaker *circuit_breaker_new(const struct clock *clock, struct timers *timers,
                                            struct openmart *openmart, struct secret *key,
                                            circuit_tripped_fn *tripped, void *arg)
{
    struct circuit_breaker *breaker = xcalloc(1, sizeof *breaker);

    *breaker = (struct circuit_breaker){.clock = clock,
                                        .timers = timers,
                                        .openmart = openmart,
                                        .key = key,
                                        .tripped = tripped,
                                        .arg = arg,
                                        .latch_probe_ms = CIRCUIT_LATCH_PROBE_MS,
                                        .trip_probe_ms = CIRCUIT_TRIP_PROBE_MS};
    return breaker;
}

static void stop_probing(struct circuit_breaker *breaker)
{
    if (breaker->probe)
        openmart_cancel(TAKE(breaker->probe));
    timer_disarm(breaker->timers, &breaker->check);
    breaker->probe_at_ms = breaker->clock->now_ms; /* none is to be waited for */
}

void circuit_breaker_free(struct circuit_breaker *breaker)
{
    if (!breaker)
        return;
    stop_probing(breaker);
    free(breaker);
}

static void check_is_due(struct timer *timer);

static void check_later(struct circuit_breaker *breaker)
{
    timer_arm(breaker->timers, &breaker->check, breaker->clock->now_ms + CIRCUIT_CHECK_MS,
              check_is_due);
}

static void plan_probe(struct circuit_breaker *breaker)
{
    int64_t pause_ms =
        breaker->reason == ERR_CIRCUIT_OPEN ? breaker->trip_probe_ms : breaker->latch_probe_ms;

    breaker->probe_at_ms = breaker->clock->now_ms + pause_ms;
}

/* Opens the circuit for this reason, or closes it if the reason is ERR_OK. A drain is final. */
static void set_state(struct circuit_breaker *breaker, enum err reason)
{
    bool was_closed = !breaker->reason;

    if (breaker->reason == ERR_DRAINING)
        return;
    breaker->reason = reason;
    if (reason == ERR_OK)
        breaker->read_failures = breaker->submit_failures = 0;
    if (reason == ERR_OK || reason == ERR_DRAINING) {
        stop_probing(breaker);
    } else {
        plan_probe(breaker);
        check_later(breaker);
    }
    if (reason == ERR_DRAINING || (reason && was_closed))
        breaker->tripped(breaker->arg);
}

static bool latches(enum err err)
{
    return err == ERR_UPSTREAM_AUTH || err == ERR_CREDITS_EXHAUSTED || err == ERR_UPSTREAM_BANNED;
}

/* ---- the probe ---- */

static void probed(void *arg, const struct openmart_reply *reply, int64_t balance)
{
    struct circuit_breaker *breaker = arg;
    bool can_pay = breaker->reason != ERR_CREDITS_EXHAUSTED || balance > 0;

    breaker->probe = NULL;
    if (reply->verdict == VERDICT_DONE && can_pay)
        set_state(breaker, ERR_OK);
    else if (breaker->reason == ERR_CIRCUIT_OPEN && latches(reply->err))
        set_state(breaker, reply->err); /* the upstream responds again, with this error */
    else
        plan_probe(breaker);
}

static void send_probe(struct circuit_breaker *breaker)
{
    /* The balance may be positive and the next submit still be rejected (an unlimited key shows
     * a constant balance). So a latched circuit is probed less and less often until a submit
     * succeeds. */
    if (breaker->reason != ERR_CIRCUIT_OPEN)
        breaker->latch_probe_ms =
            backoff_double_ms(breaker->latch_probe_ms, CIRCUIT_LATCH_LONGEST_MS);
    breaker->probe = openmart_credit_balance(breaker->openmart, probed, breaker);
}

static void check_is_due(struct timer *timer)
{
    struct circuit_breaker *breaker = container_of(timer, struct circuit_breaker, check);

    check_later(breaker);
    if (breaker->key && secret_refresh(breaker->key))
        circuit_reset(breaker);
    else if (!breaker->probe && breaker->clock->now_ms >= breaker->probe_at_ms)
        send_probe(breaker);
}

/* ---- interface ---- */

enum err circuit_check(const struct circuit_breaker *breaker, int *ret_retry_after_s)
{
    int64_t left_s = clock_ceil_s(breaker->probe_at_ms - breaker->clock->now_ms);
    bool hides_state = breaker->paused && breaker->reason != ERR_DRAINING;
    enum err err = hides_state ? ERR_PAUSED : breaker->reason;

    if (err == ERR_PAUSED && ret_retry_after_s)
        *ret_retry_after_s = PAUSED_S;
    else if (err && ret_retry_after_s)
        *ret_retry_after_s = left_s > 1 ? (int)left_s : 1;
    return err;
}

enum err circuit_state(const struct circuit_breaker *breaker)
{
    return breaker->reason;
}

bool circuit_is_paused(const struct circuit_breaker *breaker)
{
    return breaker->paused;
}

/* Counts a failure, or resets `failures`, the counter of reads or of submits. Opens the circuit
 * after too many failures in a row. */
static void count_result(struct circuit_breaker *breaker, const struct openmart_reply *reply,
                         int *failures)
{
    if (reply->verdict == VERDICT_DONE || reply->verdict == VERDICT_REFUSED)
        *failures = 0; /* the upstream responds */
    else if (reply->status != 429 && ++*failures >= CIRCUIT_TRIP_AFTER && !breaker->reason)
        set_state(breaker, ERR_CIRCUIT_OPEN);
}

void circuit_record_read(struct circuit_breaker *breaker, const struct openmart_reply *reply)
{
    if (latches(reply->err) && !breaker->reason)
        set_state(breaker, reply->err);
    /* A successful read counts as a probe, unless submits tripped the circuit: reads may succeed
     * all the time while the responses to submits are lost. */
    if (reply->verdict == VERDICT_DONE && breaker->reason == ERR_CIRCUIT_OPEN &&
        !breaker->submit_failures)
        set_state(breaker, ERR_OK);
    count_result(breaker, reply, &breaker->read_failures);
}

void circuit_record_submit(struct circuit_breaker *breaker, const struct openmart_reply *reply)
{
    if (latches(reply->err) && !breaker->reason)
        set_state(breaker, reply->err);
    if (reply->verdict == VERDICT_DONE) {
        breaker->latch_probe_ms = CIRCUIT_LATCH_PROBE_MS;
        breaker->trip_probe_ms = CIRCUIT_TRIP_PROBE_MS;
    }
    bool was_closed = !breaker->reason;
    count_result(breaker, reply, &breaker->submit_failures);
    /* The balance does not test the path of submits: if they fail again after a probe, the next
     * interval is twice as long. */
    if (was_closed && breaker->reason)
        breaker->trip_probe_ms =
            backoff_double_ms(breaker->trip_probe_ms, CIRCUIT_LATCH_LONGEST_MS);
}

void circuit_record_result(struct circuit_breaker *breaker, bool understood)
{
    (void)breaker;
    (void)understood;
}

void circuit_pause(struct circuit_breaker *breaker, bool paused)
{
    bool trips = paused && !breaker->paused && !breaker->reason;

    breaker->paused = paused;
    if (trips)
        breaker->tripped(breaker->arg);
}

void circuit_block_for_drain(struct circuit_breaker *breaker)
{
    set_state(breaker, ERR_DRAINING);
}

void circuit_reset(struct circuit_breaker *breaker)
{
    breaker->latch_probe_ms = CIRCUIT_LATCH_PROBE_MS;
    breaker->trip_probe_ms = CIRCUIT_TRIP_PROBE_MS;
    set_state(breaker, ERR_OK);
}
