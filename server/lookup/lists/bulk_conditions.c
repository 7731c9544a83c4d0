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

static bool is_condition(enum err err)
{
    return err == ERR_OVERLOADED || err == ERR_CIRCUIT_OPEN || err == ERR_PAUSED ||
           err == ERR_STORAGE_UNAVAILABLE;
}

/* Returns what blocks requests that are queued already. */
static enum err blocked_by(const struct bulk *bulk)
{
    enum err err = batcher_blocked_by(bulk_engine(bulk)->batcher);

    return bulk_n_unsent(bulk) && is_condition(err) ? err : ERR_OK;
}

enum err bulk_condition(const struct bulk *bulk)
{
    bool is_entry_waiting = bulk->wait.condition && bulk->first < bulk->n;

    return is_entry_waiting ? bulk->wait.condition : blocked_by(bulk);
}

static bool has_stopped(const struct bulk *bulk, const struct bulk_stage *stage)
{
    return stage->n && stage->moved_ms + STOPPED_MS <= bulk_now_ms(bulk);
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

/* Returns before which entry those without a request end with their list, which has waited for
 * that stage: to try them one portion after the other takes long if nothing moves. A store that
 * hangs finds none of them. If it does not, those that were not looked for yet may be known. */
static size_t end_of_hopeless(const struct bulk *bulk, const struct bulk_stage *stage)
{
    bool can_be_known = stage != &bulk->idle && !bulk->list->directives.refresh;

    return can_be_known ? bulk->ahead : bulk->n;
}

/* Ends what has waited for too long. After a condition that an entry has met, or that blocks the
 * queue, the others try: each of them has a result, or meets it again. */
static void end_late(struct bulk *bulk, enum err condition)
{
    struct bulk_wait *wait = &bulk->wait;
    const struct bulk_stage *stage = bulk_condition(bulk) ? NULL : stopped_stage(bulk);

    if (!condition || bulk_now_ms(bulk) - BULK_WAIT_MAX_MS < wait->since_ms)
        return;
    wait->gave_up_on = condition;
    wait->condition = ERR_OK;
    if (stage)
        bulk_fail_waiting(bulk, end_of_hopeless(bulk, stage), condition);
    bulk_abandon(bulk, TASK_QUEUED, condition);
}

/* No-op if it waits already, unless it has given up on another condition. `condition` ERR_OK = it
 * does not know yet whether the one on which it gave up has passed. */
static void begin_wait(struct bulk *bulk, enum err condition, int64_t since_ms)
{
    struct bulk_wait *wait = &bulk->wait;
    bool is_another = wait->gave_up_on && condition && condition != wait->gave_up_on;

    if (wait->is_waiting && !is_another)
        return;
    if (is_another)
        wait->gave_up_on = ERR_OK;
    wait->is_waiting = true;
    wait->since_ms = since_ms;
    bulk->ahead = 0;
}

/* Runs every WATCH_MS, and when the next entry may try: looks at what blocks the bulk. */
static void watch(struct timer *timer)
{
    struct bulk *bulk = container_of(timer, struct bulk, watch);
    const struct bulk_stage *stage = stopped_stage(bulk);
    struct bulk_wait *wait = &bulk->wait;
    enum err condition = bulk_waits_for(bulk);

    timer_arm(&bulk_engine(bulk)->timers, timer, bulk_now_ms(bulk) + WATCH_MS, watch);
    if (condition || wait->gave_up_on)
        begin_wait(bulk, condition,
                   stage && !bulk_condition(bulk) ? stage->moved_ms : bulk_now_ms(bulk));
    else
        wait->is_waiting = false;
    end_late(bulk, condition);
    bulk_changed(bulk);
}

void bulk_watch(struct bulk *bulk)
{
    if (!timer_armed(&bulk->watch))
        timer_arm(&bulk_engine(bulk)->timers, &bulk->watch, bulk_now_ms(bulk) + WATCH_MS, watch);
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
        wait->retry_ms = bulk_now_ms(bulk) + retry_after_ms(wait, outcome->retry_after_s);
        wait->retries++;
    }
    wait->condition = outcome->err;
    begin_wait(bulk, outcome->err, bulk_now_ms(bulk));
    timer_arm(&bulk_engine(bulk)->timers, &bulk->watch, wait->retry_ms, watch);
}

bool bulk_must_wait(const struct bulk_lookup *lookup, const struct outcome *outcome)
{
    const struct bulk *bulk = lookup->bulk;

    return is_condition(outcome->err) && outcome->disposition == DISPOSITION_MISS &&
           !outcome->fallback && !bulk_charged_of(outcome) && !bulk->stopped_by &&
           outcome->err != bulk->wait.gave_up_on;
}
