/* SPDX-License-Identifier: MIT */
/* journal_entry.c - see journal_entry.h. */
#include "lookup/records/journal_entry.h"

#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static const char *const words[] = {
    [ENTRY_NOT_SENT] = "result",    [ENTRY_RESUBMITTED] = "resubmit",
    [ENTRY_SUBMITTED] = "batch-id", [ENTRY_SPLIT] = "split",
    [ENTRY_BATCH_ENDED] = "result", [ENTRY_TASK_ENDED] = "result",
    [ENTRY_FORGOTTEN] = "deletion",
};

void entry_log_unwritten(struct entry *entry)
{
    if (entry->is_logged)
        return;
    entry->is_logged = true;
    log_event(LOG_ERROR, "journal_entry_deferred", LOG_STR("entry", words[entry->kind]),
              LOG_STR("id", entry->id));
}

struct entry *entry_new(enum entry_kind kind, int64_t batch, const char *id)
{
    struct entry *entry = xcalloc(1, sizeof *entry);

    entry->kind = kind;
    entry->batch = batch;
    entry->id = id ? xstrdup(id) : NULL;
    return entry;
}

void entry_free(struct entry *entry)
{
    free(entry->id);
    free(entry->task_id);
    free(entry->detail);
    free(entry->raw);
    free(entry->id_texts);
    free(entry->tracking_ids);
    result_unref(entry->keep);
    free(entry);
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
                                    .refunds_last = end->refunds_last,
                                    .raw = entry->raw,
                                    .raw_len = raw_len,
                                    .parser = OPENMART_PARSER_VERSION};
}

static void set_tracking_ids(struct entry *entry, const struct task *tasks)
{
    const struct task *task;
    size_t n = 0;

    DL_COUNT(tasks, task, n);
    entry->id_texts = xcalloc(n, sizeof *entry->id_texts);
    entry->tracking_ids = xcalloc(n, sizeof *entry->tracking_ids);
    DL_FOREACH (tasks, task) {
        size_t i = entry->n_ids++;
        memcpy(entry->id_texts[i], task->tracking_id, ID_TEXT);
        entry->tracking_ids[i] = entry->id_texts[i];
    }
}

/* ---- what has happened ---- */

enum store_task_state journal_state_of(const struct task_end *end)
{
    if (!end->err)
        return STORE_ANSWERED;
    if (end->err == ERR_LOOKUP_FAILED)
        return STORE_FAILED;
    return end->charged == CHARGED_NO ? STORE_NOT_CREATED : STORE_UNKNOWN;
}

void journal_mark_not_sent(struct journal *journal, int64_t batch)
{
    journal_record(journal, entry_new(ENTRY_NOT_SENT, batch, NULL));
}

void journal_repeat_resubmitted(struct journal *journal, int64_t batch, int64_t day)
{
    struct entry *entry = entry_new(ENTRY_RESUBMITTED, batch, NULL);

    entry->day = day;
    journal_record(journal, entry);
}

void journal_submitted(struct journal *journal, int64_t batch, const char *batch_id)
{
    journal_record(journal, entry_new(ENTRY_SUBMITTED, batch, batch_id));
}

void journal_split(struct journal *journal, int64_t batch, int64_t half, const struct task *tasks)
{
    struct entry *entry = entry_new(ENTRY_SPLIT, batch, NULL);

    entry->half = half;
    set_tracking_ids(entry, tasks);
    journal_record(journal, entry);
}

void journal_end_batch(struct journal *journal, int64_t batch, const struct task_end *end)
{
    struct entry *entry = entry_new(ENTRY_BATCH_ENDED, batch, NULL);

    set_end(entry, end);
    journal_record(journal, entry);
}

void journal_end_task(struct journal *journal, const struct task *task, const struct task_end *end,
                      const struct result *keep)
{
    struct entry *entry = entry_new(ENTRY_TASK_ENDED, 0, task->tracking_id);

    set_end(entry, end);
    entry->keep = keep ? result_ref(keep) : NULL;
    journal_record(journal, entry);
}

/* ---- writing ---- */

struct entry *entry_of(struct store_call *call)
{
    return container_of(call, struct entry, call.any);
}

void entry_post(struct entry *entry, struct store_calls *calls, store_done_fn *done)
{
    const struct store_call call = {.done = done};

    entry->end.wall_ms = entry->wall_ms;
    switch (entry->kind) {
    case ENTRY_NOT_SENT:
        entry->call.not_sent = (struct store_mark_not_sent_call){call, entry->batch};
        store_post_mark_not_sent(calls, &entry->call.not_sent);
        break;
    case ENTRY_RESUBMITTED:
        entry->call.resubmitted =
            (struct store_mark_resubmitted_call){call, entry->batch, entry->day};
        store_post_mark_resubmitted(calls, &entry->call.resubmitted);
        break;
    case ENTRY_SUBMITTED:
        entry->call.submitted =
            (struct store_submitted_call){call, entry->batch, entry->id, entry->wall_ms};
        store_post_submitted(calls, &entry->call.submitted);
        break;
    case ENTRY_SPLIT:
        entry->call.split = (struct store_split_call){
            call, entry->batch, entry->half, entry->tracking_ids, entry->n_ids, entry->wall_ms};
        store_post_split(calls, &entry->call.split);
        break;
    case ENTRY_BATCH_ENDED:
        entry->call.end_batch = (struct store_end_batch_call){call, entry->batch, entry->end};
        store_post_end_batch(calls, &entry->call.end_batch);
        break;
    case ENTRY_TASK_ENDED:
        entry->call.end_task =
            (struct store_end_task_call){call, entry->id, entry->end, entry->keep, false};
        store_post_end_task(calls, &entry->call.end_task);
        break;
    case ENTRY_FORGOTTEN:
        entry->call.forget = (struct store_forget_key_call){.call = call};
        memcpy(entry->call.forget.key, entry->key, HASH_SIZE);
        store_post_forget_key(calls, &entry->call.forget);
        break;
    }
}
