/* SPDX-License-Identifier: MIT */
/* circuit_breaker.h - may a submit leave now? An open circuit blocks submits, for one of two
 * reasons.
 *
 * Latched: the upstream said that the key is wrong (401), the credits are spent (402) or the
 * account is banned (403). Every further submit would hear the same, so none leaves until the key
 * changes, or a free look at the credit balance says that things are better. Tripped:
 * CIRCUIT_TRIP_AFTER submits, or as many reads of batches, failed in a row. An upstream in trouble
 * loses answers of submits, and a lost answer may be lost money, so none leaves until a free probe
 * is answered. The probe is the credit balance in both cases: it costs nothing and proves key,
 * account and way. Reads of batches already paid for pass at all times and are only listened to.
 * Engine thread only. */
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

#define CIRCUIT_TRIP_AFTER    5              /* failures in a row */
#define CIRCUIT_LOOK_MS       INT64_C(5000)  /* between looks at the key file while open */
#define CIRCUIT_TRIP_PROBE_MS INT64_C(15000) /* between probes while tripped */
#define CIRCUIT_LATCH_PROBE_MS                                                                     \
    INT64_C(60000) /* the first while latched; doubled after each that says no */
#define CIRCUIT_LATCH_LONGEST_MS INT64_C(600000)

/* Runs each time the circuit opens, from within circuit_record_...(): nothing that waits will leave
 * soon. */
typedef void circuit_tripped_fn(void *arg);

/* `key` (may be NULL) is looked at again while the circuit is open. */
struct circuit_breaker *circuit_breaker_new(const struct clock *clock, struct timers *timers,
                                            struct openmart *openmart, struct secret *key,
                                            circuit_tripped_fn *tripped, void *arg);
void circuit_breaker_free(struct circuit_breaker *breaker);

/* ERR_OK when closed; else what opened it: ERR_UPSTREAM_AUTH, ERR_CREDITS_EXHAUSTED,
 * ERR_UPSTREAM_BANNED, ERR_CIRCUIT_OPEN, ERR_PAUSED or ERR_DRAINING. `*ret_retry_after_s` is then
 * set: when the next probe is due, at least 1. */
enum err circuit_check(const struct circuit_breaker *breaker, int *ret_retry_after_s);

/* The same without a pause, and the pause alone. */
enum err circuit_state(const struct circuit_breaker *breaker);
bool circuit_is_paused(const struct circuit_breaker *breaker);

/* What became of a read of a batch, and of a submit. */
void circuit_record_read(struct circuit_breaker *breaker, const struct openmart_reply *reply);
void circuit_record_submit(struct circuit_breaker *breaker, const struct openmart_reply *reply);

/* Blocks with ERR_PAUSED, whatever else is the case, until it is lifted. */
void circuit_pause(struct circuit_breaker *breaker, bool paused);

/* Blocks for good, with ERR_DRAINING: the daemon stops. */
void circuit_block_for_drain(struct circuit_breaker *breaker);

/* The key changed, or the operator asked for it: closes the circuit, and judges from the start. */
void circuit_reset(struct circuit_breaker *breaker);

#endif
