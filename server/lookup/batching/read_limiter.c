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
    limiter->sent_ms = xcalloc(limiter->per_second, sizeof *limiter->sent_ms);
    for (size_t i = 0; i < limiter->per_second; i++)
        limiter->sent_ms[i] = clock->now_ms - WINDOW_MS;
}

void read_limiter_done(struct read_limiter *limiter)
{
    assert(!limiter->queue);
    timer_disarm(limiter->timers, &limiter->timer);
    free(limiter->sent_ms);
}

/* Returns when the next read may start. */
static int64_t leave_ms(const struct read_limiter *limiter)
{
    return limiter->sent_ms ? limiter->sent_ms[limiter->next_slot] + WINDOW_MS
                            : limiter->clock->now_ms;
}

static void release(struct timer *timer);

static void plan(struct read_limiter *limiter)
{
    if (limiter->queue && limiter->in_flight < READ_LIMITER_IN_FLIGHT)
        timer_arm(limiter->timers, &limiter->timer, leave_ms(limiter), release);
    else
        timer_disarm(limiter->timers, &limiter->timer);
}

static void release(struct timer *timer)
{
    struct read_limiter *limiter = container_of(timer, struct read_limiter, timer);
    struct read_slot *first = limiter->queue;

    DL_DELETE(limiter->queue, first);
    first->waiting = false;
    first->in_flight = true;
    limiter->in_flight++;
    if (limiter->sent_ms) {
        limiter->sent_ms[limiter->next_slot] = limiter->clock->now_ms;
        limiter->next_slot = (limiter->next_slot + 1) % limiter->per_second;
    }
    plan(limiter);
    first->go(first);
}

static int by_rank(const struct read_slot *a, const struct read_slot *b)
{
    return (a->rank > b->rank) - (a->rank < b->rank);
}

void read_limiter_acquire(struct read_limiter *limiter, struct read_slot *slot, int64_t rank,
                          read_slot_fn *go)
{
    assert(!slot->waiting && !slot->in_flight);
    *slot = (struct read_slot){.rank = rank, .go = go, .waiting = true};
    /* The newest batch usually comes last, so the search starts at the end; utlist's own sorted
     * insert starts at the head. */
    struct read_slot *before = limiter->queue ? limiter->queue->prev : NULL;
    while (before && by_rank(before, slot) > 0)
        before = before == limiter->queue ? NULL : before->prev;
    DL_APPEND_ELEM(limiter->queue, before, slot);
    plan(limiter);
}

void read_limiter_release(struct read_limiter *limiter, struct read_slot *slot)
{
    if (slot->waiting)
        DL_DELETE(limiter->queue, slot);
    if (slot->in_flight)
        limiter->in_flight--;
    slot->waiting = slot->in_flight = false;
    plan(limiter);
}
