/* SPDX-License-Identifier: MIT */
/* clock.c - see clock.h. Does not use strftime(), whose names of days and months depend on the
 * locale. */
#include "base/clock.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void read_time(struct clock *clock)
{
    clock->now_ms = read_ms(CLOCK_MONOTONIC);
    clock->wall_ms = read_ms(CLOCK_REALTIME);
}

struct clock clock_real(void)
{
    struct clock clock = {0};

    read_time(&clock);
    clock.offset_ms = clock.wall_ms - clock.now_ms;
    return clock;
}

struct clock clock_fake(int64_t wall_ms)
{
    const int64_t start_ms = 1000;

    return (struct clock){
        .now_ms = start_ms, .wall_ms = wall_ms, .fake = true, .offset_ms = wall_ms - start_ms};
}

bool clock_turn(struct clock *clock)
{
    if (!clock->fake)
        read_time(clock);
    int64_t offset_ms = clock->wall_ms - clock->now_ms;
    int64_t by_ms = offset_ms - clock->offset_ms;
    clock->offset_ms = offset_ms;
    if (by_ms > -CLOCK_JUMP_MS && by_ms < CLOCK_JUMP_MS)
        return false;
    clock->jump_ms = by_ms;
    clock->jumped_at_ms = clock->wall_ms - by_ms;
    return true;
}

/* After a jump forward, nothing has happened between the two wall times. After a jump back, what
 * happened later than now happened before the jump; the rest needs no correction. */
int64_t clock_wall_since(const struct clock *clock, int64_t then_ms)
{
    bool is_before = clock->jump_ms > 0 ? then_ms <= clock->jumped_at_ms : then_ms > clock->wall_ms;

    return clock->jump_ms && is_before ? clock->wall_ms - clock->jump_ms : clock->wall_ms;
}

void clock_advance(struct clock *clock, int64_t by_ms)
{
    assert(clock->fake && by_ms >= 0);
    clock->now_ms += by_ms;
    clock->wall_ms += by_ms;
}

int64_t clock_floor_s(int64_t ms)
{
    return ms / 1000 - (ms % 1000 < 0);
}

int64_t clock_ceil_s(int64_t ms)
{
    return ms / 1000 + (ms % 1000 > 0);
}

static struct tm utc(int64_t wall_ms)
{
    time_t seconds = (time_t)clock_floor_s(wall_ms);
    struct tm tm = {0};

    gmtime_r(&seconds, &tm);
    return tm;
}

void clock_rfc3339(int64_t wall_ms, char *text)
{
    struct tm tm = utc(wall_ms);

    snprintf(text, CLOCK_TEXT, "%04d-%02d-%02dT%02d:%02d:%02dZ", (tm.tm_year + 1900) % 10000,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void clock_http_date(int64_t wall_ms, char *text)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm = utc(wall_ms);

    snprintf(text, CLOCK_TEXT, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday % 7],
             tm.tm_mday, months[tm.tm_mon % 12], (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min,
             tm.tm_sec);
}
