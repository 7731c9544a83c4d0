/* SPDX-License-Identifier: MIT */
/* circuit_breaker.c - see circuit_breaker.h. `err` is the whole state: ERR_OK = closed,
 * ERR_CIRCUIT_OPEN = tripped, ERR_DRAINING = blocked permanently, any other = latched. It changes
 * in set(), and in circuit_block_for_drain(), which is final. The operator's pause is separate and
 * hides `err` while it lasts. */
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
    enum err err;
    bool paused;
    int failures, submit_failures; /* in a row: of reads, of submits */
    int64_t latch_probe_ms, trip_probe_ms;
    int64_t probe_at_ms;
    struct timer look; /* armed while open */
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

void circuit_breaker_free(struct circuit_breaker *breaker)
{
    if (!breaker)
        return;
    if (breaker->probe)
        openmart_cancel(breaker->probe);
    timer_disarm(breaker->timers, &breaker->look);
    free(breaker);
}

static void look(struct timer *timer);

static void look_later(struct circuit_breaker *breaker)
{
    timer_arm(breaker->timers, &breaker->look, breaker->clock->now_ms + CIRCUIT_LOOK_MS, look);
}

static void plan_probe(struct circuit_breaker *breaker)
{
    int64_t pause_ms =
        breaker->err == ERR_CIRCUIT_OPEN ? breaker->trip_probe_ms : breaker->latch_probe_ms;

    breaker->probe_at_ms = breaker->clock->now_ms + pause_ms;
}

static void set(struct circuit_breaker *breaker, enum err err)
{
    bool was_closed = !breaker->err;

    breaker->err = err;
    if (err) {
        plan_probe(breaker);
        look_later(breaker);
        if (was_closed)
            breaker->tripped(breaker->arg);
    } else {
        breaker->failures = breaker->submit_failures = 0;
        timer_disarm(breaker->timers, &breaker->look);
    }
}

static bool latches(enum err err)
{
    return err == ERR_UPSTREAM_AUTH || err == ERR_CREDITS_EXHAUSTED || err == ERR_UPSTREAM_BANNED;
}

/* ---- the probe ---- */

/* Returns whether the probe's response removes the reason why the circuit is open. */
static bool lifts(const struct circuit_breaker *breaker, const struct openmart_reply *reply,
                  int64_t balance)
{
    if (reply->verdict != VERDICT_DONE)
        return false;
    return breaker->err != ERR_CREDITS_EXHAUSTED || balance > 0;
}

static void probed(void *arg, const struct openmart_reply *reply, int64_t balance)
{
    struct circuit_breaker *breaker = arg;

    breaker->probe = NULL;
    if (breaker->err == ERR_DRAINING)
        return;
    if (lifts(breaker, reply, balance)) {
        set(breaker, ERR_OK);
        return;
    }
    if (breaker->err == ERR_CIRCUIT_OPEN && latches(reply->err)) {
        set(breaker, reply->err); /* the upstream responds again, with this error */
        return;
    }
    plan_probe(breaker);
}

static void send_probe(struct circuit_breaker *breaker)
{
    /* The balance may be positive and the next submit still be rejected (an unlimited key shows
     * a constant balance). So a latched circuit is probed less and less often until a submit
     * succeeds. */
    if (breaker->err != ERR_CIRCUIT_OPEN)
        breaker->latch_probe_ms =
            backoff_double_ms(breaker->latch_probe_ms, CIRCUIT_LATCH_LONGEST_MS);
    breaker->probe = openmart_credit_balance(breaker->openmart, probed, breaker);
}

static void look(struct timer *timer)
{
    struct circuit_breaker *breaker = container_of(timer, struct circuit_breaker, look);

    look_later(breaker);
    if (breaker->key && secret_refresh(breaker->key))
        circuit_reset(breaker);
    else if (!breaker->probe && breaker->clock->now_ms >= breaker->probe_at_ms)
        send_probe(breaker);
}

/* ---- interface ---- */

enum err circuit_check(const struct circuit_breaker *breaker, int *ret_retry_after_s)
{
    int64_t left_ms = breaker->probe_at_ms - breaker->clock->now_ms;

    if (breaker->paused && breaker->err != ERR_DRAINING) {
        *ret_retry_after_s = PAUSED_S;
        return ERR_PAUSED;
    }
    if (breaker->err)
        *ret_retry_after_s = left_ms > 1000 ? (int)clock_ceil_s(left_ms) : 1;
    return breaker->err;
}

enum err circuit_state(const struct circuit_breaker *breaker)
{
    return breaker->err;
}

bool circuit_is_paused(const struct circuit_breaker *breaker)
{
    return breaker->paused;
}

/* Counts a failure and opens the circuit after too many in a row. `failures` is the counter of
 * reads or of submits. */
static void count(struct circuit_breaker *breaker, const struct openmart_reply *reply,
                  int *failures)
{
    if (reply->verdict == VERDICT_DONE || reply->verdict == VERDICT_REFUSED)
        *failures = 0; /* the upstream responds */
    else if (reply->status != 429 && ++*failures >= CIRCUIT_TRIP_AFTER && !breaker->err)
        set(breaker, ERR_CIRCUIT_OPEN);
}

void circuit_record_read(struct circuit_breaker *breaker, const struct openmart_reply *reply)
{
    if (latches(reply->err) && !breaker->err)
        set(breaker, reply->err);
    /* A successful read counts as a probe, unless submits tripped the circuit: reads may succeed
     * all the time while the responses to submits are lost. */
    if (reply->verdict == VERDICT_DONE && breaker->err == ERR_CIRCUIT_OPEN &&
        !breaker->submit_failures)
        set(breaker, ERR_OK);
    count(breaker, reply, &breaker->failures);
}

void circuit_record_submit(struct circuit_breaker *breaker, const struct openmart_reply *reply)
{
    if (latches(reply->err) && !breaker->err)
        set(breaker, reply->err);
    if (reply->verdict == VERDICT_DONE) {
        breaker->latch_probe_ms = CIRCUIT_LATCH_PROBE_MS;
        breaker->trip_probe_ms = CIRCUIT_TRIP_PROBE_MS;
    }
    bool was_closed = !breaker->err;
    count(breaker, reply, &breaker->submit_failures);
    /* The balance does not test the path of submits: if they fail again after a probe, the next
     * interval is twice as long. */
    if (was_closed && breaker->err)
        breaker->trip_probe_ms =
            backoff_double_ms(breaker->trip_probe_ms, CIRCUIT_LATCH_LONGEST_MS);
}

void circuit_pause(struct circuit_breaker *breaker, bool paused)
{
    bool trips = paused && !breaker->paused && !breaker->err;

    breaker->paused = paused;
    if (trips)
        breaker->tripped(breaker->arg);
}

void circuit_block_for_drain(struct circuit_breaker *breaker)
{
    breaker->err = ERR_DRAINING;
    timer_disarm(breaker->timers, &breaker->look);
    breaker->tripped(breaker->arg);
}

void circuit_reset(struct circuit_breaker *breaker)
{
    if (breaker->probe) {
        openmart_cancel(breaker->probe);
        breaker->probe = NULL;
    }
    breaker->latch_probe_ms = CIRCUIT_LATCH_PROBE_MS;
    breaker->trip_probe_ms = CIRCUIT_TRIP_PROBE_MS;
    set(breaker, ERR_OK);
}
