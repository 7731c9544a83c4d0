/* SPDX-License-Identifier: MIT */
/* memory.h - the tables of the store in memory. Included by store/memory/ only. */
#ifndef STORE_MEMORY_MEMORY_H
#define STORE_MEMORY_MEMORY_H

#include "base/hashtable.h"
#include "store/driver.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct batch_row {
    int64_t number;
    enum store_batch_state state;
    char batch_id[STORE_TASK_ID_MAX + 1];
    bool risked;
    int64_t intended_ms;
    size_t n_tasks, n_open;
    UT_hash_handle hh;
};

struct task_row {
    struct store_task task; /* its strings and key belong to the row */
    unsigned char key[HASH_SIZE];
    struct batch_row *batch;
    UT_hash_handle hh;        /* by tracking id */
    UT_hash_handle hh_lookup; /* by lookup id */
};

struct answer_row {
    const struct result *result; /* result->key is the key of the row */
    UT_hash_handle hh;
};

struct account_row; /* private to accounts.c */

struct memory_store {
    struct store store;
    size_t max_answers, max_ended, n_ended;
    int64_t last_number;
    struct batch_row *batches;
    struct task_row *tasks, *by_lookup;
    struct answer_row *answers;
    struct account_row *accounts;
    bool paused;
};

static inline struct memory_store *memory_of(struct store *store)
{
    return (struct memory_store *)store;
}

/* journal.c */
enum err memory_intend(struct store *, const struct store_task *, size_t, int64_t, int64_t *);
enum err memory_sending(struct store *, int64_t, int64_t);
enum err memory_resting(struct store *, int64_t);
enum err memory_risk(struct store *, int64_t, int64_t);
enum err memory_submitted(struct store *, int64_t, const char *, int64_t);
enum err memory_split(struct store *, int64_t, const char *const *, size_t, int64_t, int64_t *);
enum err memory_end_task(struct store *, const char *, const struct store_end *,
                         const struct result *);
enum err memory_end_batch(struct store *, int64_t, const struct store_end *);
enum err memory_each_open(struct store *, store_batch_fn *, void *);
enum err memory_each_unknown(struct store *, int64_t, size_t, store_task_fn *, void *);
enum err memory_find_lookup(struct store *, const char *, const struct result **);
void memory_drop_journal(struct memory_store *);

/* accounts.c */
void memory_charge(struct memory_store *, const struct store_task *, int64_t credits);
void memory_drop_accounts(struct memory_store *);
enum err memory_accounts(struct store *, int64_t, store_account_fn *, void *);
enum err memory_last_day(struct store *, int64_t *);
enum err memory_paused(struct store *, bool *);
enum err memory_set_paused(struct store *, bool);

/* memory.c */
void memory_keep(struct memory_store *, const struct result *);
enum err memory_find(struct store *, const unsigned char *, const struct result **);

#endif
