/* SPDX-License-Identifier: MIT */
/* journal.h - writes the walk of batches and tasks into the store, and lives with a disk that
 * fails.
 *
 * Two kinds of entry. Those that allow a submit to leave (a batch that is to be sent, or sent
 * again, or split) are written now or refused: without them nothing may be paid for. Those that
 * tell what happened (a batch id, an end) must not be lost: when the store cannot take one it waits
 * here, in order, and is tried again every JOURNAL_RETRY_MS; until the last of them is written the
 * journal is unusable, and no submit leaves. That bounds what can wait: one entry for every task
 * under way. Engine thread only. */
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
#define JOURNAL_RETRY_S  1 /* what callers are told */

struct journal *journal_new(struct store *store, const struct clock *clock, struct timers *timers);

/* What still waits is tried a last time. */
void journal_free(struct journal *journal);

/* ERR_STORAGE_UNAVAILABLE while something waits to be written. */
enum err journal_check(const struct journal *journal);

struct journal_state {
    bool is_usable; /* the last that was tried on the store worked */
    size_t backlog; /* entries that wait to be written */
};

/* After a failure the store is tried again every JOURNAL_RETRY_MS, also when there is nothing to
 * write. */
struct journal_state journal_state(const struct journal *journal);

/* Somebody could not read the store. */
void journal_suspect(struct journal *journal);

/* ---- leave to pay: written when ERR_OK, else ERR_STORAGE_UNAVAILABLE ---- */

/* `tasks` is a utlist of 1..OPENMART_BATCH_MAX. */
enum err journal_intend(struct journal *journal, const struct task *tasks, int64_t *ret_batch);

/* The batch is sent again, on the account of that day. */
enum err journal_sending(struct journal *journal, int64_t batch, int64_t day);

/* It will be sent again although its last submit may have been taken; see store_mark_resubmitted().
 */
enum err journal_risk(struct journal *journal, int64_t batch, int64_t day);

/* `tasks` of a resting batch become one of their own. */
enum err journal_split(struct journal *journal, int64_t batch, const struct task *tasks,
                       int64_t *ret_half);

/* ---- what happened: written now or later ---- */

/* The last submit created nothing. */
void journal_resting(struct journal *journal, int64_t batch);

void journal_submitted(struct journal *journal, int64_t batch, const char *batch_id);

/* What is still open in the batch ended so. */
void journal_end_batch(struct journal *journal, int64_t batch, const struct task_end *end);

/* What an end is in the books. */
enum store_task_state journal_state_of(const struct task_end *end);

/* One task ended, and `keep` (NULL = nothing) goes into the store with it. */
void journal_end_task(struct journal *journal, const struct task *task, const struct task_end *end,
                      const struct result *keep);

#endif
