/* SPDX-License-Identifier: MIT */
/* poll_timing.c - see poll_timing.h. */
#include "lookup/batching/poll_timing.h"

#include "base/backoff.h"

#define POLL_MIN_MS    250
#define POLL_MAX_MS    300000
#define BACK_OFF_MS    5000  /* to which the wait doubles for a young batch */
#define REJECTED_MS    30000 /* after 401, 402, 403, 404 in a row */
#define RETRY_AFTER_MS 30000 /* a longer Retry-After is limited to this */

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

int64_t poll_pause_ms(int64_t age_ms)
{
    return clamp(age_ms / 10, POLL_MIN_MS, POLL_MAX_MS);
}

int64_t poll_back_off_ms(int failures, int64_t age_ms, const struct openmart_reply *reply)
{
    const struct backoff backoff = {.first_ms = 1000,
                                    .max_ms = clamp(age_ms / 10, BACK_OFF_MS, POLL_MAX_MS)};
    int64_t least_ms = clamp(reply->retry_after_s * 1000, 0, RETRY_AFTER_MS);

    if (reply->verdict == VERDICT_REFUSED && failures > POLL_RETRIES)
        least_ms = REJECTED_MS;
    return backoff_ms(&backoff, failures, least_ms);
}
