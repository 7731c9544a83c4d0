/* SPDX-License-Identifier: MIT */
/* faults.c - see faults.h. Faults on accept() have no call to match and are selected separately. */
#include "tests/simulator/faults.h"

#include "base/json.h"
#include "base/mem.h"
#include "tests/simulator/parse.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* ---- reading ---- */

/* A string value that needs more than being stored. */
typedef enum err take_fn(struct fault *fault, const char *value);

enum type { TYPE_INT, TYPE_SWITCH, TYPE_STRING, TYPE_OBJECT };

struct field {
    const char *key;
    enum type type;
    size_t offset;    /* of TYPE_INT and TYPE_SWITCH */
    int64_t min, max; /* of TYPE_INT; `times` does not accept 0 */
    take_fn *take;    /* of TYPE_STRING */
};

static enum err take_on(struct fault *fault, const char *value)
{
    for (unsigned i = 0; i <= CALL_KINDS; i++) {
        if (strcmp(i == FAULT_ON_ANY ? "any" : call_names[i], value) != 0)
            continue;
        fault->on = i;
        return ERR_OK;
    }
    return ERR_SYNTAX;
}

static enum err take_kind(struct fault *fault, const char *value)
{
    static const struct {
        const char *word;
        enum fault_kind kind;
    } words[] = {
        {"status", FAULT_STATUS},
        {"body", FAULT_BODY},
        {"not_json", FAULT_NOT_JSON},
        {"delay", FAULT_DELAY},
        {"close", FAULT_CLOSE},
        {"reset", FAULT_RESET},
        {"hang", FAULT_HANG},
        {"truncate", FAULT_TRUNCATE},
        {"cut_no_length", FAULT_CUT_NO_LENGTH},
        {"chunk_cut", FAULT_CHUNK_CUT},
        {"dribble", FAULT_DRIBBLE},
        {"garbage", FAULT_GARBAGE},
        {"huge_headers", FAULT_HUGE_HEADERS},
        {"huge_body", FAULT_HUGE_BODY},
        {"raw", FAULT_RAW},
        {"accept_close", FAULT_ACCEPT_CLOSE},
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(words[i].word, value) != 0)
            continue;
        fault->kind = words[i].kind;
        return ERR_OK;
    }
    return ERR_SYNTAX;
}

static enum err take_end(struct fault *fault, const char *value)
{
    static const char *const words[] = {
        [ENDING_FIN] = "fin", [ENDING_RST] = "rst", [ENDING_HANG] = "hang"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(words[i], value) != 0)
            continue;
        fault->ending = (enum ending)i;
        return ERR_OK;
    }
    return ERR_SYNTAX;
}

static enum err take_body(struct fault *fault, const char *value)
{
    buf_clear(&fault->body);
    fault->has_body = true;
    return buf_add_str(&fault->body, value);
}

static enum err take_body_hex(struct fault *fault, const char *value)
{
    buf_clear(&fault->body);
    fault->has_body = true;
    return parse_hex(value, &fault->body);
}

static enum err take_content_type(struct fault *fault, const char *value)
{
    free(fault->content_type);
    fault->content_type = xstrdup(value);
    return ERR_OK;
}

#define AT(member) offsetof(struct fault, member)
#define MS_MAX     ((int64_t)1 << 40)
#define BYTES_MAX  ((int64_t)1 << 40)

static const struct field outer_fields[] = {
    {"on", TYPE_STRING, 0, 0, 0, take_on},
    {"times", TYPE_INT, AT(times), -1, INT32_MAX, NULL},
    {"percent", TYPE_INT, AT(percent), 1, 100, NULL},
    {"seed", TYPE_INT, AT(seed), 0, INT32_MAX, NULL},
    {"after_creating", TYPE_SWITCH, AT(after_creating), 0, 0, NULL},
    {"after_delay", TYPE_SWITCH, AT(after_delay), 0, 0, NULL},
    {"fault", TYPE_OBJECT, 0, 0, 0, NULL},
    {NULL, TYPE_INT, 0, 0, 0, NULL},
};

