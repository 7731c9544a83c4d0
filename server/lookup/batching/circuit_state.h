/* SPDX-License-Identifier: MIT */
/* circuit_state.h - private state of the circuit breaker, shared by circuit_breaker.c, which holds
 * the state and says what it permits, and circuit_results.c, which decides what results mean for
 * it. */
#ifndef LOOKUP_BATCHING_CIRCUIT_STATE_H
#define LOOKUP_BATCHING_CIRCUIT_STATE_H

#include "lookup/batching/balance_check.h"
#include "lookup/batching/circuit_breaker.h"

enum circuit_state {
    CIRCUIT_CLOSED,    /* submits leave */
    CIRCUIT_CHECKING,  /* a submit was denied: the balance is read first, and nothing leaves */
    CIRCUIT_HALF_OPEN, /* one small submit may leave once `due_ms` has come */
    CIRCUIT_PROBING,   /* it is in flight */
    CIRCUIT_LATCHED,   /* the balance confirmed the denial; it is read again at `due_ms` */
    CIRCUIT_DRAINED,   /* permanent */
};

enum circuit_cause {
    CAUSE_NONE,
    CAUSE_LOST,       /* submits with an unknown outcome, or that could not be sent */
    CAUSE_UNREADABLE, /* results that could not be understood */
    CAUSE_REJECTED,   /* batches that were rejected as a whole */
    CAUSE_THROTTLED,  /* 429 */
    CAUSE_AUTH,       /* 401 */
    CAUSE_CREDITS,    /* 402 */
    CAUSE_BANNED,     /* 403 */
    CAUSES
};

struct circuit_breaker {
    const struct clock *clock;
    struct timers *timers;
    struct secret *key;
    circuit_changed_fn *changed;
    void *arg;
    enum circuit_state state; /* changes in circuit_set_state() only, and so does the cause */
    enum circuit_cause cause;
    bool paused;           /* by the operator: hides the state while it lasts */
    int64_t due_ms;        /* of the next probe, or the next check of the balance */
    int failures;          /* probes that failed, or checks that confirmed, since it opened */
    unsigned probe;        /* number of the last probe */
    int in_a_row[CAUSES];  /* events that count towards a cause */
    size_t denied_tasks;   /* of the submit that was denied last */
    size_t credits_left;   /* see circuit_credits_left() */
    int64_t read_check_ms; /* no check because of a read before this time */
    struct timer due, key_check;
    struct balance_check balance;
};

/* Changes the state; `pause_ms` is the time until the next probe or check. Runs the callback,
 * unless the change concerns no waiting task. No-op once drained. */
void circuit_set_state(struct circuit_breaker *breaker, enum circuit_state state,
                       enum circuit_cause cause, int64_t pause_ms);

/* Opens the circuit half, with the shortest pause of the cause, but at least `least_ms`. */
void circuit_open_half(struct circuit_breaker *breaker, enum circuit_cause cause, int64_t least_ms);

void circuit_close(struct circuit_breaker *breaker);

/* Returns the pause before a probe, or a check of the balance, after `failures` failed ones. */
int64_t circuit_pause_ms(enum circuit_cause cause, int failures);

/* Returns how many events in a row open the circuit. */
int circuit_limit_of(enum circuit_cause cause);

bool circuit_is_half_open(const struct circuit_breaker *breaker);

/* The callback of `balance`. */
void circuit_balance_checked(void *arg, const struct balance_answer *answer);

#endif
