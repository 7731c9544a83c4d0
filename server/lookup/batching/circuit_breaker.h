/* SPDX-License-Identifier: MIT */
/* circuit_breaker.h - may a submit leave now? One gate in front of the upstream, shut for one of
 * two reasons.
 *
 * Latched: the upstream said that the key is wrong (401), the credits are spent (402) or the
 * account is banned (403). Every further submit would hear the same, so none leaves until the key
 * changes, or a free look at the credit balance says that things are better. Tripped:
 * GATE_TRIP_AFTER submits, or as many reads of batches, failed in a row. An upstream in trouble
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

struct gate;

#define GATE_TRIP_AFTER    5              /* failures in a row */
#define GATE_LOOK_MS       INT64_C(5000)  /* between looks at the key file while shut */
#define GATE_TRIP_PROBE_MS INT64_C(15000) /* between probes while tripped */
#define GATE_LATCH_PROBE_MS                                                                        \
    INT64_C(60000) /* the first while latched; doubled after each that says no */
#define GATE_LATCH_LONGEST_MS INT64_C(600000)

/* Runs each time the gate shuts, from within gate_note_...(): nothing that waits will leave soon.
 */
typedef void gate_shut_fn(void *arg);

/* `key` (may be NULL) is looked at again while the gate is shut. */
struct gate *gate_new(const struct clock *clock, struct timers *timers, struct openmart *openmart,
                      struct secret *key, gate_shut_fn *shut, void *arg);
void gate_free(struct gate *gate);

/* ERR_OK when open; else why not: ERR_UPSTREAM_AUTH, ERR_CREDITS_EXHAUSTED, ERR_UPSTREAM_BANNED,
 * ERR_CIRCUIT_OPEN, ERR_PAUSED or ERR_DRAINING. `*ret_retry_after_s` is then set: when the next
 * probe is due, at least 1. */
enum err gate_check(const struct gate *gate, int *ret_retry_after_s);

/* The same without a pause, and the pause alone. */
enum err gate_state(const struct gate *gate);
bool gate_is_paused(const struct gate *gate);

/* What became of a read of a batch, and of a submit. */
void gate_note_read(struct gate *gate, const struct openmart_reply *reply);
void gate_note_submit(struct gate *gate, const struct openmart_reply *reply);

/* Shuts with ERR_PAUSED, whatever else is the case, until it is lifted. */
void gate_pause(struct gate *gate, bool paused);

/* Shuts for good, with ERR_DRAINING: the daemon stops. */
void gate_close(struct gate *gate);

/* The key changed, or the operator asked for it: open, and judge anew. */
void gate_reset(struct gate *gate);

#endif
