/* SPDX-License-Identifier: MIT */
/* poll_timing.h - tools and intervals for polling the upstream. Engine thread only. */
#ifndef LOOKUP_BATCHING_POLL_TIMING_H
#define LOOKUP_BATCHING_POLL_TIMING_H

#include "base/clock.h"
#include "base/timer.h"
#include "client/openmart/openmart.h"
#include "lookup/batching/circuit_breaker.h"
#include "lookup/batching/read_limiter.h"

#include <stdint.h>

/* What the collections and reads of one engine share; borrowed for their lifetime. */
struct poll_tools {
    const struct clock *clock;
    struct timers *timers;
    struct openmart *openmart;
    struct read_limiter *limiter;
    struct circuit_breaker *breaker; /* records results of reads */
    int64_t lifetime_ms;
};

#define POLL_RETRIES 3 /* quick retries; then the slow interval */

/* How long late results are awaited once the batch is ready. */
#define POLL_STRAGGLERS_MS 60000

/* Returns the time between two polls of something that is `age_ms` old and not finished. */
int64_t poll_pause_ms(int64_t age_ms);

/* Returns how long to wait after that many failures in a row: 1, 2, 4 s with up to a quarter of
 * jitter, then the slow interval; at least Retry-After, which is honoured up to 30 s. */
int64_t poll_back_off_ms(int failures, const struct openmart_reply *reply);

#endif
