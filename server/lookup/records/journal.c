/* SPDX-License-Identifier: MIT */
/* journal.c - see journal.h. A completion entry is written immediately unless others are queued, so
 * entries are written in the order of the events. */
#include "lookup/records/journal.h"

#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum kind {
    ENTRY_NOT_SENT,
    ENTRY_SPLIT,
    ENTRY_SUBMITTED,
    ENTRY_BATCH_ENDED,
    ENTRY_TASK_ENDED,
    ENTRY_FORGOTTEN
};

/* What the log calls them. */
static const char *const kind_words[] = {
    [ENTRY_NOT_SENT] = "result",    [ENTRY_SPLIT] = "split",       [ENTRY_SUBMITTED] = "batch-id",
    [ENTRY_BATCH_ENDED] = "result", [ENTRY_TASK_ENDED] = "result", [ENTRY_FORGOTTEN] = "deletion",
};

/* The tasks that a split moves. */
struct moved {
    int64_t half;
    size_t n;
    const char *ids[OPENMART_BATCH_MAX]; /* in `text` */
    char text[OPENMART_BATCH_MAX][ID_TEXT];
};

/* A completion entry. Owns its strings, its raw bytes and a reference to its result. */
struct entry {
    enum kind kind;
    int64_t batch;
    int64_t wall_ms;
    char *id; /* the batch id, or the tracking id */
    struct moved *moved;
    unsigned char key[HASH_SIZE];
    char *task_id, *detail, *raw;
    char *domain; /* of the raw bytes, if they are a result */
    struct store_end end;
    const struct result *keep;
    struct entry *prev, *next;
};

struct journal {
    struct store *store;
    const struct clock *clock;
    struct timers *timers;
    struct timer retry;
    struct entry *waiting;
    size_t n_waiting;
    bool is_unwell; /* the store failed, and no access has worked since */
};

struct journal *journal_new(struct store *store, const struct clock *clock, struct timers *timers)
{
    struct journal *journal = xcalloc(1, sizeof *journal);

    journal->store = store;
    journal->clock = clock;
    journal->timers = timers;
    return journal;
}

struct journal_state journal_state(const struct journal *journal)
{
    return (struct journal_state){.is_usable = !journal->is_unwell, .backlog = journal->n_waiting};
}

enum err journal_check(const struct journal *journal)
{
    return journal->waiting ? ERR_STORAGE_UNAVAILABLE : ERR_OK;
}

static void retry(struct timer *timer);

static void retry_later(struct journal *journal)
{
    timer_arm(journal->timers, &journal->retry, journal->clock->now_ms + JOURNAL_RETRY_MS, retry);
}

void journal_suspect(struct journal *journal)
{
    if (!journal->is_unwell)
        retry_later(journal);
    journal->is_unwell = true;
}

/* Updates the state of the store after a write. */
static void note_write(struct journal *journal, enum err err)
{
    if (err == ERR_STORAGE_UNAVAILABLE)
        journal_suspect(journal);
    else if (!journal->waiting)
        journal->is_unwell = false;
}

/* ---- write-ahead entries ---- */

static enum err refusal_of(struct journal *journal, enum err err)
{
    note_write(journal, err);
    if (err && err != ERR_STORAGE_UNAVAILABLE)
        log_event(LOG_ERROR, "journal_write_failed", LOG_STR("error", err_words(err)));
    return err ? ERR_STORAGE_UNAVAILABLE : ERR_OK;
}

enum err journal_begin_batch(struct journal *journal, int64_t batch, const struct task *tasks,
                             const char *notify_token)
{
    struct store_task rows[OPENMART_BATCH_MAX];
    const struct task *task;
    size_t n = 0;

    if (journal->waiting)
        return ERR_STORAGE_UNAVAILABLE;
    DL_FOREACH (tasks, task) {
        assert(n < OPENMART_BATCH_MAX);
        rows[n++] = (struct store_task){.tracking_id = task->tracking_id,
                                        .lookup_id = task->lookup_id,
                                        .key = task->question->key,
                                        .parts = task->question->parts,
                                        .client = task->payer.name,
                                        .day = task->credit.day};
    }
    const struct store_new_batch new = {batch, rows, n, notify_token, journal->clock->wall_ms};
    return refusal_of(journal, store_begin_batch(journal->store, &new));
}

enum err journal_sending(struct journal *journal, int64_t batch, int64_t day,
                         const char *notify_token)
{
    if (journal->waiting)
        return ERR_STORAGE_UNAVAILABLE;
    return refusal_of(journal, store_sending(journal->store, batch, day, notify_token));
}

