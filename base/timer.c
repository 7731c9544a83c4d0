/* SPDX-License-Identifier: MIT */
/* timer.c - see timer.h. A binary min-heap of pointers; each timer stores its index, which makes
 * disarming cheap. */
#include "base/timer.h"

#include "base/mem.h"

#include <stdlib.h>

void timers_init(struct timers *timers)
{
    *timers = (struct timers){0};
}

void timers_done(struct timers *timers)
{
    for (size_t i = 1; i <= timers->n; i++)
        timers->heap[i]->place = 0;
    free(timers->heap);
    *timers = (struct timers){0};
}

static void put(struct timers *timers, size_t place, struct timer *timer)
{
    timers->heap[place] = timer;
    timer->place = place;
}

static void rise(struct timers *timers, struct timer *timer)
{
    size_t i = timer->place;

    while (i > 1 && timers->heap[i / 2]->at_ms > timer->at_ms) {
        put(timers, i, timers->heap[i / 2]);
        i /= 2;
    }
    put(timers, i, timer);
}

static void sink(struct timers *timers, struct timer *timer)
{
    size_t i = timer->place;

    for (;;) {
        size_t child = 2 * i;
        if (child > timers->n)
            break;
        if (child < timers->n && timers->heap[child + 1]->at_ms < timers->heap[child]->at_ms)
            child++;
        if (timers->heap[child]->at_ms >= timer->at_ms)
            break;
        put(timers, i, timers->heap[child]);
        i = child;
    }
    put(timers, i, timer);
}

void timer_arm(struct timers *timers, struct timer *timer, int64_t at_ms, timer_fn *fire)
{
    timer->at_ms = at_ms;
    timer->fire = fire;
    if (!timer->place) {
        if (timers->n + 2 > timers->room) {
            timers->room = timers->room ? 2 * timers->room : 16;
            timers->heap = xrealloc(timers->heap, timers->room * sizeof *timers->heap);
        }
        put(timers, ++timers->n, timer);
    }
    rise(timers, timer);
    sink(timers, timer);
}

void timer_disarm(struct timers *timers, struct timer *timer)
{
    size_t place = timer->place;

    if (!place)
        return;
    struct timer *last = timers->heap[timers->n--];
    timer->place = 0;
    if (last == timer)
        return;
    put(timers, place, last);
    rise(timers, last);
    sink(timers, last);
}

bool timer_armed(const struct timer *timer)
{
    return timer->place != 0;
}

void timers_run(struct timers *timers, int64_t now_ms)
{
    while (timers->n && timers->heap[1]->at_ms <= now_ms) {
        struct timer *due = timers->heap[1];
        timer_disarm(timers, due);
        due->fire(due);
    }
}

int64_t timers_next_ms(const struct timers *timers)
{
    return timers->n ? timers->heap[1]->at_ms : INT64_MAX;
}
