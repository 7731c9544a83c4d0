/* SPDX-License-Identifier: MIT */
/* clock.h - provides the current time, fixed for one loop iteration.
 *
 * A thread that decides by time owns a clock and calls clock_turn() once per loop iteration.
 * Everything in that iteration happens at the same instant, and a test can advance a fake clock.
 *
 * Waits and timeouts use the monotonic time, which never jumps. Only values that users or other
 * machines see (fetched_at, expiry) use the wall time. Both are int64 milliseconds. One thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct clock {
    int64_t now_ms;  /* monotonic, from an arbitrary start */
    int64_t wall_ms; /* since 1970-01-01T00:00:00Z */
    bool fake;       /* clock_turn() does not change it */
};

/* Returns a clock set to the current real time. */
struct clock clock_real(void);

/* Returns a clock that changes only by clock_advance(). */
struct clock clock_fake(int64_t wall_ms);

/* Reads the time; no-op on a fake clock. */
void clock_turn(struct clock *clock);
void clock_advance(struct clock *clock, int64_t by_ms); /* fake clocks only */

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
