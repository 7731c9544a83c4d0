/* SPDX-License-Identifier: MIT */
/* store_load.h - what the benchmarks of the store write: batches of tasks, and their results.
 *
 * One thread. If the store fails, the program prints the error and ends. */
#ifndef BENCH_STORE_LOAD_H
#define BENCH_STORE_LOAD_H

#include "store/store.h"

#define LOAD_BATCH 100 /* tasks */

struct load_task {
    char tracking_id[ID_TEXT], lookup_id[ID_TEXT], domain[64];
    unsigned char key[HASH_SIZE];
};

double load_now_ms(void); /* monotonic */
int64_t load_wall_ms(void);

/* Sorts the values. `n` is at least 1. */
double load_median(double *values, size_t n);

/* Ends the program if `err` is not ERR_OK. */
void load_want(enum err err, const char *what);

/* Makes `n` new tasks; `shown` borrows their strings. */
void load_make_tasks(struct load_task *tasks, struct store_task *shown, size_t n);

/* Journals a batch that is to be submitted. */
int64_t load_begin_batch(struct store *store, const struct store_task *tasks, size_t n);

/* Journals a full batch of new tasks, and then its id. Returns how long that took, in
 * milliseconds. */
double load_submit_batch(struct store *store, struct load_task *tasks);

/* How a task ends that was answered. Borrows its strings. */
struct store_end load_end_of(const struct load_task *task);

/* Returns a result with two addresses; the reference is the caller's. */
const struct result *load_result_of(const struct load_task *task);

#endif
