/* SPDX-License-Identifier: MIT */
/* clock.h - provides the current time, fixed for one loop iteration.
 *
 * A thread that decides by time owns a clock and calls clock_turn() once per loop iteration.
 * Everything in that iteration happens at the same instant, and a test can advance a fake clock.
 *
 * Waits and timeouts use the monotonic time, which never jumps. Only values that users or other
 * machines see (fetched_at, expiry) use the wall time. Both are int64 milliseconds.
 *
 * The wall time jumps if it is set, or if the machine was suspended: the monotonic time
 * (CLOCK_MONOTONIC of Linux) stands still meanwhile. clock_turn() notices a jump of an hour or
 * more, so that the age of what happened before can be computed without it. One thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_JUMP_MS INT64_C(3600000) /* what counts as a jump, in either direction */

struct clock {
    int64_t now_ms;  /* monotonic, from an arbitrary start */
    int64_t wall_ms; /* since 1970-01-01T00:00:00Z */
    bool fake;       /* clock_turn() does not read the time */
    int64_t jump_ms; /* by how much the wall time jumped last; 0 = never */
    /* Private: */
    int64_t offset_ms;    /* wall_ms - now_ms at the last clock_turn() */
    int64_t jumped_at_ms; /* wall time of the last jump, as it would have been without it */
};

/* Returns a clock set to the current real time. */
struct clock clock_real(void);

/* Returns a clock that changes only by clock_advance(). */
struct clock clock_fake(int64_t wall_ms);

/* Reads the time, unless the clock is fake. Returns true if the wall time has jumped since the last
 * call. */
bool clock_turn(struct clock *clock);
void clock_advance(struct clock *clock, int64_t by_ms); /* fake clocks only */

/* Returns what the wall time would be without the last jump, if something that happened at
 * `then_ms` (wall time) happened before it; else the wall time. So the difference to `then_ms` is
 * the time that passed while the machine ran. */
int64_t clock_wall_since(const struct clock *clock, int64_t then_ms);

/* Converts to whole seconds, rounded down or up, also below 0. */
int64_t clock_floor_s(int64_t ms);
int64_t clock_ceil_s(int64_t ms);

/* Size of the text of clock_rfc3339() and clock_http_date(), NUL included. */
#define CLOCK_TEXT 32

/* Writes "2026-11-23T11:20:04Z"; `text` holds CLOCK_TEXT bytes. */
void clock_rfc3339(int64_t wall_ms, char *text);

/* Writes "Mon, 23 Nov 2026 11:20:04 GMT" (RFC 9110, 5.6.7); `text` holds CLOCK_TEXT bytes. */
void clock_http_date(int64_t wall_ms, char *text);

#endif
