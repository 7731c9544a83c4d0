/* SPDX-License-Identifier: MIT */
/* rate_limit.h - how fast somebody asks, in one atomic number, with counted references.
 *
 * The generic cell rate algorithm, with as much in advance as one second allows. Any thread. */
#ifndef HTTP_AUTH_RATE_LIMIT_H
#define HTTP_AUTH_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct rate_limit;

struct rate_limit *rate_limit_new(void);
struct rate_limit *rate_limit_ref(struct rate_limit *limit);
void rate_limit_unref(struct rate_limit *limit);

/* Takes one request into account, where `rate` a second are allowed, and as many at once. False
 * when it comes too soon; *ret_wait_s is then when one may come again, at least 1. */
bool rate_limit_admits(struct rate_limit *limit, int64_t rate, int64_t now_ms, int *ret_wait_s);

#endif
