/* SPDX-License-Identifier: MIT */
/* circuit_breaker.h - circuit breaker in front of the upstream: how much may be submitted now.
 *
 *     CLOSED --> CHECKING --> LATCHED
 *        |          |            |
 *        v          v            |
 *     HALF_OPEN <----------------+
 *        |  ^
 *        v  |
 *     PROBING --> CLOSED
 *
 * It opens half after submits whose outcome is unknown, results that cannot be understood, batches
 * that are rejected as a whole, and 429. Then one small submit, the probe, may leave from time to
 * time. Only its success closes the circuit: a read proves nothing about submits. So an upstream
 * that loses every response costs one credit per probe.
 *
 * If a submit gets 401, 402 or 403, nothing leaves until the balance was read. If the balance
 * confirms it, the circuit is latched: submits would only fail. If it does not, or cannot be read,
 * a probe decides. Reads of batches never stop submits. A read that gets 401 or 403 only starts a
 * check of the balance; only if that is denied too, the circuit is latched.
 *
 * While the circuit is open, waiting tasks stay queued, unless it is latched. Engine thread
 * only. */
#ifndef LOOKUP_BATCHING_CIRCUIT_BREAKER_H
#define LOOKUP_BATCHING_CIRCUIT_BREAKER_H

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/timer.h"
#include "client/openmart/openmart.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct circuit_breaker;

#define CIRCUIT_LOST_MAX       5 /* submits with an unknown outcome in a row */
#define CIRCUIT_UNREADABLE_MAX 5 /* results in a row that could not be understood */
#define CIRCUIT_REJECTED_MAX   2 /* batches in a row that were rejected as a whole */
#define CIRCUIT_THROTTLED_MAX  3 /* 429 in a row until the balance is read */

#define CIRCUIT_PROBE_MS            INT64_C(15000) /* before the first probe; then doubled */
#define CIRCUIT_PROBE_LONGEST_MS    INT64_C(60000)
#define CIRCUIT_DENIED_MS           INT64_C(60000) /* the same after 401, 402 or 403 */
#define CIRCUIT_DENIED_LONGEST_MS   INT64_C(600000)
#define CIRCUIT_THROTTLE_MS         INT64_C(1000) /* the same after 429 */
#define CIRCUIT_THROTTLE_LONGEST_MS INT64_C(60000)
#define CIRCUIT_KEY_CHECK_MS        INT64_C(5000)  /* between checks of the key file while open */
#define CIRCUIT_READ_CHECK_MS       INT64_C(15000) /* between balance checks caused by reads */

/* Runs after a change that may concern waiting tasks: if circuit_fails_waiting(), they must end;
 * else circuit_permit() may have changed. May run inside every function below that is not const. */
typedef void circuit_changed_fn(void *arg);

/* `key` (may be NULL) is re-read while the circuit is open. All pointers are borrowed. */
struct circuit_breaker *circuit_breaker_new(const struct clock *clock, struct timers *timers,
                                            struct openmart *openmart, struct secret *key);

/* Sets the callback; before any other call. */
void circuit_on_change(struct circuit_breaker *breaker, circuit_changed_fn *changed, void *arg);

/* Cancels a check in flight. NULL is a no-op. */
void circuit_breaker_free(struct circuit_breaker *breaker);

/* ---- status ---- */

/* Returns ERR_OK if the circuit is closed, or only waits because of 429. Else returns the reason:
 * ERR_UPSTREAM_AUTH, ERR_CREDITS_EXHAUSTED, ERR_UPSTREAM_BANNED, ERR_CIRCUIT_OPEN, ERR_PAUSED or
 * ERR_DRAINING. *ret_retry_after_s is then the number of seconds until the next probe, at least 1,
 * or a fixed time for ERR_PAUSED; it may be NULL. */
enum err circuit_check(const struct circuit_breaker *breaker, int *ret_retry_after_s);

/* The detail of ERR_CREDITS_EXHAUSTED if the upstream reports it, and not the daily limit. */
#define UPSTREAM_CREDITS_DETAIL                                                                    \
    "the upstream says that the account behind the server's API key has no credits"

/* Return the reason without a pause, and the pause alone. */
enum err circuit_reason(const struct circuit_breaker *breaker);
bool circuit_is_paused(const struct circuit_breaker *breaker);

/* Returns whether no submit may leave now because of 429. */
bool circuit_is_throttled(const struct circuit_breaker *breaker);

/* ---- tasks that wait ---- */

/* Returns ERR_OK if a task may be queued whose caller waits that long; else as circuit_check(). A
 * caller must be able to wait until the next probe. */
enum err circuit_admit(const struct circuit_breaker *breaker, int64_t wait_ms,
                       int *ret_retry_after_s);

/* Returns whether tasks that wait for a submit must end: while latched, paused or drained. */
bool circuit_fails_waiting(const struct circuit_breaker *breaker);

/* Returns whether the balance is being checked because of 401, 402 or 403. */
bool circuit_is_checking(const struct circuit_breaker *breaker);

/* Returns the credits that are left after a 402, if fewer than the rejected batch had tasks;
 * else 0. */
size_t circuit_credits_left(const struct circuit_breaker *breaker);

/* ---- submits ---- */

/* How much the next submit may carry. */
struct circuit_permit {
    size_t max_tasks;  /* 0 = none may leave; OPENMART_BATCH_MAX = no limit by the circuit */
    bool oldest_first; /* the oldest tasks, not those of the client whose turn it is */
};
struct circuit_permit circuit_permit(const struct circuit_breaker *breaker);

/* Notes that a permitted submit leaves soon. Returns the number of the probe, or 0 if it is not
 * one. */
unsigned circuit_begin_submit(struct circuit_breaker *breaker);

/* Returns whether it may still leave. `probe` is what circuit_begin_submit() returned. */
bool circuit_confirm_submit(const struct circuit_breaker *breaker, unsigned probe);

/* Notes that it does not leave. If it was the probe, another one may leave now. */
void circuit_cancel_submit(struct circuit_breaker *breaker, unsigned probe);

/* Records the result of a submit. */
struct circuit_submit {
    size_t n_tasks;
    unsigned probe; /* from circuit_begin_submit() */
};
void circuit_record_submit(struct circuit_breaker *breaker, const struct circuit_submit *submit,
                           const struct openmart_reply *reply);

/* Records that all parts of a rejected batch were rejected with the same message. Returns whether
 * the circuit is open because of such batches. */
bool circuit_record_rejected(struct circuit_breaker *breaker);

/* ---- reads ---- */

/* Records the result of a read of a batch or a task. */
void circuit_record_read(struct circuit_breaker *breaker, const struct openmart_reply *reply);

/* Records whether the result of a task that has ended could be understood. */
void circuit_record_result(struct circuit_breaker *breaker, bool understood);

/* ---- operator ---- */

/* Blocks with ERR_PAUSED until the pause is lifted; any other state but ERR_DRAINING is hidden
 * meanwhile. */
void circuit_pause(struct circuit_breaker *breaker, bool paused);

/* Blocks permanently with ERR_DRAINING, because the daemon stops. */
void circuit_block_for_drain(struct circuit_breaker *breaker);

/* Closes the circuit and resets the probe intervals, because the key changed or the operator asked
 * for it. No-op after circuit_block_for_drain(). */
void circuit_reset(struct circuit_breaker *breaker);

#endif
