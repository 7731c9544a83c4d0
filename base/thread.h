/* SPDX-License-Identifier: MIT */
/* thread.h - waits for the end of a thread, but not for ever: main has other things to see to
 * meanwhile. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* True when the thread has ended within that time; it must not be joined again then. A wall clock
 * that jumps meanwhile makes the wait shorter or longer. */
bool thread_join_within(pthread_t thread, int64_t within_ms);

#endif
