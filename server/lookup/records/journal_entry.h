/* SPDX-License-Identifier: MIT */
/* journal_entry.h - one completion entry of the journal: what has happened, with all that the store
 * needs to record it. The journal (journal.c) keeps the entries in order, and decides when each is
 * posted.
 *
 * An entry owns what it points to, so it can be posted again after a failure. journal_entry.c has
 * the functions of journal.h that record one. Engine thread only. Used by journal.c. */
#ifndef LOOKUP_RECORDS_JOURNAL_ENTRY_H
#define LOOKUP_RECORDS_JOURNAL_ENTRY_H

#include "lookup/records/journal.h"
#include "lookup/records/task.h"
#include "model/result.h"
#include "store/calls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum entry_kind {
    ENTRY_NOT_SENT,
    ENTRY_RESUBMITTED,
    ENTRY_SUBMITTED,
    ENTRY_SPLIT,
    ENTRY_BATCH_ENDED,
    ENTRY_TASK_ENDED,
    ENTRY_FORGOTTEN
};

enum entry_state {
    ENTRY_NEW,
    ENTRY_POSTED,   /* for the first time */
    ENTRY_DEFERRED, /* failed, or was recorded after a failure: waits */
    ENTRY_REPEATED, /* posted after it was deferred */
};

struct entry {
    enum entry_kind kind;
    enum entry_state state;
    uint64_t number; /* grows with each entry */
    struct journal *journal;
    struct journal_flight flight; /* while POSTED or REPEATED */
    int64_t batch, half, day;
    int64_t wall_ms;
    bool is_logged; /* its write failed or is slow, and the log has its id */
    char *id;       /* the batch id, or the tracking id */
    unsigned char key[HASH_SIZE];
    char *task_id, *detail, *raw;
    struct store_end end;
    const struct result *keep; /* owned reference, or NULL */
    char (*id_texts)[ID_TEXT];
    const char **tracking_ids; /* the same */
    size_t n_ids;
    union {
        struct store_call any;
        struct store_mark_not_sent_call not_sent;
        struct store_mark_resubmitted_call resubmitted;
        struct store_submitted_call submitted;
        struct store_split_call split;
        struct store_end_batch_call end_batch;
        struct store_end_task_call end_task;
        struct store_forget_key_call forget;
    } call;
    struct entry *prev, *next;
};

/* Creates an entry. `id` is copied; NULL = none. The caller frees it with entry_free(). */
struct entry *entry_new(enum entry_kind kind, int64_t batch, const char *id);
void entry_free(struct entry *entry);

/* Posts the call that writes the entry; `done` as in calls.h. Use entry_of() there. */
void entry_post(struct entry *entry, struct store_calls *calls, store_done_fn *done);
struct entry *entry_of(struct store_call *call);

/* Logs, once for each entry, that its write fails or is slow. If the process ends before the disk
 * recovers, this line is all that is left of a paid batch. */
void entry_log_unwritten(struct entry *entry);

/* ---- of journal.c, for journal_entry.c ---- */

/* Records that the entry has happened now. Takes ownership of it. */
void journal_record(struct journal *journal, struct entry *entry);

#endif
