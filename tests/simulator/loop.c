/* SPDX-License-Identifier: MIT */
/* loop.c - see loop.h. */
#include "tests/simulator/loop.h"

#include <assert.h>
#include <limits.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_PER_TURN 64

enum err loop_init(struct loop *loop)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (epoll < 0)
        return ERR_SYSTEM;
    *loop = (struct loop){.epoll = epoll, .clock = clock_real()};
    timers_init(&loop->timers);
    return ERR_OK;
}

void loop_done(struct loop *loop)
{
    timers_done(&loop->timers);
    close(loop->epoll);
}

enum err loop_add(struct loop *loop, int fd, uint32_t events, struct watch *watch)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? ERR_OK : ERR_SYSTEM;
}

void loop_change(struct loop *loop, int fd, uint32_t events, struct watch *watch)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    int rc = epoll_ctl(loop->epoll, EPOLL_CTL_MOD, fd, &event);

    assert(rc == 0);
    (void)rc;
}

void loop_remove(struct loop *loop, int fd)
{
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
}

static int wait_ms(const struct loop *loop, int64_t at_most_ms)
{
    int64_t next_ms = timers_next_ms(&loop->timers);
    int64_t wait = INT64_MAX;

    if (next_ms != INT64_MAX)
        wait = next_ms > loop->clock.now_ms ? next_ms - loop->clock.now_ms : 0;
    if (at_most_ms >= 0 && at_most_ms < wait)
        wait = at_most_ms;
    if (wait == INT64_MAX)
        return -1;
    return wait > INT_MAX ? INT_MAX : (int)wait;
}

void loop_turn(struct loop *loop, int64_t at_most_ms)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int n = epoll_wait(loop->epoll, events, EVENTS_PER_TURN, wait_ms(loop, at_most_ms));

    clock_turn(&loop->clock);
    for (int i = 0; i < n; i++) {
        struct watch *watch = events[i].data.ptr;
        watch->ready(watch, events[i].events);
    }
    timers_run(&loop->timers, loop->clock.now_ms);
}
