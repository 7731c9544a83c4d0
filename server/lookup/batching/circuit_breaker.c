/* SPDX-License-Identifier: MIT */
/* circuit_breaker.c - see circuit_breaker.h. `err` is the whole state: ERR_OK = open,
 * ERR_CIRCUIT_OPEN = tripped, ERR_DRAINING = closed for good, any other = latched. It changes in
 * set(), and in gate_close(), out of which no way leads. Beside it stands the operator's pause,
 * which hides it while it lasts.
 */
#include "lookup/batching/circuit_breaker.h"

#include "base/mem.h"

#include <stdlib.h>

#define PAUSED_S 60 /* when it is worth asking again */

struct gate {
    const struct clock *clock;
    struct timers *timers;
    struct openmart *openmart;
    struct secret *key;
    gate_shut_fn *shut;
    void *arg;
    enum err err;
    bool paused;
    int failures, submit_failures; /* in a row: of reads, of submits */
    int64_t latch_probe_ms, trip_probe_ms;
    int64_t probe_at_ms;
    struct timer look; /* armed while shut */
    struct openmart_call *probe;
};

struct gate *gate_new(const struct clock *clock, struct timers *timers, struct openmart *openmart,
                      struct secret *key, gate_shut_fn *shut, void *arg)
{
    struct gate *gate = xcalloc(1, sizeof *gate);

    *gate = (struct gate){.clock = clock,
                          .timers = timers,
                          .openmart = openmart,
                          .key = key,
                          .shut = shut,
                          .arg = arg,
                          .latch_probe_ms = GATE_LATCH_PROBE_MS,
                          .trip_probe_ms = GATE_TRIP_PROBE_MS};
    return gate;
}

void gate_free(struct gate *gate)
{
    if (!gate)
        return;
    if (gate->probe)
        openmart_cancel(gate->probe);
    timer_disarm(gate->timers, &gate->look);
    free(gate);
}

static void look(struct timer *timer);

static void look_later(struct gate *gate)
{
    timer_arm(gate->timers, &gate->look, gate->clock->now_ms + GATE_LOOK_MS, look);
}

static void plan_probe(struct gate *gate)
{
    int64_t pause_ms = gate->err == ERR_CIRCUIT_OPEN ? gate->trip_probe_ms : gate->latch_probe_ms;

    gate->probe_at_ms = gate->clock->now_ms + pause_ms;
}

static void set(struct gate *gate, enum err err)
{
    bool was_open = !gate->err;

    gate->err = err;
    if (err) {
        plan_probe(gate);
        look_later(gate);
        if (was_open)
            gate->shut(gate->arg);
    } else {
        gate->failures = gate->submit_failures = 0;
        timer_disarm(gate->timers, &gate->look);
    }
}

static bool latches(enum err err)
{
    return err == ERR_UPSTREAM_AUTH || err == ERR_CREDITS_EXHAUSTED || err == ERR_UPSTREAM_BANNED;
}

/* ---- the probe ---- */

/* Does the answer to the probe lift what shut the gate? */
static bool lifts(const struct gate *gate, const struct openmart_reply *reply, int64_t balance)
{
    if (reply->verdict != VERDICT_DONE)
        return false;
    return gate->err != ERR_CREDITS_EXHAUSTED || balance > 0;
}

static void probed(void *arg, const struct openmart_reply *reply, int64_t balance)
{
    struct gate *gate = arg;

    gate->probe = NULL;
    if (gate->err == ERR_DRAINING)
        return;
    if (lifts(gate, reply, balance)) {
        set(gate, ERR_OK);
        return;
    }
    if (gate->err == ERR_CIRCUIT_OPEN && latches(reply->err)) {
        set(gate, reply->err); /* the way is free again, and this is what it brought */
        return;
    }
    plan_probe(gate);
}