enum err journal_mark_resubmitted(struct journal *journal, int64_t batch, int64_t day)
{
    if (journal->waiting)
        return ERR_STORAGE_UNAVAILABLE;
    return refusal_of(journal, store_mark_resubmitted(journal->store, batch, day));
}

/* ---- completion entries ---- */

static void free_entry(struct entry *entry)
{
    free(entry->id);
    free(entry->moved);
    free(entry->task_id);
    free(entry->detail);
    free(entry->raw);
    free(entry->domain);
    result_unref(entry->keep);
    free(entry);
}

static enum err write_entry(struct journal *journal, const struct entry *entry)
{
    const struct moved *moved = entry->moved;

    switch (entry->kind) {
    case ENTRY_NOT_SENT:
        return store_mark_not_sent(journal->store, entry->batch);
    case ENTRY_SPLIT:
        return store_split(journal->store, entry->batch, moved->half, moved->ids, moved->n,
                           entry->wall_ms);
    case ENTRY_SUBMITTED:
        return store_submitted(journal->store, entry->batch, entry->id, entry->wall_ms);
    case ENTRY_BATCH_ENDED:
        return store_end_batch(journal->store, entry->batch, &entry->end);
    case ENTRY_TASK_ENDED:
        return store_end_task(journal->store, entry->id, &entry->end, entry->keep, NULL);
    case ENTRY_FORGOTTEN:
        return store_forget_key(journal->store, entry->key);
    }
    return ERR_INTERNAL;
}

/* Returns true if the entry is finished: written, or rejected for a permanent reason. */
static bool finish(struct journal *journal, struct entry *entry)
{
    enum err err = write_entry(journal, entry);

    note_write(journal, err);
    if (err == ERR_STORAGE_UNAVAILABLE)
        return false;
    if (err)
        log_event(LOG_ERROR, "journal_entry_rejected", LOG_STR("error", err_words(err)),
                  LOG_STR("id", entry->id));
    free_entry(entry);
    return true;
}

/* Returns true if no entry is queued any more. */
static bool write_waiting(struct journal *journal)
{
    bool had_some = journal->waiting != NULL;

    while (journal->waiting) {
        struct entry *first = journal->waiting;
        DL_DELETE(journal->waiting, first);
        if (!finish(journal, first)) {
            DL_PREPEND(journal->waiting, first);
            return false;
        }
        journal->n_waiting--;
    }
    if (had_some)
        log_event(LOG_INFO, "journal_backlog_written");
    return true;
}

/* While the store is unusable, the server gets no requests and may have nothing to write. Then only
 * a trial write can detect that the disk has recovered. */
static void retry(struct timer *timer)
{
    struct journal *journal = container_of(timer, struct journal, retry);

    if (write_waiting(journal) && journal->is_unwell)
        journal->is_unwell = store_try(journal->store, journal->clock->wall_ms) != ERR_OK;
    if (journal->waiting || journal->is_unwell)
        retry_later(journal);
}

/* Takes ownership of the entry. A deferred entry is logged as an error: if the process dies before
 * the disk recovers, this line is all that is left of a paid batch. */
static void record(struct journal *journal, struct entry *entry)
{
    if (!journal->waiting && finish(journal, entry))
        return;
    log_event(LOG_ERROR, "journal_entry_deferred", LOG_STR("entry", kind_words[entry->kind]),
              LOG_STR("id", entry->id));
    if (!journal->waiting)
        retry_later(journal);
    DL_APPEND(journal->waiting, entry);
    journal->n_waiting++;
}

static struct entry *new_entry(const struct journal *journal, enum kind kind, int64_t batch,
                               const char *id)
{
    struct entry *entry = xcalloc(1, sizeof *entry);

    entry->kind = kind;
    entry->batch = batch;
    entry->wall_ms = journal->clock->wall_ms;
    entry->id = id ? xstrdup(id) : NULL;
    return entry;
}

enum store_task_state journal_state_of(const struct task_end *end)
{
    if (!end->err)
        return STORE_ANSWERED;
    if (end->err == ERR_LOOKUP_FAILED)
        return STORE_FAILED;
    return end->charged == CHARGED_NO ? STORE_NOT_CREATED : STORE_UNKNOWN;
}

