/* SPDX-License-Identifier: MIT */
/* thread.h - joins a thread with a timeout, so that the main thread can do other work meanwhile. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Returns true if the thread ended within `within_ms`; it must not be joined again then. If the
 * wall clock jumps meanwhile, the wait becomes shorter or longer. */
bool thread_join_within(pthread_t thread, int64_t within_ms);

#endif
