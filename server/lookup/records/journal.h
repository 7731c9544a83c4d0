/* SPDX-License-Identifier: MIT */
/* journal.h - records the states of batches and tasks in the store, and handles a failing disk.
 *
 * Write-ahead entries (a batch to be sent, or sent again) are written synchronously or fail:
 * without them nothing may be paid for. Completion entries (a batch id, a split, the end of a task)
 * must not be lost: if the store cannot write one, it is queued and retried in order every
 * JOURNAL_RETRY_MS. Until the queue is empty the journal is unusable and no submit leaves. So the
 * queue holds at most one end for every task in flight, with at most STORE_RAW_MAX raw bytes each,
 * one split for every task, and one deletion for every question. Engine thread only. */
#ifndef LOOKUP_RECORDS_JOURNAL_H
#define LOOKUP_RECORDS_JOURNAL_H

#include "base/clock.h"
#include "base/err.h"
#include "base/timer.h"
#include "lookup/records/task.h"
#include "model/result.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal;

#define JOURNAL_RETRY_MS INT64_C(1000)
#define JOURNAL_RETRY_S  1 /* Retry-After for clients */

struct journal *journal_new(struct store *store, const struct clock *clock, struct timers *timers);

/* Tries to write queued entries a last time, in order and up to the first that fails, then frees.
 * NULL is a no-op. */
void journal_free(struct journal *journal);

/* Returns ERR_STORAGE_UNAVAILABLE while entries are queued, else ERR_OK. */
enum err journal_check(const struct journal *journal);

struct journal_state {
    bool is_usable; /* the last access to the store worked */
    size_t backlog; /* queued entries */
};

/* Returns the state. After a failure the store is tried again every JOURNAL_RETRY_MS, even if there
 * is nothing to write. */
struct journal_state journal_state(const struct journal *journal);

/* Reports that the store could not be read. */
void journal_suspect(struct journal *journal);

/* ---- write-ahead entries: written if ERR_OK, else ERR_STORAGE_UNAVAILABLE is returned ---- */

/* Records a new batch before its first submit; `batch` is a new number. `tasks` is a utlist of
 * 1..OPENMART_BATCH_MAX. `notify_token` "" = none. */
enum err journal_begin_batch(struct journal *journal, int64_t batch, const struct task *tasks,
                             const char *notify_token);

/* Records that the batch is sent again, charged to the UTC day `day` (days since 1970).
 * `notify_token` "" = the one that was recorded before, if any. */
enum err journal_sending(struct journal *journal, int64_t batch, int64_t day,
                         const char *notify_token);

/* Records that the batch will be sent again although its last submit may have been accepted; see
 * store_mark_resubmitted(). */
enum err journal_mark_resubmitted(struct journal *journal, int64_t batch, int64_t day);

/* ---- completion entries: written now or later ---- */

/* Records that the last submit created nothing. */
void journal_mark_not_sent(struct journal *journal, int64_t batch);

/* Records that `tasks` of a batch that is not in flight move to a new batch; `half` is its new
 * number. */
void journal_split(struct journal *journal, int64_t batch, int64_t half, const struct task *tasks);

/* Records that the upstream accepted the batch under this id. */
void journal_submitted(struct journal *journal, int64_t batch, const char *batch_id);

/* Records how all tasks ended that are still open in the batch. The raw bytes of `end` are the
 * response to its submit. */
void journal_end_batch(struct journal *journal, int64_t batch, const struct task_end *end);

/* Returns the state in the journal that corresponds to an end. */
enum store_task_state journal_state_of(const struct task_end *end);

/* Records the end of one task, and stores `keep` (NULL = nothing) or the raw bytes of `end` with
 * it. */
void journal_end_task(struct journal *journal, const struct task *task, const struct task_end *end,
                      const struct result *keep);

/* Deletes the stored result of a question, after the queued entries, one of which may store it. A
 * queued deletion is lost if the process ends before the store works again. */
void journal_forget(struct journal *journal, const unsigned char key[HASH_SIZE]);

/* Returns whether that deletion is queued, so the store may still have the result. */
bool journal_is_forgetting(const struct journal *journal, const unsigned char key[HASH_SIZE]);

/* Drops the results about a domain, raw ones included, from the queued entries; the ends of their
 * tasks stay queued. */
void journal_forget_domain(struct journal *journal, const char *domain);

#endif
