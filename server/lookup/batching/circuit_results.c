/* SPDX-License-Identifier: MIT */
/* circuit_results.c - what the results of submits, reads and the balance mean for the circuit; see
 * circuit_breaker.h. Each function ends with at most one change of the state, because the callback
 * of a change may submit. */
#include "lookup/batching/circuit_state.h"

#include "base/metrics.h"

/* The circuit stays half open, and the next probe waits longer. */
static void probe_again(struct circuit_breaker *breaker, int64_t least_ms)
{
    int64_t ms = circuit_pause_ms(breaker->cause, ++breaker->failures);

    breaker->credits_left = 0;
    circuit_set_state(breaker, CIRCUIT_HALF_OPEN, breaker->cause, ms > least_ms ? ms : least_ms);
}

/* Counts an event that opens the circuit once there were too many in a row. Returns true if it
 * opened. While it is open for another cause than 429, that stays. */
static bool count(struct circuit_breaker *breaker, enum circuit_cause cause)
{
    bool may_open = breaker->state == CIRCUIT_CLOSED || breaker->cause == CAUSE_THROTTLED;

    if (++breaker->in_a_row[cause] < circuit_limit_of(cause) || !may_open)
        return false;
    circuit_open_half(breaker, cause, 0);
    return true;
}

/* ---- the balance ---- */

static enum circuit_cause cause_of(enum err denial)
{
    return denial == ERR_UPSTREAM_AUTH     ? CAUSE_AUTH
           : denial == ERR_UPSTREAM_BANNED ? CAUSE_BANNED
                                           : CAUSE_CREDITS;
}

static bool is_denied(const struct circuit_breaker *breaker)
{
    return breaker->cause == CAUSE_AUTH || breaker->cause == CAUSE_CREDITS ||
           breaker->cause == CAUSE_BANNED;
}

static void latch(struct circuit_breaker *breaker, enum circuit_cause cause)
{
    circuit_set_state(breaker, CIRCUIT_LATCHED, cause, circuit_pause_ms(cause, breaker->failures));
}

/* Credits are left although a submit was denied: fewer than it would have cost, or the balance is
 * not the limit (an unlimited key shows a constant). A probe follows immediately. If that is denied
 * too, the next ones wait. */
static void try_credits(struct circuit_breaker *breaker, int64_t credits)
{
    bool is_first = breaker->state == CIRCUIT_LATCHED || breaker->failures == 0;
    bool is_less =
        breaker->cause == CAUSE_CREDITS && (uint64_t)credits < (uint64_t)breaker->denied_tasks;

    breaker->credits_left = is_less ? (size_t)credits : 0;
    circuit_set_state(breaker, CIRCUIT_HALF_OPEN, breaker->cause,
                      is_first ? 0 : circuit_pause_ms(breaker->cause, breaker->failures - 1));
}

/* Decides what the balance says about a denied submit. */
static void judge(struct circuit_breaker *breaker, const struct balance_answer *answer)
{
    if (answer->meaning == BALANCE_LEFT) {
        try_credits(breaker, answer->credits);
    } else if (answer->meaning == BALANCE_DENIED ||
               (answer->meaning == BALANCE_NONE && breaker->cause == CAUSE_CREDITS)) {
        breaker->failures += breaker->state == CIRCUIT_LATCHED;
        latch(breaker, answer->meaning == BALANCE_DENIED ? cause_of(answer->err) : breaker->cause);
    } else {
        circuit_set_state(breaker, CIRCUIT_HALF_OPEN, breaker->cause,
                          circuit_pause_ms(breaker->cause, breaker->failures));
    }
}

/* Decides what the balance says after a denied read, or after 429 several times. A balance of
 * 402 only denies the read: no submit was denied. */
static void confirm(struct circuit_breaker *breaker, const struct balance_answer *answer)
{
    bool is_spent = answer->meaning == BALANCE_NONE && breaker->cause == CAUSE_THROTTLED;
    bool is_rejected = answer->meaning == BALANCE_DENIED && answer->err != ERR_CREDITS_EXHAUSTED;

    if (!is_spent && !is_rejected)
        return;
    breaker->failures = 0;
    latch(breaker, is_spent ? CAUSE_CREDITS : cause_of(answer->err));
}

void circuit_balance_checked(void *arg, const struct balance_answer *answer)
{
    struct circuit_breaker *breaker = arg;

    switch (breaker->state) {
    case CIRCUIT_CHECKING:
    case CIRCUIT_LATCHED:
        judge(breaker, answer);
        break;
    case CIRCUIT_CLOSED:
    case CIRCUIT_HALF_OPEN:
    case CIRCUIT_PROBING:
        confirm(breaker, answer);
        break;
    case CIRCUIT_DRAINED:
        break;
    }
}

/* ---- results of submits ---- */

static void accepted(struct circuit_breaker *breaker, bool is_probe)
{
    breaker->in_a_row[CAUSE_LOST] = breaker->in_a_row[CAUSE_REJECTED] = 0;
    if (is_probe && breaker->cause == CAUSE_UNREADABLE)
        probe_again(breaker, 0); /* its result may close the circuit before */
    else if (is_probe || breaker->cause == CAUSE_LOST)
        circuit_close(breaker);
}

