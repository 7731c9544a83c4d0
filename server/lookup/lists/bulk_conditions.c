/* SPDX-License-Identifier: MIT */
/* bulk_conditions.c - what a bulk waits for, and for how long.
 *
 * An entry that meets a passing condition waits again, and so does the bulk: one entry at a time
 * tries whether it is over. It also waits if something blocks the queue, if other lookups use the
 * slots for long, or if the store does not return. After BULK_WAIT_MAX_MS, entries end with what
 * they wait for. */
#include "base/clock.h"
#include "base/mem.h"
#include "lookup/lists/bulk_state.h"

#define RETRY_MIN_S 1
#define RETRY_MAX_S 15
#define WATCH_MS    (RETRY_MAX_S * INT64_C(1000))
#define STOPPED_MS  INT64_C(300000) /* several lists may take turns within that time */

static struct engine *engine_of(const struct bulk *bulk)
{
    return bulk->owner->engine;
}

static int64_t now_ms(const struct bulk *bulk)
{
    return engine_of(bulk)->clock.now_ms;
}

static bool is_condition(enum err err)
{
    return err == ERR_OVERLOADED || err == ERR_CIRCUIT_OPEN || err == ERR_PAUSED ||
           err == ERR_STORAGE_UNAVAILABLE;
}

/* Returns what blocks requests that are queued already. */
static enum err blocked_by(const struct bulk *bulk)
{
    enum err err = batcher_blocked_by(engine_of(bulk)->batcher);

    return bulk_n_unsent(bulk) && is_condition(err) ? err : ERR_OK;
}

enum err bulk_condition(const struct bulk *bulk)
{
    bool is_entry_waiting = bulk->wait.condition && bulk->first < bulk->n;

    return is_entry_waiting ? bulk->wait.condition : blocked_by(bulk);
}

static bool has_stopped(const struct bulk *bulk, const struct bulk_stage *stage)
{
    return stage->n && stage->moved_ms + STOPPED_MS <= now_ms(bulk);
}

/* Returns where its requests have waited for long, for slots or for the store; NULL = nowhere. */
static const struct bulk_stage *stopped_stage(const struct bulk *bulk)
{
    return has_stopped(bulk, &bulk->queued) ? &bulk->queued
           : has_stopped(bulk, &bulk->idle) ? &bulk->idle
                                            : NULL;
}

enum err bulk_waits_for(const struct bulk *bulk)
{
    const struct bulk_stage *stage = stopped_stage(bulk);
    enum err condition = bulk_condition(bulk);

    return condition || !stage      ? condition
           : stage == &bulk->queued ? ERR_OVERLOADED
                                    : ERR_STORAGE_UNAVAILABLE;
}

/* Ends what has waited for too long. What waits for slots or for the store is looked at again each
 * WATCH_MS, until a request moves. */
static void end_late(struct bulk *bulk, enum err condition)
{
    struct bulk_wait *wait = &bulk->wait;
    int64_t late_ms = now_ms(bulk) - BULK_WAIT_MAX_MS;

    if (condition && wait->since_ms <= late_ms) {
        wait->has_given_up = true;
        wait->condition = ERR_OK;
        bulk_abandon(bulk, TASK_QUEUED, condition);
    }
}

/* No-op if it waits already. */
static void begin_wait(struct bulk *bulk, int64_t since_ms)
{
    if (bulk->wait.is_waiting)
        return;
    bulk->wait.is_waiting = true;
    bulk->wait.since_ms = since_ms;
    bulk->ahead = 0;
}

/* Runs every WATCH_MS, and when the next entry may try: looks at what blocks the bulk. */
static void watch(struct timer *timer)
{
    struct bulk *bulk = container_of(timer, struct bulk, watch);
    const struct bulk_stage *stage = stopped_stage(bulk);
    struct bulk_wait *wait = &bulk->wait;
    enum err condition = bulk_waits_for(bulk);

    timer_arm(&engine_of(bulk)->timers, timer, now_ms(bulk) + WATCH_MS, watch);
    if (condition || wait->has_given_up)
        begin_wait(bulk, stage && !bulk_condition(bulk) ? stage->moved_ms : now_ms(bulk));
    else
        wait->is_waiting = false;
    end_late(bulk, condition);
    bulk_changed(bulk);
}

void bulk_watch(struct bulk *bulk)
{
    if (!timer_armed(&bulk->watch))
        timer_arm(&engine_of(bulk)->timers, &bulk->watch, now_ms(bulk) + WATCH_MS, watch);
}

/* Returns the pause before the next attempt: the advice, within limits, or else longer each
 * time. */
static int64_t retry_after_ms(const struct bulk_wait *wait, int advice_s)
{
    int s = advice_s ? advice_s : RETRY_MIN_S << (wait->retries < 4 ? wait->retries : 4);

    return (s < RETRY_MIN_S ? RETRY_MIN_S : s > RETRY_MAX_S ? RETRY_MAX_S : s) * INT64_C(1000);
}

void bulk_wait_for_condition(const struct bulk_lookup *lookup, const struct outcome *outcome)
{
    struct bulk *bulk = lookup->bulk;
    struct bulk_wait *wait = &bulk->wait;

    if (lookup->is_ahead && wait->condition)
        return; /* another entry tries */
    if (!wait->condition || lookup->is_trying) {
        wait->retry_ms = now_ms(bulk) + retry_after_ms(wait, outcome->retry_after_s);
        wait->retries++;
    }
    wait->condition = outcome->err;
    begin_wait(bulk, now_ms(bulk));
    timer_arm(&engine_of(bulk)->timers, &bulk->watch, wait->retry_ms, watch);
}

bool bulk_must_wait(const struct bulk_lookup *lookup, const struct outcome *outcome)
{
    const struct bulk *bulk = lookup->bulk;

    return is_condition(outcome->err) && outcome->disposition == DISPOSITION_MISS &&
           !outcome->fallback && !bulk_charged_of(outcome) && !bulk->stopped_by &&
           !bulk->wait.has_given_up;
}
