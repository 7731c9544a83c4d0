/* SPDX-License-Identifier: MIT */
/* weak_store.h - a store in memory whose disk fails on command. */
#ifndef FLOW_WEAK_STORE_H
#define FLOW_WEAK_STORE_H

#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

enum weak_call {
    WEAK_BEGIN_BATCH,
    WEAK_SENDING,
    WEAK_MARK_NOT_SENT,
    WEAK_MARK_RESUBMITTED,
    WEAK_SUBMITTED,
    WEAK_SPLIT,
    WEAK_END_TASK,
    WEAK_END_BATCH,
    WEAK_FIND,
    WEAK_FORGET,
    WEAK_TRY,
    WEAK_SET_PAUSED,
    WEAK_READ_NEWS,
    WEAK_CONFIRM_NEWS,
    WEAK_PUT_PARSED,
    WEAK_FIND_BATCH,
    WEAK_RESOLVE,
    WEAK_CALLS
};

struct store *weak_store_new(const struct store_options *options);

/* From now on, makes calls of that kind fail with ERR_STORAGE_UNAVAILABLE, or work again. */
void weak_store_fail(struct store *store, enum weak_call call, bool fails);
void weak_store_fail_all(struct store *store, bool fails);

/* The same with another error; ERR_OK = they work again. */
void weak_store_fail_with(struct store *store, enum weak_call call, enum err err);

/* From now on, makes calls of that kind lose their confirmation: they are made, and return
 * ERR_STORAGE_UNAVAILABLE. */
void weak_store_lose(struct store *store, enum weak_call call, bool loses);
void weak_store_lose_all(struct store *store, bool loses);

/* Says whether the store claims to outlive the process, as it does at first: flow_restart() keeps
 * it. */
void weak_store_set_durable(struct store *store, bool is_durable);

/* Records what another process does beside the owner, for its news: it deletes or changes the
 * result of the question with that key, or refunds a task of it, of which the number is not used.
 * At most WEAK_NEWS of each. */
#define WEAK_NEWS 8
void weak_store_note_change(struct store *store, const unsigned char key[HASH_SIZE]);
void weak_store_note_not_taken(struct store *store, const struct store_not_taken *task);

/* Returns the number of these records that are not confirmed. */
size_t weak_store_unconfirmed(const struct store *store);

/* Returns the number of calls of that kind that were passed on. */
size_t weak_store_calls(const struct store *store, enum weak_call call);

#endif
