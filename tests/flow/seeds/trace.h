/* SPDX-License-Identifier: MIT */
/* trace.h - the steps of the run of one seed, which are printed if it fails. */
#ifndef SEEDS_TRACE_H
#define SEEDS_TRACE_H

#include <stdint.h>

/* Begins with an empty trace. */
void trace_start(uint64_t seed);

/* Says what a failure does from now on: it ends the process with that status, and prints nothing;
 * 0 = it fails the test, as at first. */
void trace_exit_with(int status);

/* Adds a line, with the time of the fake clock. */
void trace_add(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The run has failed: prints the trace, and how to repeat the run. */
_Noreturn void trace_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints the trace. */
void trace_print(void);

/* Returns a hash of all lines so far: two runs of a seed have the same. */
uint64_t trace_hash(void);

#endif
