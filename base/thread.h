/* SPDX-License-Identifier: MIT */
/* thread.h - creates a thread that handles no signals, and waits with a timeout for the end of a
 * thread, so that the caller can do other work meanwhile, and for a condition. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Creates a thread that gets no signals except those of its own faults. Returns 0, or the error of
 * pthread_create(3). */
int thread_create_without_signals(pthread_t *ret_thread, void *(*run)(void *), void *arg);

/* Returns true if the thread ended within `within_ms`; it must not be joined again then. If the
 * wall clock jumps meanwhile, the wait becomes shorter or longer. */
bool thread_join_within(pthread_t thread, int64_t within_ms);

/* Initializes a condition whose waits end by the monotonic clock. */
void thread_condition_init(pthread_cond_t *condition);

/* Returns when such a wait ends that begins now; now, if `within_ms` is negative. */
struct timespec thread_wait_end(int64_t within_ms);

#endif
