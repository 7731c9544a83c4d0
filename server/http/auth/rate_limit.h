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

/* Counts one request, where `rate` requests per second are allowed, also as a burst. Returns false
 * if the limit is exceeded; *ret_wait_s is then the number of seconds until the next request is
 * allowed, at least 1. */
bool rate_limit_admits(struct rate_limit *limit, int64_t rate, int64_t now_ms, int *ret_wait_s);

#endif