/* Copies the raw bytes that the store keeps; returns their number. */
static size_t copy_raw(const struct task_end *end, char **ret_raw)
{
    size_t len = end->raw_len < STORE_RAW_MAX ? end->raw_len : STORE_RAW_MAX;

    if (!end->raw || end->raw_len == 0)
        return 0;
    *ret_raw = xcalloc(1, len);
    memcpy(*ret_raw, end->raw, len);
    return len;
}

static void set_end(struct entry *entry, const struct task_end *end)
{
    entry->task_id = end->task_id ? xstrdup(end->task_id) : NULL;
    entry->detail = end->detail ? xstrdup(end->detail) : NULL;
    size_t raw_len = copy_raw(end, &entry->raw);
    entry->end = (struct store_end){.state = journal_state_of(end),
                                    .task_id = entry->task_id,
                                    .err = end->err,
                                    .detail = entry->detail,
                                    .wall_ms = entry->wall_ms,
                                    .refunds_last = end->refunds_last,
                                    .raw = entry->raw,
                                    .raw_len = raw_len,
                                    .parser = OPENMART_PARSER_VERSION};
}

void journal_mark_not_sent(struct journal *journal, int64_t batch)
{
    record(journal, new_entry(journal, ENTRY_NOT_SENT, batch, NULL));
}

void journal_split(struct journal *journal, int64_t batch, int64_t half, const struct task *tasks)
{
    struct entry *entry = new_entry(journal, ENTRY_SPLIT, batch, NULL);
    struct moved *moved = xcalloc(1, sizeof *moved);
    const struct task *task;

    moved->half = half;
    DL_FOREACH (tasks, task) {
        assert(moved->n < OPENMART_BATCH_MAX);
        moved->ids[moved->n] = moved->text[moved->n];
        snprintf(moved->text[moved->n++], ID_TEXT, "%s", task->tracking_id);
    }
    entry->moved = moved;
    record(journal, entry);
}

void journal_submitted(struct journal *journal, int64_t batch, const char *batch_id)
{
    record(journal, new_entry(journal, ENTRY_SUBMITTED, batch, batch_id));
}

void journal_end_batch(struct journal *journal, int64_t batch, const struct task_end *end)
{
    struct entry *entry = new_entry(journal, ENTRY_BATCH_ENDED, batch, NULL);

    set_end(entry, end);
    record(journal, entry);
}

void journal_end_task(struct journal *journal, const struct task *task, const struct task_end *end,
                      const struct result *keep)
{
    struct entry *entry = new_entry(journal, ENTRY_TASK_ENDED, 0, task->tracking_id);

    set_end(entry, end);
    entry->domain = entry->raw ? xstrdup(task->question->parts.domain) : NULL;
    entry->keep = keep ? result_ref(keep) : NULL;
    record(journal, entry);
}

static struct entry *find_deletion(const struct journal *journal, const unsigned char *key)
{
    struct entry *entry;

    DL_FOREACH (journal->waiting, entry)
        if (entry->kind == ENTRY_FORGOTTEN && memcmp(entry->key, key, HASH_SIZE) == 0)
            return entry;
    return NULL;
}

bool journal_is_forgetting(const struct journal *journal, const unsigned char key[HASH_SIZE])
{
    return find_deletion(journal, key) != NULL;
}

void journal_forget(struct journal *journal, const unsigned char key[HASH_SIZE])
{
    struct entry *entry = find_deletion(journal, key);

    if (entry) { /* an entry queued since then may store another result */
        DL_DELETE(journal->waiting, entry);
        DL_APPEND(journal->waiting, entry);
        return;
    }
    entry = new_entry(journal, ENTRY_FORGOTTEN, 0, NULL);
    memcpy(entry->key, key, HASH_SIZE);
    record(journal, entry);
}

void journal_forget_domain(struct journal *journal, const char *domain)
{
    struct entry *entry;

    DL_FOREACH (journal->waiting, entry) {
        if (entry->keep && entry->keep->domain && strcmp(entry->keep->domain, domain) == 0) {
            result_unref(entry->keep);
            entry->keep = NULL;
        }
        if (entry->domain && strcmp(entry->domain, domain) == 0)
            entry->end.raw_len = 0;
    }
}

void journal_free(struct journal *journal)
{
    struct entry *entry, *next;

    if (!journal)
        return;
    write_waiting(journal);
    DL_FOREACH_SAFE (journal->waiting, entry, next)
        free_entry(entry);
    timer_disarm(journal->timers, &journal->retry); /* a failure just now may have armed it */
    free(journal);
}
