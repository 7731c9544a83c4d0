/* SPDX-License-Identifier: MIT */
/* behaviour.c - see behaviour.h. A row says where its setting is in the struct, and its kind. A
 * kind reads a setting from a flag and from JSON, and writes it. */
#include "tests/simulator/behaviour.h"

#include "base/json.h"
#include "base/mem.h"
#include "tests/simulator/parse.h"

#include <string.h>

enum kind { KIND_TIME, KIND_COUNT, KIND_PRICE, KIND_SWITCH, KIND_WORD, KIND_TEXT };

static const char *const filter_words[] = {"honour", "ignore", "reject", NULL};
static const char *const checked_words[] = {"submit", "task", NULL};

struct setting {
    const char *flag, *key;
    enum kind kind;
    size_t offset;
    const char *const *words; /* of KIND_WORD */
    const char *help;
};

#define AT(member) offsetof(struct behaviour, member)

static const struct setting settings[] = {
    {"submit-delay", "submit_delay_ms", KIND_TIME, AT(submit_delay_ms), NULL,
     "sleep before a submit is handled (26s)"},
    {"auth-delay", "auth_delay", KIND_SWITCH, AT(auth_delay), NULL,
     "sleep before a submit's 401, too"},
    {"task-time", "task_time_ms", KIND_TIME, AT(task_time_ms), NULL,
     "from a task's creation to its end (2s)"},
    {"task-time-jitter", "task_time_jitter_ms", KIND_TIME, AT(task_time_jitter_ms), NULL,
     "up to so much longer, drawn for each task (0)"},
    {"retention", "retention_ms", KIND_TIME, AT(retention_ms), NULL,
     "answer 404 for batches older than this (0: never)"},
    {"credits", "credits", KIND_COUNT, AT(credits), NULL, "balance at the start (10000)"},
    {"credits-checked", "credits_checked", KIND_WORD, AT(credits_checked), checked_words,
     "at the submit, or as each task ends (submit)"},
    {"reserve-per-task", "reserve_per_task", KIND_PRICE, AT(reserve_per_task), NULL,
     "held back at submit, rounded up per batch (0.3)"},
    {"price-per-email", "price_per_email", KIND_PRICE, AT(price_per_email), NULL,
     "of a completed task, rounded up per task (0.3)"},
    {"price-per-empty-task", "price_per_empty_task", KIND_PRICE, AT(price_per_empty_task), NULL,
     "of a completed task without an email (0)"},
    {"submit-for", "submit_for", KIND_TEXT, AT(submit_for), NULL,
     "the submit's submit_for (lookup_business_email)"},
    {"status-filter", "status_filter", KIND_WORD, AT(status_filter), filter_words,
     "?status= of task_ids: honour, ignore or reject"},
    {"shuffle-task-ids", "shuffle_task_ids", KIND_SWITCH, AT(shuffle_task_ids), NULL,
     "list task ids out of order"},
    {"duplicate-task-ids", "duplicate_task_ids", KIND_SWITCH, AT(duplicate_task_ids), NULL,
     "list each task id twice"},
    {"extra-foreign-task-ids", "extra_foreign_task_ids", KIND_COUNT, AT(extra_foreign_task_ids),
     NULL, "so many ids of other batches in each list (0)"},
    {"list-only-at-end", "list_only_at_end", KIND_SWITCH, AT(list_only_at_end), NULL,
     "list no task ids before the batch is ready"},
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

static void *slot(struct behaviour *behaviour, const struct setting *setting)
{
    return (char *)behaviour + setting->offset;
}

static int64_t number(const struct behaviour *behaviour, const struct setting *setting)
{
    return *(const int64_t *)(const void *)((const char *)behaviour + setting->offset);
}

static enum err set_word(int64_t *slot, const char *const *words, const char *value)
{
    for (int64_t i = 0; words[i]; i++) {
        if (strcmp(words[i], value) != 0)
            continue;
        *slot = i;
        return ERR_OK;
    }
    return ERR_SYNTAX;
}

static enum err set_text(char *slot, const char *value)
{
    size_t len = strlen(value);

    if (len >= SUBMIT_FOR_ROOM)
        return ERR_SYNTAX;
    memcpy(slot, value, len + 1);
    return ERR_OK;
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

    return setting && setting->kind == KIND_SWITCH;
}

enum err behaviour_set_flag(struct behaviour *behaviour, const char *name, const char *value)
{
    const struct setting *setting = by_flag(name);

    if (!setting)
        return ERR_NO_ENTRY;
    if ((setting->kind == KIND_SWITCH) != (value == NULL))
        return ERR_SYNTAX;
    switch (setting->kind) {
    case KIND_TIME:
        return parse_duration(value, slot(behaviour, setting));
    case KIND_COUNT:
        return parse_count(value, slot(behaviour, setting));
    case KIND_PRICE:
        return parse_thousandths(value, slot(behaviour, setting));
    case KIND_WORD:
        return set_word(slot(behaviour, setting), setting->words, value);
    case KIND_TEXT:
        return set_text(slot(behaviour, setting), value);
    case KIND_SWITCH:
        break;
    }
    *(bool *)slot(behaviour, setting) = true;
    return ERR_OK;
}

static bool is_bool(const struct json *doc, const char *key)
{
    return json_get_bool(doc, key, false) == json_get_bool(doc, key, true);
}

/* true and false count as 1 and 0, so that "extra_foreign_task_ids": true means one. */
static enum err set_number(int64_t *slot, const struct json *doc, const char *key)
{
    int64_t value = is_bool(doc, key) ? json_get_bool(doc, key, false) : json_get_int(doc, key, -1);

    if (value < 0)
        return ERR_SYNTAX;
    *slot = value;
    return ERR_OK;
}

static enum err set_price(int64_t *slot, const struct json *doc, const char *key)
{
    const char *text = json_get_string(doc, key);
    int64_t whole = 0;

    if (text)
        return parse_thousandths(text, slot);
    enum err err = set_number(&whole, doc, key);
    if (!err)
        *slot = whole * 1000;
    return err;
}

static enum err set_switch(bool *slot, const struct json *doc, const char *key)
{
    if (!is_bool(doc, key))
        return ERR_SYNTAX;
    *slot = json_get_bool(doc, key, false);
    return ERR_OK;
}

static enum err set_member(struct behaviour *behaviour, const struct setting *setting,
                           const struct json *doc)
{
    const char *text = json_get_string(doc, setting->key);

    switch (setting->kind) {
    case KIND_TIME:
    case KIND_COUNT:
        return set_number(slot(behaviour, setting), doc, setting->key);
    case KIND_PRICE:
        return set_price(slot(behaviour, setting), doc, setting->key);
    case KIND_SWITCH:
        return set_switch(slot(behaviour, setting), doc, setting->key);
    case KIND_WORD:
        return text ? set_word(slot(behaviour, setting), setting->words, text) : ERR_SYNTAX;
    case KIND_TEXT:
        return text ? set_text(slot(behaviour, setting), text) : ERR_SYNTAX;
    }
    return ERR_SYNTAX;
}

static const struct setting *by_key(struct json_span key)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        if (json_span_is(key, settings[i].key))
            return &settings[i];
    return NULL;
}

