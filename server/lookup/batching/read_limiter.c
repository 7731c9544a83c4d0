/* SPDX-License-Identifier: MIT */
/* read_limiter.c - a ring of departure times: a read may go when the one `per_second` places before
 * it is a second old. Unlike a bucket of tokens this keeps the limit over every window and still
 * lets a short burst go at once. */
#include "lookup/batching/read_limiter.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

#define WINDOW_MS 1000

void pacer_init(struct pacer *pacer, const struct clock *clock, struct timers *timers,
                int per_second)
{
    *pacer = (struct pacer){.clock = clock, .timers = timers};
    if (per_second <= 0)
        return;
    pacer->per_second = (size_t)per_second;
    pacer->sent_ms = xcalloc(pacer->per_second, sizeof *pacer->sent_ms);
    for (size_t i = 0; i < pacer->per_second; i++)
        pacer->sent_ms[i] = clock->now_ms - WINDOW_MS;
}

void pacer_done(struct pacer *pacer)
{
    assert(!pacer->queue);
    timer_disarm(pacer->timers, &pacer->timer);
    free(pacer->sent_ms);
}

/* When the next read may leave. */
static int64_t leave_ms(const struct pacer *pacer)
{
    return pacer->sent_ms ? pacer->sent_ms[pacer->next_slot] + WINDOW_MS : pacer->clock->now_ms;
}

static void release(struct timer *timer);

static void plan(struct pacer *pacer)
{
    if (pacer->queue && pacer->flying < PACE_FLYING)
        timer_arm(pacer->timers, &pacer->timer, leave_ms(pacer), release);
    else
        timer_disarm(pacer->timers, &pacer->timer);
}

static void release(struct timer *timer)
{
    struct pacer *pacer = container_of(timer, struct pacer, timer);
    struct paced *first = pacer->queue;

    DL_DELETE(pacer->queue, first);
    first->waiting = false;
    first->flying = true;
    pacer->flying++;
    if (pacer->sent_ms) {
        pacer->sent_ms[pacer->next_slot] = pacer->clock->now_ms;
        pacer->next_slot = (pacer->next_slot + 1) % pacer->per_second;
    }
    plan(pacer);
    first->go(first);
}

static int by_rank(const struct paced *a, const struct paced *b)
{
    return (a->rank > b->rank) - (a->rank < b->rank);
}

void pace_ask(struct pacer *pacer, struct paced *paced, int64_t rank, paced_fn *go)
{
    assert(!paced->waiting && !paced->flying);
    *paced = (struct paced){.rank = rank, .go = go, .waiting = true};
    /* Mostly the newest batch asks last, so look from the end; utlist's own sorted insert starts at
     * the head. */
    struct paced *before = pacer->queue ? pacer->queue->prev : NULL;
    while (before && by_rank(before, paced) > 0)
        before = before == pacer->queue ? NULL : before->prev;
    DL_APPEND_ELEM(pacer->queue, before, paced);
    plan(pacer);
}

void pace_end(struct pacer *pacer, struct paced *paced)
{
    if (paced->waiting)
        DL_DELETE(pacer->queue, paced);
    if (paced->flying)
        pacer->flying--;
    paced->waiting = paced->flying = false;
    plan(pacer);
}
