/* SPDX-License-Identifier: MIT */
/* upstream_balance.h - reads the vendor's credit balance now and then, so that people see it run
 * low before the vendor says 402.
 *
 * The read is free. What it says is shown, in the metrics and in the log, and decides nothing: an
 * unlimited key shows a constant, and other users of the account move it too. Engine thread only.
 */
#ifndef LOOKUP_MONEY_UPSTREAM_BALANCE_H
#define LOOKUP_MONEY_UPSTREAM_BALANCE_H

#include "base/clock.h"
#include "base/timer.h"
#include "client/openmart/openmart.h"

#include <stdint.h>

/* Embedded in the engine; the first four are set by it and borrowed. */
struct balance {
    const struct clock *clock;
    struct timers *timers;
    struct openmart *openmart;
    int64_t every_ms; /* 0 = never */
    /* Its own: */
    struct timer due;
    struct openmart_call *call;
};

void balance_start(struct balance *balance);
void balance_stop(struct balance *balance); /* fine when it was not started */

#endif
