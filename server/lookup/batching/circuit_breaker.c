/* SPDX-License-Identifier: MIT */
/* circuit_breaker.c - the state of the circuit, its timers, and what it permits; see
 * circuit_breaker.h. */
#include "lookup/batching/circuit_state.h"

#include "base/backoff.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>

#define PAUSED_S 60 /* Retry-After while paused */

/* What opens the circuit, and how it is probed then. */
static const struct cause_row {
    const char *word;             /* in the log */
    enum err reason;              /* for callers; ERR_OK = all may wait */
    int max;                      /* events in a row until it opens; 0 = they are not counted */
    int64_t first_ms, longest_ms; /* before a probe; doubled after each that failed */
    size_t probe_tasks;
    bool oldest_first;
} causes[CAUSES] = {
    [CAUSE_LOST] = {"lost-submits", ERR_CIRCUIT_OPEN, CIRCUIT_LOST_MAX, CIRCUIT_PROBE_MS,
                    CIRCUIT_PROBE_LONGEST_MS, 1, true},
    [CAUSE_UNREADABLE] = {"unreadable-results", ERR_CIRCUIT_OPEN, CIRCUIT_UNREADABLE_MAX,
                          CIRCUIT_PROBE_MS, CIRCUIT_PROBE_LONGEST_MS, 1, true},
    /* Not the oldest, which may be another invalid lookup of the same client. */
    [CAUSE_REJECTED] = {"rejected-batches", ERR_CIRCUIT_OPEN, CIRCUIT_REJECTED_MAX,
                        CIRCUIT_PROBE_MS, CIRCUIT_PROBE_LONGEST_MS, 1, false},
    [CAUSE_THROTTLED] = {"throttled", ERR_OK, 0, CIRCUIT_THROTTLE_MS, CIRCUIT_THROTTLE_LONGEST_MS,
                         OPENMART_BATCH_MAX, false},
    [CAUSE_AUTH] = {"denied", ERR_UPSTREAM_AUTH, 0, CIRCUIT_DENIED_MS, CIRCUIT_DENIED_LONGEST_MS, 1,
                    true},
    [CAUSE_CREDITS] = {"denied", ERR_CREDITS_EXHAUSTED, 0, CIRCUIT_DENIED_MS,
                       CIRCUIT_DENIED_LONGEST_MS, 1, true},
    [CAUSE_BANNED] = {"denied", ERR_UPSTREAM_BANNED, 0, CIRCUIT_DENIED_MS,
                      CIRCUIT_DENIED_LONGEST_MS, 1, true},
};

struct circuit_breaker *circuit_breaker_new(const struct clock *clock, struct timers *timers,
                                            struct openmart *openmart, struct secret *key)
{
    struct circuit_breaker *breaker = xcalloc(1, sizeof *breaker);

    breaker->clock = clock;
    breaker->timers = timers;
    breaker->key = key;
    breaker->balance = (struct balance_check){openmart, circuit_balance_checked, breaker, NULL};
    return breaker;
}

void circuit_on_change(struct circuit_breaker *breaker, circuit_changed_fn *changed, void *arg)
{
    breaker->changed = changed;
    breaker->arg = arg;
}

void circuit_breaker_free(struct circuit_breaker *breaker)
{
    if (!breaker)
        return;
    balance_check_cancel(&breaker->balance);
    timer_disarm(breaker->timers, &breaker->due);
    timer_disarm(breaker->timers, &breaker->key_check);
    free(breaker);
}

/* ---- timers ---- */

static void is_due(struct timer *timer)
{
    struct circuit_breaker *breaker = container_of(timer, struct circuit_breaker, due);

    if (breaker->state == CIRCUIT_LATCHED)
        balance_check_start(&breaker->balance);
    else
        breaker->changed(breaker->arg);
}

static void check_key(struct timer *timer);

static void check_key_later(struct circuit_breaker *breaker)
{
    timer_arm(breaker->timers, &breaker->key_check, breaker->clock->now_ms + CIRCUIT_KEY_CHECK_MS,
              check_key);
}

static void check_key(struct timer *timer)
{
    struct circuit_breaker *breaker = container_of(timer, struct circuit_breaker, key_check);

    check_key_later(breaker);
    if (breaker->key && secret_refresh(breaker->key))
        circuit_reset(breaker);
}

