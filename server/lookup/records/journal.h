/* SPDX-License-Identifier: MIT */
/* journal.h - records the states of batches and tasks in the store, and handles a failing disk.
 *
 * All writes are calls of the store (calls.h), so they return later, in the order in which they
 * were recorded.
 *
 * - Intents: a batch is to be sent, or sent again. Nothing may be paid for before its intent has
 *   returned. An intent that failed is given up, although it may have been written.
 * - Entries: what has happened, for example a batch id or the end of a task. They must not be lost.
 *   If the store cannot write one, it is deferred, and so are those after it. Every
 *   JOURNAL_RETRY_MS, once no call is in flight, all of them are posted again, in order. Each
 *   may be written twice, so it does not matter which of them were written.
 *
 * While an entry is deferred, or a call is in flight for JOURNAL_SLOW_MS, the journal is stuck, and
 * receipts return early. From then on it is unusable, and accepts no intent, until all is written
 * whose receipts returned early: else a question could be paid for again while its result is not in
 * the store, and not in the cache any more. So there is at most one end for every task in flight,
 * with at most STORE_RAW_MAX raw bytes each, and few deletions for every question. Engine thread
 * only. */
#ifndef LOOKUP_RECORDS_JOURNAL_H
#define LOOKUP_RECORDS_JOURNAL_H

#include "base/clock.h"
#include "base/err.h"
#include "base/timer.h"
#include "lookup/records/task.h"
#include "model/result.h"
#include "store/calls.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal;
struct store_calls;

#define JOURNAL_RETRY_MS INT64_C(500)
#define JOURNAL_RETRY_S  1 /* Retry-After for clients */
#define JOURNAL_SLOW_MS  INT64_C(10000)

/* All pointers are borrowed. The journal becomes the one that learns of failures of `calls`. */
struct journal *journal_new(struct store_calls *calls, const struct clock *clock,
                            struct timers *timers);

/* Runs when an entry has been written that stores a result of the question with that key, or
 * deletes it. */
typedef void journal_written_fn(void *arg, const unsigned char key[HASH_SIZE], bool is_deletion);
void journal_on_written(struct journal *journal, journal_written_fn *written, void *arg);

/* Runs when the journal has become usable again; see journal_state(). NULL = nothing runs. */
typedef void journal_usable_fn(void *arg);
void journal_on_usable(struct journal *journal, journal_usable_fn *usable, void *arg);

/* No call may be in flight. Tries to write deferred entries a last time, in order and up to the
 * first that fails, then frees. Returns how many are left; each is in the log. NULL is a
 * no-op. */
size_t journal_free(struct journal *journal);

/* Returns ERR_STORAGE_UNAVAILABLE while the journal is unusable, else ERR_OK. */
enum err journal_check(const struct journal *journal);

/* Returns whether all entries that were recorded are written. */
bool journal_is_written(const struct journal *journal);

/* Returns whether a write is in flight. */
bool journal_is_writing(const struct journal *journal);

/* Logs each entry that is not known to be written, unless the log has it already, and returns how
 * many there are. */
size_t journal_log_unwritten(const struct journal *journal);

struct journal_state {
    bool is_usable; /* the last access to the store worked, and none is slow; journal_check() is
                       ERR_OK then */
    size_t backlog; /* deferred entries that are not written yet */
};

/* Returns the state. After a failure the store is tried again every JOURNAL_RETRY_MS, even if there
 * is nothing to write. */
struct journal_state journal_state(const struct journal *journal);

/* ---- receipts ---- */

/* A call of the journal in flight. Private to it. */
struct journal_flight {
    int64_t since_ms;
    struct journal_flight *prev, *next;
};

/* Says when everything that was recorded before it is durable. */
struct journal_receipt {
    void (*done)(struct journal_receipt *receipt); /* set by the caller */
    bool has_stored; /* result: the last entry was the end of a task, and its result is stored */
    /* Private to the journal: */
    uint64_t number;
    struct journal_receipt *prev, *next;
};

