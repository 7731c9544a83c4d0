/* SPDX-License-Identifier: MIT */
/* behaviour.c - the settings for all calls; see behaviour.h. */
#include "tests/simulator/behaviour.h"

#include "base/mem.h"

#include <string.h>

/* ---- settings ---- */

static const char *const filter_words[] = {"honour", "ignore", "reject", NULL};
static const char *const checked_words[] = {"submit", "task", NULL};
static const char *const notify_words[] = {"never", "created", "done", "twice", "reversed", NULL};
static const char *const notify_body_words[] = {"task",    "batch", "empty", "form",
                                                "garbage", "mixed", NULL};
static const char *const status_words[] = {"flat",   "nested",       "under_data", "texts",
                                           "frozen", "frozen_texts", "other",      NULL};
static const char *const submit_words[] = {"documented", "under_data", "under_status", "no_id",
                                           NULL};
static const char *const balance_words[] = {"documented", "missing", "under_data",
                                            "text",       "other",   NULL};
static const char *const id_words[] = {"uuid", "odd", "integer", NULL};
const char *const task_shape_words[] = {
    "documented",   "data_object", "strings",      "email_object", "result",  "results", "emails",
    "not_a_number", "blanks",      "text_numbers", "large",        "address", NULL};
const char *const coding_words[] = {"none",        "accepted", "gzip", "deflate",
                                    "deflate_raw", "br_label", NULL};

#define MEMBER(type, name) #name, offsetof(struct type, name)

static const struct setting settings[] = {
    {MEMBER(behaviour, submit_delay_ms), .kind = SETTING_TIME, .flag = "submit-delay",
     .help = "sleep before a submit is handled (26s)"},
    {MEMBER(behaviour, auth_delay), .kind = SETTING_SWITCH, .flag = "auth-delay",
     .help = "sleep before a submit's 401, too"},
    {MEMBER(behaviour, task_time_ms), .kind = SETTING_TIME, .flag = "task-time",
     .help = "from a task's creation to its end (2s)"},
    {MEMBER(behaviour, task_time_jitter_ms), .kind = SETTING_TIME, .flag = "task-time-jitter",
     .help = "up to so much longer, drawn for each task (0)"},
    {MEMBER(behaviour, retention_ms), .kind = SETTING_TIME, .flag = "retention",
     .help = "answer 404 for batches older than this (0: never)"},
    {MEMBER(behaviour, reads_per_second), .kind = SETTING_NUMBER, .flag = "reads-per-second",
     .help = "answer 429 to more status, task_ids and task calls (0: never)"},
    {MEMBER(behaviour, credits), .kind = SETTING_NUMBER, .flag = "credits",
     .help = "balance at the start (10000)"},
    {MEMBER(behaviour, credits_checked), .kind = SETTING_WORD, .words = checked_words,
     .flag = "credits-checked", .help = "at the submit, or as each task ends (submit)"},
    {MEMBER(behaviour, reserve_per_task), .kind = SETTING_PRICE, .flag = "reserve-per-task",
     .help = "held back at submit, rounded up per batch (0.3)"},
    {MEMBER(behaviour, price_per_email), .kind = SETTING_PRICE, .flag = "price-per-email",
     .help = "of a completed task, rounded up per task (0.3)"},
    {MEMBER(behaviour, price_per_empty_task), .kind = SETTING_PRICE, .flag = "price-per-empty-task",
     .help = "of a completed task without an email (0)"},
    {MEMBER(behaviour, submit_for), .kind = SETTING_TEXT, .flag = "submit-for",
     .help = "the submit's submit_for (lookup_business_email)"},
    {MEMBER(behaviour, status_filter), .kind = SETTING_WORD, .words = filter_words,
     .flag = "status-filter", .help = "?status= of task_ids: honour, ignore or reject"},
    {MEMBER(behaviour, shuffle_task_ids), .kind = SETTING_SWITCH, .flag = "shuffle-task-ids",
     .help = "list task ids out of order"},
    {MEMBER(behaviour, duplicate_task_ids), .kind = SETTING_SWITCH, .flag = "duplicate-task-ids",
     .help = "list each task id twice"},
    {MEMBER(behaviour, extra_foreign_task_ids), .kind = SETTING_NUMBER,
     .flag = "extra-foreign-task-ids", .help = "so many ids of other batches in each list (0)"},
    {MEMBER(behaviour, list_only_at_end), .kind = SETTING_SWITCH, .flag = "list-only-at-end",
     .help = "list no task ids before the batch is ready"},
    {MEMBER(behaviour, task_shape), .kind = SETTING_WORD, .words = task_shape_words,
     .flag = "task-shape", .help = "form of a task read (documented)"},
    {MEMBER(behaviour, status_shape), .kind = SETTING_WORD, .words = status_words,
     .flag = "status-shape", .help = "form of the status (flat)"},
    {MEMBER(behaviour, submit_shape), .kind = SETTING_WORD, .words = submit_words,
     .flag = "submit-shape", .help = "form of a submit's response (documented)"},
    {MEMBER(behaviour, balance_shape), .kind = SETTING_WORD, .words = balance_words,
     .flag = "balance-shape", .help = "form of the balance; missing: 404 (documented)"},
    {MEMBER(behaviour, id_form), .kind = SETTING_WORD, .words = id_words, .flag = "id-form",
     .help = "ids of new batches and tasks: uuid, odd or integer (uuid)"},
    {MEMBER(behaviour, content_coding), .kind = SETTING_WORD, .words = coding_words,
     .flag = "content-coding", .help = "of all responses (none)"},
    {MEMBER(behaviour, notify), .kind = SETTING_WORD, .words = notify_words, .flag = "notify",
     .help = "when to call notify_url (never)"},
    {MEMBER(behaviour, notify_delay_ms), .kind = SETTING_TIME, .flag = "notify-delay",
     .help = "so much later (0)"},
    {MEMBER(behaviour, notify_body), .kind = SETTING_WORD, .words = notify_body_words,
     .flag = "notify-body", .help = "what to send to notify_url (task)"},
};