static void set_timers(struct circuit_breaker *breaker)
{
    if (breaker->state == CIRCUIT_HALF_OPEN || breaker->state == CIRCUIT_LATCHED)
        timer_arm(breaker->timers, &breaker->due, breaker->due_ms, is_due);
    else
        timer_disarm(breaker->timers, &breaker->due);
    if (breaker->state == CIRCUIT_CLOSED || breaker->state == CIRCUIT_DRAINED)
        timer_disarm(breaker->timers, &breaker->key_check);
    else if (!timer_armed(&breaker->key_check))
        check_key_later(breaker);
}

/* ---- the state ---- */

static void log_opened(const struct circuit_breaker *breaker)
{
    const struct cause_row *row = &causes[breaker->cause];
    bool is_latched = breaker->state == CIRCUIT_LATCHED;

    log_event(is_latched ? LOG_ERROR : LOG_WARN, "circuit_opened", LOG_STR("cause", row->word),
              LOG_STR("reason", row->reason ? err_row(row->reason)->code : NULL),
              LOG_BOOL("confirmed", is_latched),
              LOG_INT("probe_s", clock_ceil_s(breaker->due_ms - breaker->clock->now_ms)));
}

/* Logs when the circuit opens, is latched, and closes; not each probe. */
static void log_change(const struct circuit_breaker *breaker, enum circuit_state before,
                       enum circuit_cause cause_before)
{
    bool is_open = breaker->state == CIRCUIT_HALF_OPEN || breaker->state == CIRCUIT_LATCHED;
    bool was_checked = before == CIRCUIT_CHECKING && !breaker->failures;
    bool is_latched = breaker->state == CIRCUIT_LATCHED && before != CIRCUIT_LATCHED;

    if (breaker->state == CIRCUIT_CLOSED)
        log_event(LOG_INFO, "circuit_closed", LOG_STR("cause", causes[cause_before].word));
    else if (is_open && (breaker->cause != cause_before || was_checked || is_latched))
        log_opened(breaker);
}

void circuit_set_state(struct circuit_breaker *breaker, enum circuit_state state,
                       enum circuit_cause cause, int64_t pause_ms)
{
    enum circuit_state before = breaker->state;
    enum circuit_cause cause_before = breaker->cause;

    if (before == CIRCUIT_DRAINED)
        return;
    breaker->state = state;
    breaker->cause = cause;
    breaker->due_ms = breaker->clock->now_ms + pause_ms;
    if (state == CIRCUIT_CLOSED)
        breaker->failures = 0;
    if (state != CIRCUIT_HALF_OPEN)
        breaker->credits_left = 0;
    set_timers(breaker);
    log_change(breaker, before, cause_before);
    if (state != CIRCUIT_CHECKING && state != CIRCUIT_PROBING)
        breaker->changed(breaker->arg);
}

int64_t circuit_pause_ms(enum circuit_cause cause, int failures)
{
    int64_t ms = causes[cause].first_ms;

    while (failures-- > 0 && ms < causes[cause].longest_ms)
        ms = backoff_double_ms(ms, causes[cause].longest_ms);
    return ms;
}

int circuit_limit_of(enum circuit_cause cause)
{
    return causes[cause].max;
}

void circuit_open_half(struct circuit_breaker *breaker, enum circuit_cause cause, int64_t least_ms)
{
    int64_t ms = circuit_pause_ms(cause, 0);

    breaker->failures = 0;
    breaker->credits_left = 0;
    circuit_set_state(breaker, CIRCUIT_HALF_OPEN, cause, ms > least_ms ? ms : least_ms);
}

void circuit_close(struct circuit_breaker *breaker)
{
    circuit_set_state(breaker, CIRCUIT_CLOSED, CAUSE_NONE, 0);
}

/* ---- what it permits ---- */

bool circuit_is_half_open(const struct circuit_breaker *breaker)
{
    return breaker->state == CIRCUIT_HALF_OPEN || breaker->state == CIRCUIT_PROBING;
}

enum err circuit_reason(const struct circuit_breaker *breaker)
{
    return breaker->state == CIRCUIT_DRAINED ? ERR_DRAINING : causes[breaker->cause].reason;
}

bool circuit_is_paused(const struct circuit_breaker *breaker)
{
    return breaker->paused;
}

