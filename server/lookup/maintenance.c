/* SPDX-License-Identifier: MIT */
/* maintenance.c - see maintenance.h. If the store cannot be read or written, the next run tries
 * again; nothing here is urgent. */
#include "lookup/maintenance.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "lookup/batching/batcher.h"
#include "lookup/records/results.h"
#include "lookup/resolver.h"
#include "store/store.h"

#include <stddef.h>

#define POLL_MS     INT64_C(1000)
#define TRIM_MS     INT64_C(3600000)
#define DAY_MS      INT64_C(86400000)
#define KEEP_RAW_MS (90 * DAY_MS)

/* ---- changes by other processes ---- */

static void deleted_elsewhere(void *arg, const unsigned char key[HASH_SIZE])
{
    results_forget_key(arg, key);
}

/* Returns true if the value changed. */
static bool set_paused(struct maintenance *maintenance, bool paused)
{
    if (paused == maintenance->paused)
        return false;
    maintenance->paused = paused;
    batcher_pause(maintenance->batcher, paused);
    return true;
}

static void log_pause(const struct maintenance *maintenance)
{
    log_event(
        LOG_WARN, maintenance->paused ? "paused" : "resumed",
        LOG_BOOL("persisted", !maintenance->is_unwritten && store_is_durable(maintenance->store)));
}

void maintenance_read_pause(struct maintenance *maintenance)
{
    bool paused;

    if (maintenance->is_unwritten && !store_set_paused(maintenance->store, maintenance->paused))
        maintenance->is_unwritten = false;
    if (!maintenance->is_unwritten && !store_paused(maintenance->store, &paused) &&
        set_paused(maintenance, paused))
        log_pause(maintenance);
}

/* Applies immediately, and is logged after it was persisted: an operator who reads the line can
 * rely on it even if the process is killed, unless the line says otherwise. */
void maintenance_set_paused(struct maintenance *maintenance, bool paused)
{
    bool is_new = set_paused(maintenance, paused);

    maintenance->is_unwritten = true;
    maintenance_read_pause(maintenance);
    if (is_new)
        log_pause(maintenance);
}

/* Not while the journal has results queued: reading the changes confirms them to `emailsd forget`,
 * which then deletes a second time, and that must reach these results too. */
static void poll_changes(struct timer *timer)
{
    struct maintenance *maintenance = container_of(timer, struct maintenance, poll);

    if (!journal_check(maintenance->results->journal))
        store_poll_changes(maintenance->store, deleted_elsewhere, maintenance->results);
    if (!journal_check(maintenance->results->journal))
        resolver_read_store(maintenance->resolver);
    maintenance_read_pause(maintenance);
    timer_arm(maintenance->timers, &maintenance->poll, maintenance->clock->now_ms + POLL_MS,
              poll_changes);
}

/* ---- age ---- */

static void trim(struct timer *timer);

static void trim_in(struct maintenance *maintenance, int64_t ms)
{
    timer_arm(maintenance->timers, &maintenance->trim, maintenance->clock->now_ms + ms, trim);
}

/* If the wall clock jumped ahead, results expire by the time before the jump: nothing is deleted
 * because of the jump alone. */
static int64_t earliest_wall_ms(const struct clock *clock)
{
    return clock->jump_ms > 0 ? clock->wall_ms - clock->jump_ms : clock->wall_ms;
}

static void trim(struct timer *timer)
{
    struct maintenance *maintenance = container_of(timer, struct maintenance, trim);
    int64_t wall_ms = earliest_wall_ms(maintenance->clock);
    const struct store_ages ages = {.expired_before_ms = wall_ms - maintenance->keep_expired_ms,
                                    .raw_before_ms = wall_ms - KEEP_RAW_MS,
                                    .day = wall_ms / DAY_MS};
    bool more = false;

    store_trim(maintenance->store, &ages, &more);
    trim_in(maintenance, more ? POLL_MS : TRIM_MS);
}

/* ---- start and stop ---- */

void maintenance_start(struct maintenance *maintenance)
{
    maintenance_read_pause(maintenance);
    timer_arm(maintenance->timers, &maintenance->poll, maintenance->clock->now_ms + POLL_MS,
              poll_changes);
    trim_in(maintenance, TRIM_MS);
}

void maintenance_stop(struct maintenance *maintenance)
{
    timer_disarm(maintenance->timers, &maintenance->poll);
    timer_disarm(maintenance->timers, &maintenance->trim);
}
