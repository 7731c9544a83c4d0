/* SPDX-License-Identifier: MIT */
/* behaviour.c - see behaviour.h. The rule of a domain is stored as given; missing fields follow
 * from the name at each look-up. */
#include "tests/simulator/behaviour.h"

#include "base/hashtable.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- settings ---- */

static const char *const filter_words[] = {"honour", "ignore", "reject", NULL};
static const char *const checked_words[] = {"submit", "task", NULL};

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

/* ---- rules ---- */

#define DATA_MAX ((size_t)64 << 20) /* "data_copies" can make a small text large */

/* A rule as given. */
struct entry {
    char *domain;
    int64_t time_ms;               /* -1: not set */
    char state[SETTING_TEXT_ROOM]; /* "": not set */
    char *data;                    /* NULL: not set; the same for raw */
    size_t emails;
    unsigned tracking_id; /* enum tracking */
    char *raw;
    size_t raw_len;
    UT_hash_handle hh;
};

struct rules {
    struct entry *by_domain;
};

struct rules *rules_new(void)
{
    return xcalloc(1, sizeof(struct rules));
}

static void entry_free(struct entry *entry)
{
    free(entry->domain);
    free(entry->data);
    free(entry->raw);
    free(entry);
}

static void remove_entry(struct rules *rules, struct entry *entry)
{
    HASH_DEL(rules->by_domain, entry);
    entry_free(entry);
}

void rules_clear(struct rules *rules)
{
    struct entry *entry, *next;

    HASH_ITER (hh, rules->by_domain, entry, next)
        remove_entry(rules, entry);
}

void rules_free(struct rules *rules)
{
    if (rules)
        rules_clear(rules);
    free(rules);
}

static struct entry *find(const struct rules *rules, const char *domain)
{
    struct entry *entry = NULL;

    HASH_FIND_STR(rules->by_domain, domain, entry);
    return entry;
}

/* Returns 60 s for a name that begins with "slow60", 0 for all other names. */
static int64_t slower_ms(const char *domain)
{
    char digits[8] = "";
    int64_t seconds = 0;

    if (strncmp(domain, "slow", 4) != 0)
        return 0;
    size_t n = strspn(domain + 4, "0123456789");
    if (n == 0 || n >= sizeof(digits))
        return 0;
    memcpy(digits, domain + 4, n);
    return parse_count(digits, &seconds) == ERR_OK ? seconds * 1000 : 0;
}

static struct rule by_name(const char *domain)
{
    static const struct {
        const char *prefix, *state, *data;
    } names[] = {
        {"empty", "COMPLETED", "[]"},
        {"errored", "ERRORED", "null"},
        {"cancelled", "CANCELLED", "null"},
    };
    struct rule rule = {.time_ms = -1, .state = "COMPLETED", .emails = 2};

    rule.slower_ms = slower_ms(domain);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strncmp(domain, names[i].prefix, strlen(names[i].prefix)) != 0)
            continue;
        rule.state = names[i].state;
        rule.data = names[i].data;
        rule.emails = 0;
    }
    return rule;
}

/* A state set by a test does not imply data: only COMPLETED tasks have data by default. */
static void override_state(struct rule *rule, const char *state)
{
    bool completed = strcmp(state, "COMPLETED") == 0;

    rule->state = state;
    rule->data = completed ? NULL : "null";
    rule->emails = completed ? 2 : 0;
}

struct rule rules_find(const struct rules *rules, const char *domain)
{
    const struct entry *entry = find(rules, domain);
    struct rule rule = by_name(domain);

    if (!entry)
        return rule;
    if (entry->time_ms >= 0)
        rule.time_ms = entry->time_ms;
    if (entry->state[0])
        override_state(&rule, entry->state);
    if (entry->data) {
        rule.data = entry->data;
        rule.emails = entry->emails;
    }
    rule.tracking = (enum tracking)entry->tracking_id;
    rule.raw_body = entry->raw;
    rule.raw_len = entry->raw_len;
    return rule;
}

static enum err read_data(void *target, const struct setting_value *value, const char **ret_why)
{
    struct entry *entry = target;

    (void)ret_why;
    free(entry->data);
    entry->data = xstrndup(value->text.at, value->text.len);
    entry->emails = json_size(json_get(value->object, value->key));
    return ERR_OK;
}

