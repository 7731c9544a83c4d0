/* SPDX-License-Identifier: MIT */
/* store_batches.h - a store with a batch in every state, writes to it, and all that it reports as
 * text: two equal texts show that a call has changed nothing. Uses only store.h, so that it is the
 * same for every driver. */
#ifndef UNIT_STORE_BATCHES_H
#define UNIT_STORE_BATCHES_H

#include "tests/unit/store_fixture.h"

#include <stddef.h>
#include <stdint.h>

/* The batches. The last three do not exist yet. */
enum {
    SENDING = 1001, /* tasks 0, 1 */
    RESTING,        /* 2, 3, 4 */
    SUBMITTED,      /* 5, 6; as "b-3" */
    LOST,           /* 7, 8; unknown */
    RISKED,         /* 9; sent again although it may exist */
    REJECTED,       /* 10; not created */
    UNREADABLE,     /* 11; unknown, with a raw result */
    RISKED_RESTING, /* 12 */
    NEW,            /* for 13, 14 */
    HALF,
    QUARTER,
    NO_BATCH
};

/* Opens the store of that kind (see store_url_of()) with these batches, all begun at
 * STORE_NOW_MS. */
void store_open_with_batches(int which);

/* Returns what the store reports about its content. The caller frees it. */
char *store_dump(void);

/* Names the first line that differs, and fails. */
void store_assert_same(const char *name, const char *now, const char *before);

/* ---- writes ---- */

struct store_write {
    const char *name;
    enum err (*make)(void);
};

/* Begins a batch with two tasks. */
enum err store_begin_two(int64_t number, size_t first_task, const char *token);

/* Splits off `n` tasks, at most 3. */
enum err store_split_off(int64_t batch, int64_t half, size_t first_task, size_t n);

/* Ends a task with a result about milvali.com. */
enum err store_answer_task(size_t task);

extern const struct store_end store_answered, store_unknown, store_not_created;

#endif
