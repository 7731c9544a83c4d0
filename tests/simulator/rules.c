/* SPDX-License-Identifier: MIT */
/* rules.c - the rules for the tasks of single domains; see behaviour.h. A rule is stored as given;
 * missing fields follow from the name at each look-up. */
#include "tests/simulator/behaviour.h"

#include "base/hashtable.h"
#include "base/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MEMBER(type, name) #name, offsetof(struct type, name)

#define DATA_MAX ((size_t)64 << 20) /* "data_copies" can make a small text large */

#define SHAPE_NOT_SET UINT_MAX

/* A rule as given. */
struct entry {
    char *domain;
    int64_t time_ms;               /* -1: not set */
    char state[SETTING_TEXT_ROOM]; /* "": not set */
    char *data;                    /* NULL: not set; the same for raw */
    size_t emails;
    unsigned tracking_id; /* enum tracking */
    unsigned shape;       /* enum task_shape; SHAPE_NOT_SET: not set */
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
    struct rule rule = {.time_ms = -1, .state = "COMPLETED", .emails = 2, .shape = -1};

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
    if (entry->shape != SHAPE_NOT_SET)
        rule.shape = (int64_t)entry->shape;
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
    {MEMBER(entry, shape), .kind = SETTING_WORD, .words = task_shape_words},
    {.key = "raw_task_body", .kind = SETTING_OTHER, .read = read_raw},
    {.key = "raw_task_body_hex", .kind = SETTING_OTHER, .read = read_raw},
};

enum err rules_put(struct rules *rules, const char *domain, const char *text, size_t len,
                   const char **ret_why)
{
    struct entry *entry = xcalloc(1, sizeof(*entry));

    entry->domain = xstrdup(domain);
    entry->time_ms = -1;
    entry->shape = SHAPE_NOT_SET;
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
