/* SPDX-License-Identifier: MIT */
/* calls.h - the store as the engine uses it: calls that return later.
 *
 * The caller fills a call and posts it with the function of its kind. The call then belongs to the
 * store until its `done` runs: exactly once, on the engine's thread, never inside the post. What
 * the call points to is borrowed, and must neither change nor be freed before. There is no cancel:
 * an owner that ends earlier keeps the memory until `done`.
 *
 * `err` is what the function of store.h with the same name returns. ERR_OK: the change is durable.
 * ERR_STORAGE_UNAVAILABLE: it is not to be relied on, although it may have been made. So every
 * write may be posted again.
 *
 * Calls of one class are executed, and return, in the order in which they were posted:
 *
 * - STORE_JOURNAL  writes whose order matters. When one of them fails with
 *                  ERR_STORAGE_UNAVAILABLE, those that were posted after it fail too, without
 *                  having been executed, until store_calls_resume(). Otherwise a deletion could
 *                  overtake the result that it shall delete.
 * - STORE_UPKEEP   other writes
 * - STORE_READ     reads. A read may overtake the writes, so it may return what a write has
 *                  replaced that was posted before it.
 *
 * The store is inline: a call is executed inside its post, unless there is an executor, and
 * store_calls_run() runs its `done`. Engine thread only. */
#ifndef STORE_CALLS_H
#define STORE_CALLS_H

#include "store/store.h"

enum store_class { STORE_JOURNAL, STORE_UPKEEP, STORE_READ };

struct store_call;
typedef void store_done_fn(struct store_call *call);

/* The first member of each struct below. */
struct store_call {
    store_done_fn *done; /* set by the caller */
    enum err err;        /* the result, when `done` runs */
    /* Private to the store: */
    const struct store_kind *kind;
    uint64_t era;
    struct store_call *prev, *next;
};

struct store_calls;

/* Never NULL; the caller frees it. `store` is borrowed. */
struct store_calls *store_calls_new(struct store *store);

/* All posted calls must have returned. NULL is a no-op. */
void store_calls_free(struct store_calls *calls);

/* Runs `done` of the calls that have been executed, until none is left; they may post more. */
void store_calls_run(struct store_calls *calls);

/* Runs before `done` of each call that failed with ERR_STORAGE_UNAVAILABLE. */
typedef void store_failed_fn(void *arg, const struct store_call *call);
void store_calls_on_failure(struct store_calls *calls, store_failed_fn *failed, void *arg);

/* Executes the calls of the class STORE_JOURNAL again that are posted from now on. */
void store_calls_resume(struct store_calls *calls);

/* ---- executors ---- */

/* Executes calls later than inside their post. */
struct store_executor {
    void (*take)(struct store_executor *executor, struct store_call *call);
};

/* From now on, `executor` (borrowed; NULL = none) takes the calls that are posted. It must pass
 * each to the next two functions, those of one class in the order in which it took them. */
void store_calls_set_executor(struct store_calls *calls, struct store_executor *executor);
void store_calls_execute(struct store_calls *calls, struct store_call *call);
void store_calls_return(struct store_calls *calls, struct store_call *call);

enum store_class store_call_class(const struct store_call *call);

/* Returns the name of its kind: that of the function in store.h, without the prefix; static. */
const char *store_call_name(const struct store_call *call);

/* ---- the journal ---- */

struct store_begin_batch_call {
    struct store_call call;
    struct store_new_batch batch;
};
void store_post_begin_batch(struct store_calls *calls, struct store_begin_batch_call *begin);

struct store_sending_call {
    struct store_call call;
    int64_t batch, day;
    const char *notify_token;
};
void store_post_sending(struct store_calls *calls, struct store_sending_call *sending);

struct store_mark_resubmitted_call {
    struct store_call call;
    int64_t batch, day;
};
void store_post_mark_resubmitted(struct store_calls *calls,
                                 struct store_mark_resubmitted_call *mark);

struct store_mark_not_sent_call {
    struct store_call call;
    int64_t batch;
};
void store_post_mark_not_sent(struct store_calls *calls, struct store_mark_not_sent_call *mark);

struct store_submitted_call {
    struct store_call call;
    int64_t batch;
    const char *batch_id;
    int64_t wall_ms;
};
void store_post_submitted(struct store_calls *calls, struct store_submitted_call *submitted);

struct store_split_call {
    struct store_call call;
    int64_t batch, half;
    const char *const *tracking_ids;
    size_t n;
    int64_t wall_ms;
};
void store_post_split(struct store_calls *calls, struct store_split_call *split);

struct store_end_task_call {
    struct store_call call;
    const char *tracking_id;
    struct store_end end;
    const struct result *keep; /* NULL = nothing */
    bool stored;               /* result: `keep` was stored */
};
void store_post_end_task(struct store_calls *calls, struct store_end_task_call *end);

struct store_end_batch_call {
    struct store_call call;
    int64_t batch;
    struct store_end end;
};
void store_post_end_batch(struct store_calls *calls, struct store_end_batch_call *end);

struct store_forget_key_call {
    struct store_call call;
    unsigned char key[HASH_SIZE];
};
void store_post_forget_key(struct store_calls *calls, struct store_forget_key_call *forget);

struct store_try_call {
    struct store_call call;
    int64_t wall_ms;
};
void store_post_try(struct store_calls *calls, struct store_try_call *attempt);

/* ---- results ---- */

struct store_find_call {
    struct store_call call;
    unsigned char key[HASH_SIZE];
    const struct result *result; /* result: the reference is the caller's; NULL unless ERR_OK */
};
void store_post_find(struct store_calls *calls, struct store_find_call *find);

struct store_find_lookup_call {
    struct store_call call;
    char lookup_id[ID_TEXT];
    const struct result *result; /* as above */
};
void store_post_find_lookup(struct store_calls *calls, struct store_find_lookup_call *find);

#endif
