/* SPDX-License-Identifier: MIT */
/* lifecycle.c - see lifecycle.h. */
#include "daemon/lifecycle.h"

#include "base/clock.h"
#include "base/heartbeat.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/listener.h"
#include "lookup/engine.h"
#include "store/store.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdnoreturn.h>
#include <time.h>
#include <unistd.h>

#define STORE_MS       INT64_C(2000) /* the least time to write what is left */
#define LONG_MS        INT64_C(3600000)
#define EXIT_UNWRITTEN 1 /* as for every failure of the system; see main.c */

/* Pings the manager if all threads make progress. Returns after how many milliseconds to call
 * again. */
static int64_t ping_watchdog(struct lifecycle *lifecycle)
{
    int64_t now_ms = clock_real().now_ms, age_ms = 0;

    if (lifecycle->engine)
        age_ms = heartbeat_age_ms(engine_heartbeat(lifecycle->engine), now_ms);
    if (lifecycle->listener) {
        int64_t workers_ms = listener_age_ms(lifecycle->listener, now_ms);
        age_ms = workers_ms > age_ms ? workers_ms : age_ms;
    }
    return notify_ping(&lifecycle->watchdog, now_ms, age_ms);
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

int lifecycle_signal_within(struct lifecycle *lifecycle, const sigset_t *signals, int64_t within_ms)
{
    int64_t until_ms = clock_real().now_ms + within_ms, left_ms = within_ms;
    int number;

    do {
        int64_t ping_ms = ping_watchdog(lifecycle), ms = ping_ms < left_ms ? ping_ms : left_ms;
        const struct timespec wait = {.tv_sec = (time_t)(ms / 1000),
                                      .tv_nsec = (long)(ms % 1000) * 1000000};
        number = sigtimedwait(signals, NULL, &wait);
        left_ms = until_ms - clock_real().now_ms;
    } while (number < 0 && left_ms > 0);
    return number < 0 ? 0 : number;
}

int lifecycle_next_signal(struct lifecycle *lifecycle, const sigset_t *signals)
{
    int number;

    do
        number = lifecycle_signal_within(lifecycle, signals, LONG_MS);
    while (!number);
    return number;
}

void lifecycle_unblock_termination(void)
{
    sigset_t termination;

    (void)sigemptyset(&termination);
    sigaddset(&termination, SIGTERM);
    sigaddset(&termination, SIGINT);
    pthread_sigmask(SIG_UNBLOCK, &termination, NULL);
}

void lifecycle_wait(struct lifecycle *lifecycle, int64_t for_ms)
{
    int64_t until_ms = clock_real().now_ms + for_ms;
    int64_t left_ms;

    while ((left_ms = until_ms - clock_real().now_ms) > 0) {
        int64_t ms = ping_watchdog(lifecycle);
        poll(NULL, 0, (int)(ms < left_ms ? ms : left_ms));
    }
}

/* Returns false if the threads of the store are left. */
static bool stop_engine(struct lifecycle *lifecycle, int64_t until_ms)
{
    struct engine *engine = lifecycle->engine;
    int64_t least_ms, left_ms;

    engine_stop(engine);
    while (!engine_join(engine, ping_watchdog(lifecycle)))
        ;
    least_ms = clock_real().now_ms + STORE_MS;
    until_ms = least_ms > until_ms ? least_ms : until_ms;
    while ((left_ms = until_ms - clock_real().now_ms) > 0) {
        int64_t ms = ping_watchdog(lifecycle);
        if (engine_stop_store(engine, ms < left_ms ? ms : left_ms))
            return true;
    }
    return false;
}

/* For the store, this is a kill. */
static noreturn void leave(const struct engine *engine, int code)
{
    size_t n = engine_log_unwritten(engine);

    log_event(LOG_ERROR, "stopped_while_disk_hangs", LOG_INT("unwritten", n));
    _exit(n && !code ? EXIT_UNWRITTEN : code);
}

void lifecycle_shut_down(struct lifecycle *lifecycle, int64_t patience_ms, int code)
{
    int64_t until_ms = clock_real().now_ms + patience_ms;

    if (lifecycle->listener) {
        listener_drain(lifecycle->listener);
        if (lifecycle->engine)
            engine_drain(lifecycle->engine, patience_ms);
        while (!listener_join(lifecycle->listener, ping_watchdog(lifecycle)))
            ;
        listener_stop(TAKE(lifecycle->listener));
    }
    if (lifecycle->engine && !stop_engine(lifecycle, until_ms))
        leave(lifecycle->engine, code);
    lifecycle->engine = NULL;
}

int lifecycle_free_engine(struct engine *engine, struct store *store, int code)
{
    store_begin_close(store);
    size_t n = engine_free(engine);
    if (!n)
        return code;
    log_event(LOG_ERROR, "stopped_while_store_fails", LOG_INT("unwritten", n));
    return code ? code : EXIT_UNWRITTEN;
}