static enum err set_all(struct behaviour *behaviour, struct json_span text, const struct json *doc,
                        const char **ret_why)
{
    struct json_span key, value;

    for (size_t pos = 0; json_span_member(text, &pos, &key, &value);) {
        const struct setting *setting = by_key(key);
        if (!setting) {
            *ret_why = "unknown key";
            return ERR_NO_ENTRY;
        }
        if (set_member(behaviour, setting, doc) != ERR_OK) {
            *ret_why = setting->key;
            return ERR_SYNTAX;
        }
    }
    return ERR_OK;
}

enum err behaviour_set_json(struct behaviour *behaviour, const char *text, size_t len,
                            const char **ret_why)
{
    struct json *doc = NULL;
    struct behaviour changed = *behaviour;
    enum err err = json_parse(text, len, &doc);

    if (!err && !json_is_object(doc))
        err = ERR_SYNTAX;
    if (err)
        *ret_why = "not a JSON object";
    else
        err = set_all(&changed, (struct json_span){text, len}, doc, ret_why);
    json_free(doc);
    if (!err)
        *behaviour = changed;
    return err;
}

static void write_value(const struct behaviour *behaviour, const struct setting *setting,
                        struct buf *out)
{
    switch (setting->kind) {
    case KIND_TIME:
    case KIND_COUNT:
        buf_addf(out, "%lld", (long long)number(behaviour, setting));
        break;
    case KIND_PRICE:
        buf_addf(out, "\"%lld.%03lld\"", (long long)number(behaviour, setting) / 1000,
                 (long long)number(behaviour, setting) % 1000);
        break;
    case KIND_SWITCH:
        buf_add_str(out,
                    *(const bool *)((const char *)behaviour + setting->offset) ? "true" : "false");
        break;
    case KIND_WORD:
        json_add_text(out, setting->words[number(behaviour, setting)]);
        break;
    case KIND_TEXT:
        json_add_text(out, (const char *)behaviour + setting->offset);
        break;
    }
}

void behaviour_write(const struct behaviour *behaviour, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        buf_addf(out, "%s\"%s\":", i ? "," : "{", settings[i].key);
        write_value(behaviour, &settings[i], out);
    }
    buf_add_str(out, "}");
}

void behaviour_help(FILE *out)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        fprintf(out, "  --%-24s %s\n", settings[i].flag, settings[i].help);
}