static void send_probe(struct gate *gate)
{
    /* The balance may be right and the next submit be refused all the same (an unlimited key shows
     * a constant one), so latches are probed ever more rarely until a submit goes through. */
    if (gate->err != ERR_CIRCUIT_OPEN) {
        gate->latch_probe_ms *= 2;
        if (gate->latch_probe_ms > GATE_LATCH_LONGEST_MS)
            gate->latch_probe_ms = GATE_LATCH_LONGEST_MS;
    }
    gate->probe = openmart_credit_balance(gate->openmart, probed, gate);
}

static void look(struct timer *timer)
{
    struct gate *gate = container_of(timer, struct gate, look);

    look_later(gate);
    if (gate->key && secret_refresh(gate->key))
        gate_reset(gate);
    else if (!gate->probe && gate->clock->now_ms >= gate->probe_at_ms)
        send_probe(gate);
}

/* ---- what others see ---- */

enum err gate_check(const struct gate *gate, int *ret_retry_after_s)
{
    int64_t left_ms = gate->probe_at_ms - gate->clock->now_ms;

    if (gate->paused && gate->err != ERR_DRAINING) {
        *ret_retry_after_s = PAUSED_S;
        return ERR_PAUSED;
    }
    if (gate->err)
        *ret_retry_after_s = left_ms > 1000 ? (int)((left_ms + 999) / 1000) : 1;
    return gate->err;
}

enum err gate_state(const struct gate *gate)
{
    return gate->err;
}

bool gate_is_paused(const struct gate *gate)
{
    return gate->paused;
}

/* Shuts, if there were too many failures in a row; `failures` is the counter of reads or submits.
 */
static void count(struct gate *gate, const struct openmart_reply *reply, int *failures)
{
    if (reply->verdict == VERDICT_DONE || reply->verdict == VERDICT_REFUSED)
        *failures = 0; /* it is there, and answers */
    else if (reply->status != 429 && ++*failures >= GATE_TRIP_AFTER && !gate->err)
        set(gate, ERR_CIRCUIT_OPEN);
}

void gate_note_read(struct gate *gate, const struct openmart_reply *reply)
{
    if (latches(reply->err) && !gate->err)
        set(gate, reply->err);
    /* As good as a probe, unless it was submits that tripped it: reads may go well all the time
     * while the answers of submits are lost. */
    if (reply->verdict == VERDICT_DONE && gate->err == ERR_CIRCUIT_OPEN && !gate->submit_failures)
        set(gate, ERR_OK);
    count(gate, reply, &gate->failures);
}

void gate_note_submit(struct gate *gate, const struct openmart_reply *reply)
{
    if (latches(reply->err) && !gate->err)
        set(gate, reply->err);
    if (reply->verdict == VERDICT_DONE) {
        gate->latch_probe_ms = GATE_LATCH_PROBE_MS;
        gate->trip_probe_ms = GATE_TRIP_PROBE_MS;
    }
    bool was_open = !gate->err;
    count(gate, reply, &gate->submit_failures);
    /* The balance says nothing of the way that submits take: if they fail again after a probe, the
     * next pause is twice as long. */
    if (was_open && gate->err)
        gate->trip_probe_ms = 2 * gate->trip_probe_ms < GATE_LATCH_LONGEST_MS
                                  ? 2 * gate->trip_probe_ms
                                  : GATE_LATCH_LONGEST_MS;
}

void gate_pause(struct gate *gate, bool paused)
{
    bool shuts = paused && !gate->paused && !gate->err;

    gate->paused = paused;
    if (shuts)
        gate->shut(gate->arg);
}

void gate_close(struct gate *gate)
{
    gate->err = ERR_DRAINING;
    timer_disarm(gate->timers, &gate->look);
    gate->shut(gate->arg);
}

void gate_reset(struct gate *gate)
{
    if (gate->probe) {
        openmart_cancel(gate->probe);
        gate->probe = NULL;
    }
    gate->latch_probe_ms = GATE_LATCH_PROBE_MS;
    gate->trip_probe_ms = GATE_TRIP_PROBE_MS;
    set(gate, ERR_OK);
}
