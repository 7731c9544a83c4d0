/* SPDX-License-Identifier: MIT */
/* thread.c - see thread.h. Does not use pthread_clockjoin_np() with the monotonic clock:
 * ThreadSanitizer does not intercept it and would report the joined thread as still running. */
#include "base/thread.h"

static struct timespec time_in(clockid_t clock, int64_t ms)
{
    struct timespec until;

    clock_gettime(clock, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
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
