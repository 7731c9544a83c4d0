/* SPDX-License-Identifier: MIT */
/* rules.c - see rules.h. The settings of a domain are stored as given; missing ones follow from
 * the name at each look-up. */
#include "tests/simulator/rules.h"

#include "base/hashtable.h"
#include "base/json.h"
#include "base/mem.h"
#include "tests/simulator/parse.h"

#include <stdlib.h>
#include <string.h>

#define DATA_MAX ((size_t)64 << 20) /* "copies" can make a small text large */

struct said {
    char *domain;
    int64_t time_ms; /* -1: not set */
    char *state;     /* NULL: not set; the same for data and raw */
    char *data;
    size_t emails;
    enum tracking tracking;
    char *raw;
    size_t raw_len;
    UT_hash_handle hh;
};

struct rules {
    struct said *by_domain;
};

struct rules *rules_new(void)
{
    return xcalloc(1, sizeof(struct rules));
}

static void said_free(struct said *said)
{
    free(said->domain);
    free(said->state);
    free(said->data);
    free(said->raw);
    free(said);
}

static void forget(struct rules *rules, struct said *said)
{
    HASH_DEL(rules->by_domain, said);
    said_free(said);
}

void rules_clear(struct rules *rules)
{
    struct said *said, *next;

    HASH_ITER (hh, rules->by_domain, said, next)
        forget(rules, said);
}

void rules_free(struct rules *rules)
{
    if (rules)
        rules_clear(rules);
    free(rules);
}

static struct said *find(const struct rules *rules, const char *domain)
{
    struct said *said = NULL;

    HASH_FIND_STR(rules->by_domain, domain, said);
    return said;
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
    const struct said *said = find(rules, domain);
    struct rule rule = by_name(domain);

    if (!said)
        return rule;
    if (said->time_ms >= 0)
        rule.time_ms = said->time_ms;
    if (said->state)
        override_state(&rule, said->state);
    if (said->data) {
        rule.data = said->data;
        rule.emails = said->emails;
    }
    rule.tracking = said->tracking;
    rule.raw_body = said->raw;
    rule.raw_len = said->raw_len;
    return rule;
}

/* Applies one key of PUT /sim/domains/{domain}. `doc` is the whole object, `value` the text of
 * the key. */
typedef enum err read_fn(struct said *said, const struct json *doc, struct json_span value);

static enum err read_time(struct said *said, const struct json *doc, struct json_span value)
{
    (void)value;
    said->time_ms = json_get_int(doc, "time_ms", -1);
    return said->time_ms >= 0 ? ERR_OK : ERR_SYNTAX;
}

static enum err read_state(struct said *said, const struct json *doc, struct json_span value)
{
    const char *state = json_get_string(doc, "state");

    (void)value;
    if (!state)
        return ERR_SYNTAX;
    free(said->state);
    said->state = xstrdup(state);
    return ERR_OK;
}

static enum err read_data(struct said *said, const struct json *doc, struct json_span value)
{
    free(said->data);
    said->data = xstrndup(value.at, value.len);
    said->emails = json_size(json_get(doc, "data"));
    return ERR_OK;
}

/* Repeats the elements of data: [x] with 3 copies is [x,x,x]. */
static enum err read_copies(struct said *said, const struct json *doc, struct json_span value)
{
    int64_t copies = json_get_int(doc, "data_copies", 0);
    struct json_span data = {0};
    autobuf struct buf out = BUF_INIT(DATA_MAX);

    (void)value;
    if (copies < 1 || said->emails == 0)
        return ERR_SYNTAX;
    data = (struct json_span){said->data + 1, strlen(said->data) - 2}; /* without its brackets */
    for (int64_t i = 0; i < copies && !out.overflowed; i++) {
        buf_add_str(&out, i ? "," : "[");
        buf_add(&out, data.at, data.len);
    }
    if (buf_add_str(&out, "]") != ERR_OK || out.overflowed)
        return ERR_TOO_BIG;
    free(said->data);
    said->data = buf_take(&out, &data.len);
    said->emails *= (size_t)copies;
    return ERR_OK;
}