/* 400 or 422: responses arrive and the rate is kept, but it says nothing about key and credits. */
static void rejected(struct circuit_breaker *breaker, bool is_probe)
{
    bool proves_enough = breaker->cause == CAUSE_LOST || breaker->cause == CAUSE_THROTTLED;

    breaker->in_a_row[CAUSE_LOST] = 0;
    if (is_probe && proves_enough)
        circuit_close(breaker);
    else if (is_probe)
        probe_again(breaker, 0);
}

/* 401, 402 or 403. Submits that left before a denial was known add nothing to it. */
static void denied(struct circuit_breaker *breaker, bool is_probe, size_t n_tasks, enum err err)
{
    breaker->in_a_row[CAUSE_LOST] = 0;
    if (breaker->state != CIRCUIT_CLOSED && !is_probe &&
        (!circuit_is_half_open(breaker) || is_denied(breaker)))
        return;
    breaker->failures = is_denied(breaker) ? breaker->failures + 1 : 0;
    breaker->denied_tasks = n_tasks;
    circuit_set_state(breaker, CIRCUIT_CHECKING, cause_of(err), 0);
    balance_check_start(&breaker->balance);
}

/* 429. While the circuit is open for another cause, that stays. */
static void throttled(struct circuit_breaker *breaker, bool is_probe, int64_t retry_after_ms)
{
    int64_t now_ms = breaker->clock->now_ms;

    breaker->in_a_row[CAUSE_LOST] = 0;
    if (is_probe)
        probe_again(breaker, retry_after_ms);
    else if (breaker->state == CIRCUIT_CLOSED)
        circuit_open_half(breaker, CAUSE_THROTTLED, retry_after_ms);
    else if (breaker->state == CIRCUIT_HALF_OPEN && breaker->due_ms < now_ms + retry_after_ms)
        circuit_set_state(breaker, CIRCUIT_HALF_OPEN, breaker->cause, retry_after_ms);
    if (breaker->cause == CAUSE_THROTTLED && breaker->failures >= CIRCUIT_THROTTLED_MAX - 1)
        balance_check_start(&breaker->balance);
}

/* The outcome is unknown, or the upstream could not be reached. */
static void lost(struct circuit_breaker *breaker, bool is_probe)
{
    if (!count(breaker, CAUSE_LOST) && is_probe)
        probe_again(breaker, 0);
}

static void refused(struct circuit_breaker *breaker, bool is_probe, size_t n_tasks, enum err err)
{
    if (balance_check_is_denial(err))
        denied(breaker, is_probe, n_tasks, err);
    else if (err == ERR_UPSTREAM_REJECTED)
        rejected(breaker, is_probe);
    else if (is_probe) /* not by the upstream itself: it proves nothing */
        probe_again(breaker, 0);
}

void circuit_record_submit(struct circuit_breaker *breaker, const struct circuit_submit *submit,
                           const struct openmart_reply *reply)
{
    bool is_probe =
        submit->probe && submit->probe == breaker->probe && breaker->state == CIRCUIT_PROBING;

    if (is_probe)
        metrics_add(&metrics_mine()->circuit_probes[reply->verdict == VERDICT_DONE], 1);
    switch (reply->verdict) {
    case VERDICT_DONE:
        accepted(breaker, is_probe);
        break;
    case VERDICT_REFUSED:
        refused(breaker, is_probe, submit->n_tasks, reply->err);
        break;
    case VERDICT_RETRYABLE:
        if (reply->status == 429)
            throttled(breaker, is_probe,
                      reply->retry_after_s > 0 ? reply->retry_after_s * 1000 : 0);
        else
            lost(breaker, is_probe);
        break;
    case VERDICT_UNKNOWN:
        lost(breaker, is_probe);
        break;
    }
}

bool circuit_record_rejected(struct circuit_breaker *breaker)
{
    count(breaker, CAUSE_REJECTED);
    return breaker->cause == CAUSE_REJECTED;
}

/* ---- results of reads ---- */

void circuit_record_read(struct circuit_breaker *breaker, const struct openmart_reply *reply)
{
    int64_t now_ms = breaker->clock->now_ms;
    bool denies = reply->err == ERR_UPSTREAM_AUTH || reply->err == ERR_UPSTREAM_BANNED;
    bool is_judged = breaker->state == CIRCUIT_CHECKING || breaker->state == CIRCUIT_LATCHED ||
                     breaker->state == CIRCUIT_DRAINED;

    if (!denies || is_judged || now_ms < breaker->read_check_ms)
        return;
    breaker->read_check_ms = now_ms + CIRCUIT_READ_CHECK_MS;
    balance_check_start(&breaker->balance);
}

void circuit_record_result(struct circuit_breaker *breaker, bool understood)
{
    if (!understood) {
        count(breaker, CAUSE_UNREADABLE);
        return;
    }
    breaker->in_a_row[CAUSE_UNREADABLE] = 0;
    if (breaker->cause == CAUSE_UNREADABLE)
        circuit_close(breaker);
}
