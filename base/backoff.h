/* SPDX-License-Identifier: MIT */
/* backoff.h - exponential back-off: how long to wait before a failed operation is repeated.
 *
 * The jitter keeps clients that failed at the same time from retrying at the same time. Any
 * thread. */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

/* The wait after the first failure, at least 4 ms, and the limit to which it doubles. */
struct backoff {
    int64_t first_ms, max_ms;
};

/* Returns `wait_ms` doubled, at most `max_ms`. */
int64_t backoff_double_ms(int64_t wait_ms, int64_t max_ms);

/* Returns how long to wait after `failures` (at least 1) failures in a row: the doubled wait with
 * up to a quarter of jitter, but at least `retry_after_ms`, which may be negative. */
int64_t backoff_ms(const struct backoff *backoff, int failures, int64_t retry_after_ms);

#endif