/* Returns whether the next probe may leave. */
static bool probe_is_due(const struct circuit_breaker *breaker)
{
    return breaker->state == CIRCUIT_HALF_OPEN && breaker->clock->now_ms >= breaker->due_ms;
}

bool circuit_is_throttled(const struct circuit_breaker *breaker)
{
    return breaker->cause == CAUSE_THROTTLED && !probe_is_due(breaker);
}

enum err circuit_check(const struct circuit_breaker *breaker, int *ret_retry_after_s)
{
    int64_t left_s = clock_ceil_s(breaker->due_ms - breaker->clock->now_ms);
    enum err err = circuit_reason(breaker);

    if (breaker->paused && err != ERR_DRAINING) {
        err = ERR_PAUSED;
        left_s = PAUSED_S;
    }
    if (err && ret_retry_after_s)
        *ret_retry_after_s = left_s > 1 ? (int)left_s : 1;
    return err;
}

bool circuit_fails_waiting(const struct circuit_breaker *breaker)
{
    return breaker->paused || breaker->state == CIRCUIT_LATCHED ||
           breaker->state == CIRCUIT_DRAINED;
}

bool circuit_is_checking(const struct circuit_breaker *breaker)
{
    return breaker->state == CIRCUIT_CHECKING;
}

size_t circuit_credits_left(const struct circuit_breaker *breaker)
{
    return breaker->credits_left;
}

enum err circuit_admit(const struct circuit_breaker *breaker, int64_t wait_ms,
                       int *ret_retry_after_s)
{
    bool can_wait = wait_ms >= breaker->due_ms - breaker->clock->now_ms;

    if (!circuit_fails_waiting(breaker) && can_wait)
        return ERR_OK;
    return circuit_check(breaker, ret_retry_after_s);
}

struct circuit_permit circuit_permit(const struct circuit_breaker *breaker)
{
    const struct cause_row *row = &causes[breaker->cause];

    if (breaker->paused)
        return (struct circuit_permit){0};
    if (breaker->state == CIRCUIT_CLOSED)
        return (struct circuit_permit){.max_tasks = OPENMART_BATCH_MAX};
    if (!probe_is_due(breaker))
        return (struct circuit_permit){0};
    return (struct circuit_permit){.max_tasks = breaker->credits_left ? breaker->credits_left
                                                                      : row->probe_tasks,
                                   .oldest_first = row->oldest_first};
}

unsigned circuit_begin_submit(struct circuit_breaker *breaker)
{
    if (breaker->state != CIRCUIT_HALF_OPEN)
        return 0;
    circuit_set_state(breaker, CIRCUIT_PROBING, breaker->cause,
                      circuit_pause_ms(breaker->cause, breaker->failures + 1));
    return ++breaker->probe;
}

static bool is_probing(const struct circuit_breaker *breaker, unsigned probe)
{
    return probe && probe == breaker->probe && breaker->state == CIRCUIT_PROBING;
}

bool circuit_confirm_submit(const struct circuit_breaker *breaker, unsigned probe)
{
    return !breaker->paused && (breaker->state == CIRCUIT_CLOSED || is_probing(breaker, probe));
}

void circuit_cancel_submit(struct circuit_breaker *breaker, unsigned probe)
{
    if (is_probing(breaker, probe))
        circuit_set_state(breaker, CIRCUIT_HALF_OPEN, breaker->cause, 0);
}

/* ---- operator ---- */

void circuit_pause(struct circuit_breaker *breaker, bool paused)
{
    bool is_new = paused != breaker->paused;

    breaker->paused = paused;
    if (is_new)
        breaker->changed(breaker->arg);
}

void circuit_block_for_drain(struct circuit_breaker *breaker)
{
    balance_check_cancel(&breaker->balance);
    circuit_set_state(breaker, CIRCUIT_DRAINED, CAUSE_NONE, 0);
}

void circuit_reset(struct circuit_breaker *breaker)
{
    if (breaker->state == CIRCUIT_DRAINED)
        return;
    balance_check_cancel(&breaker->balance);
    for (size_t i = 0; i < CAUSES; i++)
        breaker->in_a_row[i] = 0;
    breaker->read_check_ms = 0;
    if (breaker->state != CIRCUIT_CLOSED)
        circuit_close(breaker);
}
