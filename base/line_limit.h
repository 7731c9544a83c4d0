/* SPDX-License-Identifier: MIT */
/* line_limit.h - limits the log lines of one kind, which clients can cause at will.
 *
 * At most LINE_LIMIT lines are written in each second. The others are counted, and the caller logs
 * their number once, in a later second. One atomic number, shared by all threads. Any thread. */
#ifndef BASE_LINE_LIMIT_H
#define BASE_LINE_LIMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LINE_LIMIT 20 /* lines per second */

/* Zeroed: no line yet. */
struct line_limit {
    atomic_uint_fast64_t state; /* the second, and in the lower 32 bits its lines */
};

/* Counts a line; returns whether to write it. `now_ms` is monotonic. Call line_limit_take()
 * before. */
bool line_limit_admits(struct line_limit *limit, int64_t now_ms);

/* Returns how many lines were left out in a second before that of `now_ms`, if no call has returned
 * them before; else 0. */
uint32_t line_limit_take(struct line_limit *limit, int64_t now_ms);

/* Returns whether lines were left out that no call has returned yet. */
bool line_limit_is_exceeded(const struct line_limit *limit);

#endif