struct behaviour behaviour_default(void)
{
    return (struct behaviour){.submit_delay_ms = 26000,
                              .task_time_ms = 2000,
                              .credits = 10000,
                              .reserve_per_task = 300,
                              .price_per_email = 300,
                              .submit_for = "lookup_business_email"};
}

static const struct setting *by_flag(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        if (strcmp(settings[i].flag, name) == 0)
            return &settings[i];
    return NULL;
}

bool behaviour_is_switch(const char *name)
{
    const struct setting *setting = by_flag(name);

    return setting && setting->kind == SETTING_SWITCH;
}

enum err behaviour_set_flag(struct behaviour *behaviour, const char *name, const char *value)
{
    const struct setting *setting = by_flag(name);

    if (!setting)
        return ERR_NO_ENTRY;
    if ((setting->kind == SETTING_SWITCH) != (value == NULL))
        return ERR_SYNTAX;
    void *slot = (char *)behaviour + setting->offset;
    switch (setting->kind) {
    case SETTING_TIME:
        return parse_duration(value, slot);
    case SETTING_NUMBER:
        return parse_count(value, slot);
    case SETTING_PRICE:
        return parse_thousandths(value, slot);
    case SETTING_WORD:
        return setting_word(setting, value, slot);
    case SETTING_TEXT:
        return setting_text(value, slot);
    case SETTING_SWITCH:
        *(bool *)slot = true;
        return ERR_OK;
    case SETTING_OTHER:
        break;
    }
    return ERR_SYNTAX;
}

enum err behaviour_set_json(struct behaviour *behaviour, const char *text, size_t len,
                            const char **ret_why)
{
    struct behaviour changed = *behaviour;
    enum err err = settings_parse(settings, ARRAY_LEN(settings), &changed,
                                  (struct json_span){text, len}, ret_why);

    if (!err)
        *behaviour = changed;
    return err;
}

static void write_value(const struct setting *setting, const void *value, struct buf *out)
{
    switch (setting->kind) {
    case SETTING_TIME:
    case SETTING_NUMBER:
        buf_addf(out, "%lld", (long long)*(const int64_t *)value);
        break;
    case SETTING_PRICE:
        buf_addf(out, "\"%lld.%03lld\"", (long long)*(const int64_t *)value / 1000,
                 (long long)*(const int64_t *)value % 1000);
        break;
    case SETTING_SWITCH:
        buf_add_str(out, *(const bool *)value ? "true" : "false");
        break;
    case SETTING_WORD:
        json_add_text(out, setting->words[*(const unsigned *)value]);
        break;
    case SETTING_TEXT:
        json_add_text(out, value);
        break;
    case SETTING_OTHER:
        break;
    }
}

void behaviour_write(const struct behaviour *behaviour, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        buf_addf(out, "%s\"%s\":", i ? "," : "{", settings[i].key);
        write_value(&settings[i], (const char *)behaviour + settings[i].offset, out);
    }
    buf_add_str(out, "}");
}

void behaviour_help(FILE *out)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        fprintf(out, "  --%-24s %s\n", settings[i].flag, settings[i].help);
}
