/* SPDX-License-Identifier: MIT */
/* circuit_breaker.h - circuit breaker in front of the upstream: while open, no submit leaves.
 *
 * Latched: the upstream reported that the key is wrong (401), the credits are exhausted (402) or
 * the account is banned (403). Every further submit would fail the same way, so the circuit stays
 * open until the key changes or a probe succeeds.
 *
 * Tripped: CIRCUIT_TRIP_AFTER submits, or as many reads of batches, failed in a row. A failing
 * upstream loses responses to submits, and a lost response may be lost money, so the circuit stays
 * open until a probe succeeds.
 *
 * The probe reads the credit balance: that is free and tests key, account and connection. Reads of
 * paid batches always pass and are only observed. Engine thread only. */
#ifndef LOOKUP_BATCHING_CIRCUIT_BREAKER_H
#define LOOKUP_BATCHING_CIRCUIT_BREAKER_H

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/timer.h"
#include "client/openmart/openmart.h"

#include <stdbool.h>
#include <stdint.h>

struct circuit_breaker;

#define CIRCUIT_TRIP_AFTER       5              /* failures in a row */
#define CIRCUIT_CHECK_MS         INT64_C(5000)  /* between checks of the key file while open */
#define CIRCUIT_TRIP_PROBE_MS    INT64_C(15000) /* between probes while tripped */
#define CIRCUIT_LATCH_PROBE_MS   INT64_C(60000) /* the first while latched; then doubled */
#define CIRCUIT_LATCH_LONGEST_MS INT64_C(600000)

/* Runs each time the circuit opens, inside the call that opens it: waiting tasks will not be
 * submitted soon. */
typedef void circuit_tripped_fn(void *arg);

/* `key` (may be NULL) is re-read while the circuit is open. All pointers are borrowed. */
struct circuit_breaker *circuit_breaker_new(const struct clock *clock, struct timers *timers,
                                            struct openmart *openmart, struct secret *key,
                                            circuit_tripped_fn *tripped, void *arg);

/* Cancels a probe in flight. NULL is a no-op. */
void circuit_breaker_free(struct circuit_breaker *breaker);

/* Returns ERR_OK if closed, else the reason: ERR_UPSTREAM_AUTH, ERR_CREDITS_EXHAUSTED,
 * ERR_UPSTREAM_BANNED, ERR_CIRCUIT_OPEN, ERR_PAUSED or ERR_DRAINING. *ret_retry_after_s is then the
 * number of seconds until the next probe, at least 1, or a fixed time for ERR_PAUSED; it may be
 * NULL. */
enum err circuit_check(const struct circuit_breaker *breaker, int *ret_retry_after_s);

/* Return the state without a pause, and the pause alone. */
enum err circuit_state(const struct circuit_breaker *breaker);
bool circuit_is_paused(const struct circuit_breaker *breaker);

/* Record the result of a read of a batch, and of a submit. */
void circuit_record_read(struct circuit_breaker *breaker, const struct openmart_reply *reply);
void circuit_record_submit(struct circuit_breaker *breaker, const struct openmart_reply *reply);

/* Records whether the result of a task that has ended could be understood. */
void circuit_record_result(struct circuit_breaker *breaker, bool understood);

/* Blocks with ERR_PAUSED until the pause is lifted; any other state but ERR_DRAINING is hidden
 * meanwhile. */
void circuit_pause(struct circuit_breaker *breaker, bool paused);

/* Blocks permanently with ERR_DRAINING, because the daemon stops. */
void circuit_block_for_drain(struct circuit_breaker *breaker);

/* Closes the circuit and resets the probe intervals, because the key changed or the operator asked
 * for it. No-op after circuit_block_for_drain(). */
void circuit_reset(struct circuit_breaker *breaker);

#endif
