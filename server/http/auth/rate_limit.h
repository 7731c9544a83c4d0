/* SPDX-License-Identifier: MIT */
/* rate_limit.h - reference-counted rate limit of one client, in one atomic number.
 *
 * The generic cell rate algorithm with a burst of one second's requests. Any thread. */
#ifndef HTTP_AUTH_RATE_LIMIT_H
#define HTTP_AUTH_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct rate_limit;

struct rate_limit *rate_limit_new(void);
struct rate_limit *rate_limit_ref(struct rate_limit *limit);
void rate_limit_unref(struct rate_limit *limit);

/* Seconds after which a client over its limit may send again: the real wait, rounded up. Because a
 * burst is one second's requests, it is never longer. */
#define RATE_LIMIT_WAIT_S 1

/* Counts one request, where `rate` requests per second are allowed, also as a burst. Returns false
 * if the limit is exceeded. */
bool rate_limit_admits(struct rate_limit *limit, int64_t rate, int64_t now_ms);

#endif
