/* SPDX-License-Identifier: MIT */
/* poll_timing.h - tools and intervals for polling the upstream.
 *
 * All intervals grow with the age of the batch, to minutes: a young batch is answered quickly, and
 * an old one, which is not given up before its lifetime is over, costs next to nothing. Engine
 * thread only. */
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
    int64_t lifetime_ms;             /* how long a batch is polled after its submit */
};

#define POLL_RETRIES 3 /* quick retries; then the slow interval */

/* How long late results are awaited once the batch is ready. */
#define POLL_STRAGGLERS_MS 3600000

/* Returns the time between two polls of a batch that is `age_ms` old: a tenth of it, between 250 ms
 * and 5 min. */
int64_t poll_pause_ms(int64_t age_ms);

/* Returns how long to wait after that many failures in a row: 1, 2, 4 s with up to a quarter of
 * jitter, up to the interval of that age but at least 5 s. At least Retry-After, which is honoured
 * up to 30 s, and at least 30 s if the upstream keeps rejecting. */
int64_t poll_back_off_ms(int failures, int64_t age_ms, const struct openmart_reply *reply);

#endif
