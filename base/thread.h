/* SPDX-License-Identifier: MIT */
/* thread.h - waits with a timeout for the end of a thread, so that the main thread can do other
 * work meanwhile, and for a condition. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Returns true if the thread ended within `within_ms`; it must not be joined again then. If the
 * wall clock jumps meanwhile, the wait becomes shorter or longer. */
bool thread_join_within(pthread_t thread, int64_t within_ms);

/* Initializes a condition whose waits end by the monotonic clock. */
void thread_condition_init(pthread_cond_t *condition);

/* Returns when such a wait ends that begins now. */
struct timespec thread_wait_end(int64_t within_ms);

#endif
