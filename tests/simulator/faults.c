/* SPDX-License-Identifier: MIT */
/* faults.c - see faults.h. Faults on accept() have no call to match and are selected separately. */
#include "tests/simulator/faults.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* ---- reading ---- */

static const char *const kind_words[FAULT_KINDS + 1] = {
    [FAULT_STATUS] = "status",
    [FAULT_BODY] = "body",
    [FAULT_NOT_JSON] = "not_json",
    [FAULT_DELAY] = "delay",
    [FAULT_CLOSE] = "close",
    [FAULT_RESET] = "reset",
    [FAULT_HANG] = "hang",
    [FAULT_TRUNCATE] = "truncate",
    [FAULT_CUT_NO_LENGTH] = "cut_no_length",
    [FAULT_CHUNK_CUT] = "chunk_cut",
    [FAULT_DRIBBLE] = "dribble",
    [FAULT_GARBAGE] = "garbage",
    [FAULT_HUGE_HEADERS] = "huge_headers",
    [FAULT_HUGE_BODY] = "huge_body",
    [FAULT_RAW] = "raw",
    [FAULT_ACCEPT_CLOSE] = "accept_close",
};

static const char *const end_words[] = {
    [ENDING_FIN] = "fin", [ENDING_RST] = "rst", [ENDING_HANG] = "hang", NULL};

/* Reads body and body_hex. */
static enum err read_body(void *target, const struct setting_value *value, const char **ret_why)
{
    struct fault *fault = target;
    const char *text = json_get_string(value->object, value->key);

    (void)ret_why;
    if (!text)
        return ERR_SYNTAX;
    buf_clear(&fault->body);
    fault->has_body = true;
    bool hex = strcmp(value->key, "body_hex") == 0;
    return hex ? parse_hex(text, &fault->body) : buf_add_str(&fault->body, text);
}

static enum err read_headers(void *target, const struct setting_value *value, const char **ret_why)
{
    struct fault *fault = target;
    const struct json *headers = json_get(value->object, value->key);
    struct json_span name, text;

    (void)ret_why;
    if (!json_is_object(headers))
        return ERR_SYNTAX;
    for (size_t pos = 0; json_span_member(value->text, &pos, &name, &text);) {
        autofree char *key = xstrndup(name.at, name.len);
        if (!json_get_string(headers, key))
            return ERR_SYNTAX;
    }
    free(fault->headers);
    fault->headers = xstrndup(value->text.at, value->text.len);
    return ERR_OK;
}

#define MEMBER(name) #name, offsetof(struct fault, name)
#define LARGE        ((int64_t)1 << 40)

static const struct setting inner_settings[] = {
    {MEMBER(kind), .kind = SETTING_WORD, .words = kind_words},
    {MEMBER(status), .kind = SETTING_NUMBER, .min = 200, .max = 599},
    {.key = "headers", .kind = SETTING_OTHER, .read = read_headers},
    {MEMBER(content_type), .kind = SETTING_TEXT},
    {.key = "body", .kind = SETTING_OTHER, .read = read_body},
    {.key = "body_hex", .kind = SETTING_OTHER, .read = read_body},
    {MEMBER(ms), .kind = SETTING_TIME, .max = LARGE},
    {MEMBER(byte_ms), .kind = SETTING_TIME, .max = LARGE},
    {MEMBER(bytes), .kind = SETTING_NUMBER, .max = LARGE},
    {MEMBER(end), .kind = SETTING_WORD, .words = end_words},
    {MEMBER(coding), .kind = SETTING_WORD, .words = coding_words},
};

static enum err read_inner(void *target, const struct setting_value *value, const char **ret_why)
{
    struct fault *fault = target;
    const struct json *inner = json_get(value->object, value->key);

    if (!json_get_string(inner, "kind"))
        return ERR_SYNTAX;
    fault->text = xstrndup(value->text.at, value->text.len);
    return settings_read(inner_settings, ARRAY_LEN(inner_settings), fault, inner, value->text,
                         ret_why);
}

static const struct setting outer_settings[] = {
    {MEMBER(on), .kind = SETTING_WORD, .words = call_names},
    {MEMBER(times), .kind = SETTING_NUMBER, .min = -1, .max = INT32_MAX},
    {MEMBER(percent), .kind = SETTING_NUMBER, .min = 1, .max = 100},
    {MEMBER(seed), .kind = SETTING_NUMBER, .max = INT32_MAX},
    {MEMBER(after_creating), .kind = SETTING_SWITCH},
    {MEMBER(after_delay), .kind = SETTING_SWITCH},
    {MEMBER(batch_with), .kind = SETTING_TEXT},
    {.key = "fault", .kind = SETTING_OTHER, .read = read_inner},
};

#define TIMES_NOT_GIVEN INT64_MIN

/* Sets the defaults. A fault with a percentage has no limit unless one is given. */
static void fill_gaps(struct fault *fault)
{
    if (fault->times == TIMES_NOT_GIVEN)
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

static enum err fault_read(const char *text, size_t len, struct fault *fault, const char **ret_why)
{
    enum err err = settings_parse(outer_settings, ARRAY_LEN(outer_settings), fault,
                                  (struct json_span){text, len}, ret_why);

    if (err)
        return err;
    *ret_why = fault->text ? "times" : "fault";
    if (!fault->text || fault->times == 0)
        return ERR_SYNTAX;
    fill_gaps(fault);
    return ERR_OK;
}

/* ---- the queue ---- */

void fault_unref(struct fault *fault)
{
    if (!fault || --fault->refs > 0)
        return;
    free(fault->text);
    free(fault->headers);
    buf_done(&fault->body);
    free(fault);
}

enum err faults_add(struct faults *faults, const char *text, size_t len, uint64_t *ret_n,
                    const char **ret_why)
{
    struct fault *fault = xcalloc(1, sizeof(*fault));

    *fault = (struct fault){.refs = 1,
                            .on = CALL_ANY,
                            .times = TIMES_NOT_GIVEN,
                            .percent = 100,
                            .bytes = -1,
                            .byte_ms = -1,
                            .after_creating = true,
                            .after_delay = true,
                            .coding = CODINGS,
                            .body = BUF_INIT(FAULT_MAX_BODY)};
    enum err err = fault_read(text, len, fault, ret_why);
    if (err) {
        fault_unref(fault);
        return err;
    }
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

static bool is_on(const struct fault *fault, enum call_kind kind)
{
    if (fault->on == CALL_READ)
        return kind == CALL_STATUS || kind == CALL_TASK_IDS || kind == CALL_TASK;
    return fault->on == CALL_ANY || fault->on == (unsigned)kind;
}

struct fault *faults_meet(struct faults *faults, const struct upstream *upstream,
                          const struct api_call *call)
{
    struct fault *fault = NULL;

    DL_FOREACH (faults->queue, fault) {
        bool matches = is_on(fault, call->kind) && fault->kind != FAULT_ACCEPT_CLOSE;
        if (matches && fault->batch_with[0])
            matches = api_concerns(upstream, call, fault->batch_with);
        if (matches && lands(fault))
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
        buf_addf(out, "%s{\"n\":%llu,\"on\":\"%s\",\"times_left\":%lld,\"used\":%llu,",
                 fault == faults->queue ? "" : ",\n", (unsigned long long)fault->n,
                 call_names[fault->on], (long long)fault->times, (unsigned long long)fault->used);
        buf_addf(out, "\"percent\":%lld,\"fault\":", (long long)fault->percent);
        buf_add_str(out, fault->text);
        buf_add_str(out, "}");
    }
    buf_add_str(out, "]");
}
