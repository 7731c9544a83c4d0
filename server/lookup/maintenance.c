/* SPDX-License-Identifier: MIT */
/* maintenance.c - see maintenance.h. If the store cannot be read or written, the next run tries
 * again; nothing here is urgent. */
#include "lookup/maintenance.h"

#include "base/log.h"
#include "base/mem.h"

#include <stddef.h>

#define NEWS_MS INT64_C(1000)
#define TRIM_MS INT64_C(3600000)

/* ---- changes by other processes ---- */

static void forgotten_elsewhere(void *arg, const unsigned char key[HASH_SIZE])
{
    lookup_forget_key(arg, key);
}

/* Returns true if the value changed. */
static bool set_paused(struct housekeeping *keeping, bool paused)
{
    if (paused == keeping->paused)
        return false;
    keeping->paused = paused;
    batcher_pause(keeping->batcher, paused);
    return true;
}

static void tell_pause(const struct housekeeping *keeping)
{
    log_event(LOG_WARN, keeping->paused ? "paused" : "resumed",
              LOG_BOOL("persisted", !keeping->is_unwritten));
}

void housekeeping_look_for_pause(struct housekeeping *keeping)
{
    bool paused;

    if (keeping->is_unwritten && !store_set_paused(keeping->store, keeping->paused))
        keeping->is_unwritten = false;
    if (!keeping->is_unwritten && !store_paused(keeping->store, &paused) &&
        set_paused(keeping, paused))
        tell_pause(keeping);
}

/* Applies immediately, and is logged after it was persisted: an operator who reads the line can
 * rely on it even if the process is killed, unless the line says otherwise. */
void housekeeping_set_paused(struct housekeeping *keeping, bool paused)
{
    bool is_new = set_paused(keeping, paused);

    keeping->is_unwritten = true;
    housekeeping_look_for_pause(keeping);
    if (is_new)
        tell_pause(keeping);
}

static void look_for_news(struct timer *timer)
{
    struct housekeeping *keeping = container_of(timer, struct housekeeping, news);

    store_poll_changes(keeping->store, forgotten_elsewhere, keeping->lookups);
    housekeeping_look_for_pause(keeping);
    timer_arm(keeping->timers, &keeping->news, keeping->clock->now_ms + NEWS_MS, look_for_news);
}

/* ---- expired results ---- */

static void trim(struct timer *timer);

static void trim_in(struct housekeeping *keeping, int64_t ms)
{
    keeping->planned_ms = keeping->clock->now_ms;
    keeping->planned_wall_ms = keeping->clock->wall_ms;
    timer_arm(keeping->timers, &keeping->trim, keeping->clock->now_ms + ms, trim);
}

static bool clock_jumped(const struct housekeeping *keeping)
{
    int64_t jump_ms = (keeping->clock->wall_ms - keeping->planned_wall_ms) -
                      (keeping->clock->now_ms - keeping->planned_ms);

    return jump_ms >= TRIM_MS || jump_ms <= -TRIM_MS;
}

static void trim(struct timer *timer)
{
    struct housekeeping *keeping = container_of(timer, struct housekeeping, trim);
    bool more = false;

    if (!clock_jumped(keeping))
        store_trim(keeping->store, keeping->clock->wall_ms - keeping->keep_expired_ms, &more);
    trim_in(keeping, more ? NEWS_MS : TRIM_MS);
}

/* ---- start and stop ---- */

void housekeeping_start(struct housekeeping *keeping)
{
    housekeeping_look_for_pause(keeping);
    timer_arm(keeping->timers, &keeping->news, keeping->clock->now_ms + NEWS_MS, look_for_news);
    trim_in(keeping, TRIM_MS);
}

void housekeeping_stop(struct housekeeping *keeping)
{
    if (timer_armed(&keeping->news))
        timer_disarm(keeping->timers, &keeping->news);
    if (timer_armed(&keeping->trim))
        timer_disarm(keeping->timers, &keeping->trim);
}