/* Returns true if `done` runs later: once all that was recorded so far is durable, or the journal
 * is stuck. The receipt belongs to the journal until then. Returns false if that is so already;
 * the result is set. */
bool journal_wait(struct journal *journal, struct journal_receipt *receipt);

/* Takes back a receipt whose `done` has not run. */
void journal_cancel_wait(struct journal *journal, struct journal_receipt *receipt);

/* ---- intents ---- */

/* Belongs to the journal until `done`, which never runs inside the function that posts it. ERR_OK:
 * the intent is durable. Else ERR_STORAGE_UNAVAILABLE: it may be, or become so. */
struct journal_intent {
    void (*done)(struct journal_intent *intent, enum err err); /* set by the caller */
    /* Private to the journal: */
    struct journal *journal;
    struct journal_flight flight;
    struct store_task *rows;
    union {
        struct store_call any;
        struct store_begin_batch_call begin;
        struct store_sending_call sending;
        struct store_mark_resubmitted_call resubmitted;
    } call;
};

/* Post an intent. What they point to is borrowed until `done`. The journal must be usable.
 *
 * journal_begin_batch() records a new batch before its first submit. `batch` is its number, by
 * store_new_number(); `tasks` a utlist of 1..OPENMART_BATCH_MAX; `notify_token` "" = none. */
void journal_begin_batch(struct journal *journal, struct journal_intent *intent, int64_t batch,
                         const struct task *tasks, const char *notify_token);

/* Records that the batch is sent again, charged to the UTC day `day` (days since 1970).
 * `notify_token` "" = the one that was recorded before, if any. */
void journal_sending(struct journal *journal, struct journal_intent *intent, int64_t batch,
                     int64_t day, const char *notify_token);

/* Records that the batch will be sent again although its last submit may have been accepted; see
 * store_mark_resubmitted(). */
void journal_mark_resubmitted(struct journal *journal, struct journal_intent *intent, int64_t batch,
                              int64_t day);

/* ---- entries; they copy what they are given ---- */

/* Records that the last submit created nothing. */
void journal_mark_not_sent(struct journal *journal, int64_t batch);

/* Records again what the intent of the same batch and day said, which failed, but may have been
 * written: from now on the second credits are charged in any case. */
void journal_repeat_resubmitted(struct journal *journal, int64_t batch, int64_t day);

/* Records that the upstream accepted the batch under this id. */
void journal_submitted(struct journal *journal, int64_t batch, const char *batch_id);

/* Moves `tasks` of a batch that was not sent to a new batch, whose number is `half`. */
void journal_split(struct journal *journal, int64_t batch, int64_t half, const struct task *tasks);

/* Records how all tasks ended that are still open in the batch. The raw bytes of `end` are the
 * response to its submit. A batch that was never written may end too. */
void journal_end_batch(struct journal *journal, int64_t batch, const struct task_end *end);

/* Returns the state in the journal that corresponds to an end. */
enum store_task_state journal_state_of(const struct task_end *end);

/* Records the end of one task, and stores `keep` (NULL = nothing) or the raw bytes of `end` with
 * it. */
void journal_end_task(struct journal *journal, const struct task *task, const struct task_end *end,
                      const struct result *keep);

/* Deletes the stored result of a question, after the entries so far, one of which may store it. A
 * deferred deletion is lost if the process ends before the store works again. */
void journal_forget(struct journal *journal, const unsigned char key[HASH_SIZE]);

/* Returns whether that deletion is not written yet, so the store may still have the result. */
bool journal_is_forgetting(const struct journal *journal, const unsigned char key[HASH_SIZE]);

/* Returns the latest result of that question whose receipt returned before it was written, and that
 * is not written yet: the store has an older one, or none. NULL if there is none, or it is to be
 * deleted. Borrowed until a call of the store returns. */
const struct result *journal_find_exposed(const struct journal *journal,
                                          const unsigned char key[HASH_SIZE]);

#endif
