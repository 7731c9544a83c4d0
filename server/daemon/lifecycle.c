/* SPDX-License-Identifier: MIT */
/* lifecycle.c - see lifecycle.h. */
#include "daemon/lifecycle.h"

#include "base/clock.h"
#include "base/heartbeat.h"
#include "base/mem.h"
#include "http/listener.h"
#include "lookup/engine.h"

#include <poll.h>
#include <pthread.h>
#include <time.h>

/* Pings the manager if all threads make progress. Returns after how many milliseconds to call
 * again. */
static int64_t beat(struct watch *watch)
{
    int64_t now_ms = clock_real().now_ms, age_ms = 0;

    if (watch->engine)
        age_ms = heartbeat_age_ms(engine_heartbeat(watch->engine), now_ms);
    if (watch->listener) {
        int64_t workers_ms = listener_age_ms(watch->listener, now_ms);
        age_ms = workers_ms > age_ms ? workers_ms : age_ms;
    }
    return notify_beat(&watch->watchdog, now_ms, age_ms);
}

sigset_t lifecycle_block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return set;
}

int lifecycle_next_signal(struct watch *watch, const sigset_t *signals)
{
    int number;

    do {
        int64_t ms = beat(watch);
        const struct timespec wait = {.tv_sec = (time_t)(ms / 1000),
                                      .tv_nsec = (long)(ms % 1000) * 1000000};
        number = sigtimedwait(signals, NULL, &wait);
    } while (number < 0);
    return number;
}

void lifecycle_unblock_termination(void)
{
    sigset_t impatient;

    (void)sigemptyset(&impatient);
    sigaddset(&impatient, SIGTERM);
    sigaddset(&impatient, SIGINT);
    pthread_sigmask(SIG_UNBLOCK, &impatient, NULL);
}

void lifecycle_wait(struct watch *watch, int64_t for_ms)
{
    int64_t until_ms = clock_real().now_ms + for_ms;
    int64_t left_ms;

    while ((left_ms = until_ms - clock_real().now_ms) > 0) {
        int64_t ms = beat(watch);
        poll(NULL, 0, (int)(ms < left_ms ? ms : left_ms));
    }
}

void lifecycle_shut_down(struct watch *watch, int64_t patience_ms)
{
    if (watch->listener) {
        listener_drain(watch->listener);
        engine_drain(watch->engine, patience_ms);
        while (!listener_join(watch->listener, beat(watch)))
            ;
        listener_stop(TAKE(watch->listener));
    }
    if (watch->engine) {
        engine_stop(watch->engine);
        while (!engine_join(watch->engine, beat(watch)))
            ;
        watch->engine = NULL;
    }
}
