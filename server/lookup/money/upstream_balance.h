/* SPDX-License-Identifier: MIT */
/* upstream_balance.h - reads the upstream's credit balance periodically, so that operators see it
 * run low before the upstream returns 402.
 *
 * The read is free. The balance is exposed in the metrics and logged, but does not affect lookups:
 * an unlimited key shows a constant, and other users of the account change it too. Engine thread
 * only. */
#ifndef LOOKUP_MONEY_UPSTREAM_BALANCE_H
#define LOOKUP_MONEY_UPSTREAM_BALANCE_H

#include "base/clock.h"
#include "base/timer.h"
#include "client/openmart/openmart.h"

#include <stdint.h>

/* Embedded in the engine, which sets the first four members; they are borrowed. */
struct upstream_balance {
    const struct clock *clock;
    struct timers *timers;
    struct openmart *openmart;
    int64_t every_ms; /* 0 = never */
    /* Private: */
    struct timer due;
    struct openmart_call *call;
};

void upstream_balance_start(struct upstream_balance *balance);
void upstream_balance_stop(struct upstream_balance *balance); /* no-op if not started */

#endif