static const struct field inner_fields[] = {
    {"kind", TYPE_STRING, 0, 0, 0, take_kind},
    {"status", TYPE_INT, AT(status), 200, 599, NULL},
    {"headers", TYPE_OBJECT, 0, 0, 0, NULL},
    {"content_type", TYPE_STRING, 0, 0, 0, take_content_type},
    {"body", TYPE_STRING, 0, 0, 0, take_body},
    {"body_hex", TYPE_STRING, 0, 0, 0, take_body_hex},
    {"ms", TYPE_INT, AT(ms), 0, MS_MAX, NULL},
    {"byte_ms", TYPE_INT, AT(byte_ms), 0, MS_MAX, NULL},
    {"bytes", TYPE_INT, AT(bytes), 0, BYTES_MAX, NULL},
    {"end", TYPE_STRING, 0, 0, 0, take_end},
    {NULL, TYPE_INT, 0, 0, 0, NULL},
};

static enum err read_int(const struct field *field, const struct json *doc, int64_t *slot)
{
    int64_t value = json_get_int(doc, field->key, INT64_MIN);

    if (value < field->min || value > field->max)
        return ERR_SYNTAX;
    *slot = value;
    return ERR_OK;
}

static enum err read_switch(const struct field *field, const struct json *doc, bool *slot)
{
    bool value = json_get_bool(doc, field->key, false);

    if (value != json_get_bool(doc, field->key, true))
        return ERR_SYNTAX;
    *slot = value;
    return ERR_OK;
}

static enum err read_field(struct fault *fault, const struct field *field, const struct json *doc)
{
    const char *text = json_get_string(doc, field->key);
    void *slot = (char *)fault + field->offset;

    switch (field->type) {
    case TYPE_INT:
        return read_int(field, doc, slot);
    case TYPE_SWITCH:
        return read_switch(field, doc, slot);
    case TYPE_STRING:
        return text ? field->take(fault, text) : ERR_SYNTAX;
    case TYPE_OBJECT:
        return json_is_object(json_get(doc, field->key)) ? ERR_OK : ERR_SYNTAX;
    }
    return ERR_SYNTAX;
}

/* Reads every member of the object `text`, which `doc` has parsed. */
static enum err read_object(struct fault *fault, const struct field *fields, struct json_span text,
                            const struct json *doc, const char **ret_why)
{
    struct json_span key, value;

    for (size_t pos = 0; json_span_member(text, &pos, &key, &value);) {
        const struct field *field = fields;
        while (field->key && !json_span_is(key, field->key))
            field++;
        if (field->key && read_field(fault, field, doc) == ERR_OK)
            continue;
        *ret_why = field->key ? field->key : "unknown key";
        return ERR_SYNTAX;
    }
    return ERR_OK;
}

static enum err read_headers(struct fault *fault, struct json_span inner, const struct json *doc)
{
    struct json_span headers, name, value;

    if (!json_span_get(inner, "headers", &headers))
        return ERR_OK;
    for (size_t pos = 0; json_span_member(headers, &pos, &name, &value);) {
        autofree char *key = xstrndup(name.at, name.len);
        if (!json_get_string(json_get(doc, "headers"), key))
            return ERR_SYNTAX;
    }
    fault->headers = xstrndup(headers.at, headers.len);
    return ERR_OK;
}

/* Sets the defaults. A fault with a percentage has no limit unless one is given. */
static void fill_gaps(struct fault *fault, bool times_given)
{
    if (!times_given)
        fault->times = fault->percent < 100 ? -1 : 1;
    fault->random = (struct random){(uint64_t)fault->seed};
    if (fault->kind == FAULT_STATUS && fault->status == 0)
        fault->status = 500;
    if (fault->kind == FAULT_DRIBBLE && fault->byte_ms < 0)
        fault->byte_ms = 10;
    if (fault->kind == FAULT_HUGE_HEADERS && fault->bytes < 0)
        fault->bytes = (int64_t)2 << 20;
    if (fault->kind == FAULT_HUGE_BODY && fault->bytes < 0)
        fault->bytes = (int64_t)100 << 20;
}

static enum err read_whole(struct fault *fault, struct json_span text, const struct json *doc,
                           const char **ret_why)
{
    struct json_span inner, times;
    enum err err = read_object(fault, outer_fields, text, doc, ret_why);

    if (err)
        return err;
    *ret_why = "fault";
    if (!json_span_get(text, "fault", &inner) || !json_get_string(json_get(doc, "fault"), "kind"))
        return ERR_SYNTAX;
    err = read_object(fault, inner_fields, inner, json_get(doc, "fault"), ret_why);
    if (err)
        return err;
    *ret_why = "headers";
    err = read_headers(fault, inner, json_get(doc, "fault"));
    *ret_why = "times";
    fill_gaps(fault, json_span_get(text, "times", &times));
    fault->text = xstrndup(inner.at, inner.len);
    return err ? err : fault->times == 0 ? ERR_SYNTAX : ERR_OK;
}

