/* SPDX-License-Identifier: MIT */
/* poll_timing.h - what those who poll the vendor share: their tools, and how long they wait between
 * two calls. Engine thread only. */
#ifndef LOOKUP_BATCHING_POLL_TIMING_H
#define LOOKUP_BATCHING_POLL_TIMING_H

#include "base/clock.h"
#include "base/timer.h"
#include "client/openmart/openmart.h"
#include "lookup/batching/circuit_breaker.h"
#include "lookup/batching/read_limiter.h"

#include <stdint.h>

/* What the collections and reads of one engine share; borrowed for their life. */
struct poll_tools {
    const struct clock *clock;
    struct timers *timers;
    struct openmart *openmart;
    struct read_limiter *limiter;
    struct circuit_breaker *breaker; /* told of every call's end */
    int64_t lifetime_ms;
};

#define POLL_RETRIES 3 /* quick ones; after that at the slow pace */

/* How long what is missing may come once the batch is ready. */
#define POLL_STRAGGLERS_MS 60000

/* Between two looks at something that is `age_ms` old and not finished. */
int64_t poll_pause_ms(int64_t age_ms);

/* After that many failures in a row: 1, 2, 4 s with up to a quarter of jitter, then the slow pace;
 * never before Retry-After, which is honoured up to 30 s. */
int64_t poll_back_off_ms(int failures, const struct openmart_reply *reply);

#endif
