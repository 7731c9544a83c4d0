/* SPDX-License-Identifier: MIT */
/* read_limiter.c - a ring buffer of start times: a read may start once the one `per_second` reads
 * before it is a second old. Unlike a token bucket, this keeps the limit over every window of a
 * second and still lets a short burst start immediately. */
#include "lookup/batching/read_limiter.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

#define WINDOW_MS 1000

void read_limiter_init(struct read_limiter *limiter, const struct clock *clock,
                       struct timers *timers, int per_second)
{
    *limiter = (struct read_limiter){.clock = clock, .timers = timers};
    if (per_second <= 0)
        return;
    limiter->per_second = (size_t)per_second;
    limiter->started_ms = xcalloc(limiter->per_second, sizeof *limiter->started_ms);
    for (size_t i = 0; i < limiter->per_second; i++)
        limiter->started_ms[i] = clock->now_ms - WINDOW_MS;
}

void read_limiter_done(struct read_limiter *limiter)
{
    assert(!limiter->queue);
    timer_disarm(limiter->timers, &limiter->next_start);
    free(limiter->started_ms);
}

static void start_first(struct timer *timer);

static void arm(struct read_limiter *limiter)
{
    int64_t at_ms = limiter->clock->now_ms;

    if (limiter->started_ms)
        at_ms = limiter->started_ms[limiter->oldest] + WINDOW_MS;
    if (limiter->queue && limiter->in_flight < READ_LIMITER_IN_FLIGHT)
        timer_arm(limiter->timers, &limiter->next_start, at_ms, start_first);
    else
        timer_disarm(limiter->timers, &limiter->next_start);
}

static void start_first(struct timer *timer)
{
    struct read_limiter *limiter = container_of(timer, struct read_limiter, next_start);
    struct read_slot *first = limiter->queue;

    DL_DELETE(limiter->queue, first);
    first->state = READ_SLOT_IN_FLIGHT;
    limiter->in_flight++;
    if (limiter->started_ms) {
        limiter->started_ms[limiter->oldest] = limiter->clock->now_ms;
        limiter->oldest = (limiter->oldest + 1) % limiter->per_second;
    }
    arm(limiter);
    first->start(first);
}

void read_limiter_acquire(struct read_limiter *limiter, struct read_slot *slot, int64_t rank,
                          read_slot_fn *start)
{
    assert(slot->state == READ_SLOT_IDLE);
    *slot = (struct read_slot){.state = READ_SLOT_WAITING, .rank = rank, .start = start};
    /* The newest batch usually comes last, so the search starts at the end; utlist's own sorted
     * insert starts at the head. */
    struct read_slot *before = limiter->queue ? limiter->queue->prev : NULL;
    while (before && before->rank > rank)
        before = before == limiter->queue ? NULL : before->prev;
    DL_APPEND_ELEM(limiter->queue, before, slot);
    arm(limiter);
}

void read_limiter_release(struct read_limiter *limiter, struct read_slot *slot)
{
    if (slot->state == READ_SLOT_WAITING)
        DL_DELETE(limiter->queue, slot);
    if (slot->state == READ_SLOT_IN_FLIGHT)
        limiter->in_flight--;
    slot->state = READ_SLOT_IDLE;
    arm(limiter);
}