/* Repeats the elements of data: [x] with 3 copies is [x,x,x]. */
static enum err read_copies(void *target, const struct setting_value *value, const char **ret_why)
{
    struct entry *entry = target;
    int64_t copies = json_get_int(value->object, value->key, 0);
    autobuf struct buf out = BUF_INIT(DATA_MAX);

    (void)ret_why;
    if (copies < 1 || entry->emails == 0)
        return ERR_SYNTAX;
    size_t inner = strlen(entry->data) - 2; /* without the brackets */
    for (int64_t i = 0; i < copies && !out.overflowed; i++) {
        buf_add_str(&out, i ? "," : "[");
        buf_add(&out, entry->data + 1, inner);
    }
    if (buf_add_str(&out, "]") != ERR_OK || out.overflowed)
        return ERR_TOO_BIG;
    free(entry->data);
    entry->data = buf_take(&out, NULL);
    entry->emails *= (size_t)copies;
    return ERR_OK;
}

/* Reads raw_task_body and raw_task_body_hex. */
static enum err read_raw(void *target, const struct setting_value *value, const char **ret_why)
{
    struct entry *entry = target;
    const char *given = json_get_string(value->object, value->key);
    autobuf struct buf body = BUF_INIT(JSON_MAX_BYTES);

    (void)ret_why;
    if (!given)
        return ERR_SYNTAX;
    bool hex = strcmp(value->key, "raw_task_body_hex") == 0;
    enum err err = hex ? parse_hex(given, &body) : buf_add_str(&body, given);
    if (err)
        return err;
    free(entry->raw);
    entry->raw = buf_take(&body, &entry->raw_len);
    return ERR_OK;
}

static const char *const tracking_words[] = {
    [TRACKING_KEEP] = "keep",     [TRACKING_MISSING] = "missing", [TRACKING_NULL] = "null",
    [TRACKING_SWAP] = "swap",     [TRACKING_EMPTY] = "empty",     [TRACKING_NUMBER] = "number",
    [TRACKING_NUMBER + 1] = NULL,
};

/* data_copies follows data, which it repeats. */
static const struct setting fields[] = {
    {MEMBER(entry, time_ms), .kind = SETTING_TIME},
    {MEMBER(entry, state), .kind = SETTING_TEXT},
    {.key = "data", .kind = SETTING_OTHER, .read = read_data},
    {.key = "data_copies", .kind = SETTING_OTHER, .read = read_copies},
    {MEMBER(entry, tracking_id), .kind = SETTING_WORD, .words = tracking_words},
    {.key = "raw_task_body", .kind = SETTING_OTHER, .read = read_raw},
    {.key = "raw_task_body_hex", .kind = SETTING_OTHER, .read = read_raw},
};

enum err rules_put(struct rules *rules, const char *domain, const char *text, size_t len,
                   const char **ret_why)
{
    struct entry *entry = xcalloc(1, sizeof(*entry));

    entry->domain = xstrdup(domain);
    entry->time_ms = -1;
    enum err err =
        settings_parse(fields, ARRAY_LEN(fields), entry, (struct json_span){text, len}, ret_why);
    if (err) {
        entry_free(entry);
        return err;
    }
    rules_drop(rules, domain);
    HASH_ADD_KEYPTR(hh, rules->by_domain, entry->domain, strlen(entry->domain), entry);
    return ERR_OK;
}

enum err rules_drop(struct rules *rules, const char *domain)
{
    struct entry *entry = find(rules, domain);

    if (!entry)
        return ERR_NO_ENTRY;
    remove_entry(rules, entry);
    return ERR_OK;
}

void rules_default_data(const char *domain, struct buf *out)
{
    static const char *const boxes[] = {"info", "support"};

    for (size_t i = 0; i < ARRAY_LEN(boxes); i++) {
        autobuf struct buf email = BUF_INIT(JSON_MAX_BYTES);
        buf_addf(&email, "%s@%s", boxes[i], domain);
        buf_add_str(out, i ? ",{\"email\":" : "[{\"email\":");
        json_add_text(out, buf_str(&email));
        buf_add_str(out, ",\"status\":\"VALID\"}");
    }
    buf_add_str(out, "]");
}
