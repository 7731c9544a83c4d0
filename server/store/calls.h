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
 * - STORE_JOURNAL  writes whose order matters, also between STORE_JOURNAL and
 *                  STORE_JOURNAL_ALONE. When one of them fails with ERR_STORAGE_UNAVAILABLE, those
 *                  that were posted after it fail too, without having been executed, until
 *                  store_calls_resume(). Otherwise a deletion could overtake the result that it
 *                  shall delete.
 * - STORE_UPKEEP   other writes
 * - STORE_READ     reads. A read may overtake the writes, so it may return what a write has
 *                  replaced that was posted before it.
 *
 * Inline, a call is executed inside its post (unless there is a detour), and store_calls_run() runs
 * its `done`. Between store_calls_start() and store_calls_stop(), threads execute the calls, and
 * `done` runs from the inbox of the engine: writes by `store`, those of the journal that wait
 * together as one group (execute.h); reads by `store-read`, which has a handle of its own, so that
 * they do not wait for writes. If the store has only one handle, `store` executes the reads too,
 * before the writes.
 *
 * Engine thread only, except store_calls_health(). */
#ifndef STORE_CALLS_H
#define STORE_CALLS_H

#include "store/call.h"
#include "store/thread.h"

struct store_calls;

/* Never NULL; the caller frees it. `store` is borrowed. */
struct store_calls *store_calls_new(struct store *store);

/* All posted calls must have returned, and no thread may be left. NULL is a no-op. */
void store_calls_free(struct store_calls *calls);

/* Runs `done` of the calls that were executed inline, until none is left; they may post more. */
void store_calls_run(struct store_calls *calls);

/* Runs before `done` of each call that failed with ERR_STORAGE_UNAVAILABLE. */
typedef void store_failed_fn(void *arg, const struct store_call *call);
void store_calls_on_failure(struct store_calls *calls, store_failed_fn *failed, void *arg);

/* Executes the calls of the class STORE_JOURNAL again that are posted from now on. */
void store_calls_resume(struct store_calls *calls);

/* Returns whether the call was posted after the last store_calls_resume(). */
bool store_call_is_current(const struct store_call *call);

/* ---- threads ---- */

/* Starts the threads. From now on the store belongs to them, and its synchronous functions except
 * store_is_durable() and store_link() must not be called. `completions` is borrowed: the inbox of
 * the engine. All calls that were posted inline must have returned. Returns ERR_SYSTEM if the
 * system has no thread or no descriptor left, or an error of store_open_reader(); `why` then has
 * the message, and the store is inline as before. */
enum err store_calls_start(struct store_calls *calls, struct inbox *completions,
                           struct errmsg *why);

/* Executes what waits and ends the threads. Nothing may be posted until it returns true; then the
 * store is the engine's again, and inline. The engine must run its inbox, which has the last calls,
 * before it posts or runs others.
 *
 * Returns false if the time is over first, because a call waits for the disk. It may be called
 * again. Until it returns true, the threads use the store, the posted calls and what these point
 * to, and the inbox. If the owner does not wait any longer, it frees none of them, and ends the
 * process: for the store, that is a kill at this instant. No-op, and true, if the store is inline.
 */
bool store_calls_stop(struct store_calls *calls, int64_t within_ms);

/* Any thread. While the store is inline, nothing is busy and nothing waits. A thread whose handle
 * is disconnected is not busy either: it connects, and each attempt has its limits. If `store`
 * executes the reads too, they count as `writes`. */
struct store_health {
    enum store_link link; /* of the writes */
    struct store_thread_health writes, reads;
};
struct store_health store_calls_health(const struct store_calls *calls, int64_t now_ms);

/* ---- detours ---- */

/* Takes the calls of an inline store, and executes them later than inside their post: a test
 * delays them, or loses a reply. */
struct store_detour {
    void (*take)(struct store_detour *detour, struct store_call *call);
};

/* From now on, `detour` (borrowed; NULL = none) takes the calls that are posted. It must pass
 * each to the next two functions, those of one class in the order in which it took them. */
void store_calls_set_detour(struct store_calls *calls, struct store_detour *detour);
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

struct store_forget_domain_call {
    struct store_call call;
    const char *domain;
    /* Results; the caller frees `keys`, also after an error: */
    unsigned char (*keys)[HASH_SIZE]; /* of the questions whose results were deleted */
    size_t n_keys;
    size_t n; /* results deleted, raw ones included */
};
void store_post_forget_domain(struct store_calls *calls, struct store_forget_domain_call *forget);

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