static struct fault *fault_new(void)
{
    struct fault *fault = xcalloc(1, sizeof(*fault));

    *fault = (struct fault){.refs = 1,
                            .on = FAULT_ON_ANY,
                            .times = 1,
                            .percent = 100,
                            .bytes = -1,
                            .byte_ms = -1,
                            .after_creating = true,
                            .after_delay = true,
                            .body = BUF_INIT(FAULT_MAX_BODY)};
    return fault;
}

enum err fault_read(const char *text, size_t len, struct fault **ret_fault, const char **ret_why)
{
    struct json *doc = NULL;

    if (json_parse(text, len, &doc) != ERR_OK || !json_is_object(doc)) {
        *ret_why = "not a JSON object";
        json_free(doc);
        return ERR_SYNTAX;
    }
    struct fault *fault = fault_new();
    enum err err = read_whole(fault, (struct json_span){text, len}, doc, ret_why);
    json_free(doc);
    if (err)
        fault_unref(fault);
    else
        *ret_fault = fault;
    return err;
}

/* ---- the queue ---- */

void fault_unref(struct fault *fault)
{
    if (!fault || --fault->refs > 0)
        return;
    free(fault->text);
    free(fault->headers);
    free(fault->content_type);
    buf_done(&fault->body);
    free(fault);
}

enum err faults_add(struct faults *faults, const char *text, size_t len, uint64_t *ret_n,
                    const char **ret_why)
{
    struct fault *fault = NULL;
    enum err err = fault_read(text, len, &fault, ret_why);

    if (err)
        return err;
    fault->n = ++faults->n;
    DL_APPEND(faults->queue, fault);
    *ret_n = fault->n;
    return ERR_OK;
}

/* The call takes over the queue's reference when the last of its times is used. */
static struct fault *use(struct faults *faults, struct fault *fault)
{
    fault->used++;
    fault->refs++;
    if (fault->times > 0 && --fault->times == 0) {
        DL_DELETE(faults->queue, fault);
        fault_unref(fault);
    }
    return fault;
}

static bool lands(struct fault *fault)
{
    return fault->percent == 100 || (int64_t)random_below(&fault->random, 100) < fault->percent;
}

struct fault *faults_meet(struct faults *faults, enum call_kind kind)
{
    struct fault *fault = NULL;

    DL_FOREACH (faults->queue, fault) {
        bool matches = fault->on == FAULT_ON_ANY || fault->on == (unsigned)kind;
        if (matches && fault->kind != FAULT_ACCEPT_CLOSE && lands(fault))
            return use(faults, fault);
    }
    return NULL;
}

bool faults_meet_accept(struct faults *faults)
{
    struct fault *fault = NULL;

    DL_FOREACH (faults->queue, fault) {
        if (fault->kind != FAULT_ACCEPT_CLOSE || !lands(fault))
            continue;
        fault_unref(use(faults, fault));
        return true;
    }
    return false;
}

void faults_clear(struct faults *faults)
{
    struct fault *fault, *next;

    DL_FOREACH_SAFE (faults->queue, fault, next) {
        DL_DELETE(faults->queue, fault);
        fault_unref(fault);
    }
    faults->n = 0;
}

void faults_write(const struct faults *faults, struct buf *out)
{
    const struct fault *fault = NULL;

    buf_add_str(out, "[");
    DL_FOREACH (faults->queue, fault) {
        const char *on = fault->on == FAULT_ON_ANY ? "any" : call_names[fault->on];
        buf_addf(out, "%s{\"n\":%llu,\"on\":\"%s\",\"times_left\":%lld,\"used\":%llu,",
                 fault == faults->queue ? "" : ",\n", (unsigned long long)fault->n, on,
                 (long long)fault->times, (unsigned long long)fault->used);
        buf_addf(out, "\"percent\":%lld,\"fault\":", (long long)fault->percent);
        buf_add_str(out, fault->text);
        buf_add_str(out, "}");
    }
    buf_add_str(out, "]");
}