static enum err read_tracking(struct said *said, const struct json *doc, struct json_span value)
{
    static const struct {
        const char *word;
        enum tracking tracking;
    } words[] = {{"keep", TRACKING_KEEP},   {"missing", TRACKING_MISSING},
                 {"null", TRACKING_NULL},   {"swap", TRACKING_SWAP},
                 {"empty", TRACKING_EMPTY}, {"number", TRACKING_NUMBER}};
    const char *text = json_get_string(doc, "tracking_id");

    (void)value;
    for (size_t i = 0; text && i < ARRAY_LEN(words); i++) {
        if (strcmp(words[i].word, text) != 0)
            continue;
        said->tracking = words[i].tracking;
        return ERR_OK;
    }
    return ERR_SYNTAX;
}

static void take_raw(struct said *said, struct buf *body)
{
    free(said->raw);
    said->raw = buf_take(body, &said->raw_len);
}

static enum err read_raw(struct said *said, const struct json *doc, struct json_span value)
{
    const char *text = json_get_string(doc, "raw_task_body");
    autobuf struct buf body = BUF_INIT(JSON_MAX_BYTES);

    (void)value;
    if (!text || buf_add_str(&body, text) != ERR_OK)
        return ERR_SYNTAX;
    take_raw(said, &body);
    return ERR_OK;
}

static enum err read_raw_hex(struct said *said, const struct json *doc, struct json_span value)
{
    const char *hex = json_get_string(doc, "raw_task_body_hex");
    autobuf struct buf body = BUF_INIT(JSON_MAX_BYTES);

    (void)value;
    if (!hex || parse_hex(hex, &body) != ERR_OK)
        return ERR_SYNTAX;
    take_raw(said, &body);
    return ERR_OK;
}

/* Applied in this order, whatever the order in the text: copies need their data. */
static const struct {
    const char *key;
    read_fn *read;
} keys[] = {
    {"time_ms", read_time},
    {"state", read_state},
    {"data", read_data},
    {"data_copies", read_copies},
    {"tracking_id", read_tracking},
    {"raw_task_body", read_raw},
    {"raw_task_body_hex", read_raw_hex},
};

static bool known(struct json_span key)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (json_span_is(key, keys[i].key))
            return true;
    return false;
}

static enum err read_all(struct said *said, const struct json *doc, struct json_span text,
                         const char **ret_why)
{
    struct json_span key, value;

    for (size_t pos = 0; json_span_member(text, &pos, &key, &value);) {
        if (known(key))
            continue;
        *ret_why = "unknown key";
        return ERR_NO_ENTRY;
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (!json_span_get(text, keys[i].key, &value) || keys[i].read(said, doc, value) == ERR_OK)
            continue;
        *ret_why = keys[i].key;
        return ERR_SYNTAX;
    }
    return ERR_OK;
}

enum err rules_put(struct rules *rules, const char *domain, const char *text, size_t len,
                   const char **ret_why)
{
    struct json *doc = NULL;
    enum err err = json_parse(text, len, &doc);

    if (err || !json_is_object(doc)) {
        *ret_why = "not a JSON object";
        json_free(doc);
        return ERR_SYNTAX;
    }
    struct said *said = xcalloc(1, sizeof(*said));
    said->domain = xstrdup(domain);
    said->time_ms = -1;
    err = read_all(said, doc, (struct json_span){text, len}, ret_why);
    json_free(doc);
    if (err) {
        said_free(said);
        return err;
    }
    rules_drop(rules, domain);
    HASH_ADD_KEYPTR(hh, rules->by_domain, said->domain, strlen(said->domain), said);
    return ERR_OK;
}

enum err rules_drop(struct rules *rules, const char *domain)
{
    struct said *said = find(rules, domain);

    if (!said)
        return ERR_NO_ENTRY;
    forget(rules, said);
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
