/* SPDX-License-Identifier: MIT */
/* thread.c - see thread.h. Does not use pthread_clockjoin_np() with the monotonic clock:
 * ThreadSanitizer does not intercept it and would report the joined thread as still running. */
#include "base/thread.h"

#include "base/mem.h"

#include <signal.h>

/* A time that is over is now: a timespec must not have negative nanoseconds. */
static struct timespec time_in(clockid_t clock, int64_t ms)
{
    int64_t left_ms = ms < 0 ? 0 : ms;
    struct timespec until;

    clock_gettime(clock, &until);
    until.tv_sec += (time_t)(left_ms / 1000);
    until.tv_nsec += (long)(left_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

bool thread_join_within(pthread_t thread, int64_t within_ms)
{
    const struct timespec until = time_in(CLOCK_REALTIME, within_ms);

    return pthread_timedjoin_np(thread, NULL, &until) == 0;
}

/* The new thread inherits the mask. A signal that a fault of the thread raises cannot be blocked.
 */
int thread_create_without_signals(pthread_t *ret_thread, void *(*run)(void *), void *arg)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    sigset_t blocked, before;

    sigfillset(&blocked);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    int reason = pthread_create(ret_thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return reason;
}

void thread_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

struct timespec thread_wait_end(int64_t within_ms)
{
    return time_in(CLOCK_MONOTONIC, within_ms);
}
