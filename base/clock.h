/* SPDX-License-Identifier: MIT */
/* clock.h - what time it is, fixed for one turn of a loop.
 *
 * A thread that decides by time owns a clock and calls clock_turn() once per turn of its loop; all
 * that happens in the turn happens at the same instant, and a test can move a fake clock by hand.
 * Waits and time-outs use the monotonic time, which never jumps; only what people or other machines
 * see (fetched_at, expiry) uses the wall time. Both are int64 milliseconds: good past the year
 * 2106. A clock belongs to one thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct clock {
    int64_t now_ms;  /* monotonic, since some start of its own */
    int64_t wall_ms; /* since 1970-01-01T00:00:00Z */
    bool fake;       /* clock_turn() leaves it alone */
};

/* A clock that shows the real time, turned once. */
struct clock clock_real(void);

/* A clock that stands still until clock_advance(). */
struct clock clock_fake(int64_t wall_ms);

void clock_turn(struct clock *clock);
void clock_advance(struct clock *clock, int64_t by_ms); /* fake clocks only */

/* Room for clock_rfc3339() and clock_http_date(), NUL included. */
#define CLOCK_TEXT 32

/* "2026-11-23T11:20:04Z"; `text` holds CLOCK_TEXT bytes. */
void clock_rfc3339(int64_t wall_ms, char *text);

/* "Mon, 23 Nov 2026 11:20:04 GMT" (RFC 9110, 5.6.7); `text` holds CLOCK_TEXT bytes. */
void clock_http_date(int64_t wall_ms, char *text);

#endif
