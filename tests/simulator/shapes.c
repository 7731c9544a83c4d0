/* SPDX-License-Identifier: MIT */
/* shapes.c - see shapes.h. */
#include "tests/simulator/shapes.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

#define FILLER ((size_t)5 << 18) /* 1.25 MiB */

void shape_id(const char *id, struct buf *out)
{
    if (id[strspn(id, "0123456789")] == '\0')
        buf_add_str(out, id);
    else
        json_add_text(out, id);
}

/* ---- tasks ---- */

typedef void address_fn(const char *address, size_t n, struct buf *out);

static void as_string(const char *address, size_t n, struct buf *out)
{
    (void)n;
    json_add_text(out, address);
}

static void as_object(const char *address, size_t n, struct buf *out)
{
    (void)n;
    buf_add_str(out, "{\"email\":{\"email\":");
    json_add_text(out, address);
    buf_add_str(out, ",\"verified\":true}}");
}

static void as_other_member(const char *address, size_t n, struct buf *out)
{
    (void)n;
    buf_add_str(out, "{\"address\":");
    json_add_text(out, address);
    buf_add_str(out, "}");
}

/* The escapes are those of JSON. */
static void with_blanks(const char *address, size_t n, struct buf *out)
{
    static const struct {
        const char *before, *after;
    } around[] = {{" \\t\\u00a0", "\\u200b\\ufeff"}, {"mailto:", " "}, {"\\ufeff", "\\r\\n"}};
    size_t i = n % ARRAY_LEN(around);
    autobuf struct buf quoted = BUF_INIT(JSON_MAX_BYTES);

    json_add_text(&quoted, address);
    buf_addf(out, "{\"email\":\"%s", around[i].before);
    buf_add(out, quoted.data + 1, quoted.len - 2);
    buf_addf(out, "%s\",\"status\":\"VALID\"}", around[i].after);
}

/* Writes "data" with every mailbox as `write` does. */
static void each_address(const struct json *data, address_fn *write, struct buf *out)
{
    size_t n = 0;

    buf_add_str(out, "\"data\":[");
    for (const struct json *box = json_first(data); box; box = json_next(box)) {
        const char *address = json_get_string(box, "email");
        if (!address)
            continue;
        buf_add_str(out, n ? "," : "");
        write(address, n++, out);
    }
    buf_add_str(out, "]");
}

static void large(const char *data, struct buf *out)
{
    autofree char *filler = xcalloc(1, FILLER);

    memset(filler, 'x', FILLER);
    buf_addf(out, "\"data\":%s,\"page_source\":\"", data);
    buf_add(out, filler, FILLER);
    buf_add_str(out, "\"");
}

/* What stands around the data; the others write every address on its own. */
static const struct {
    const char *before, *after;
} frames[] = {
    [TASK_DOCUMENTED] = {"\"data\":", ""},
    [TASK_DATA_OBJECT] = {"\"data\":{\"page\":1,\"found\":", "}"},
    [TASK_RESULT] = {"\"result\":", ""},
    [TASK_RESULTS] = {"\"results\":", ""},
    [TASK_EMAILS] = {"\"emails\":", ""},
    [TASK_NOT_A_NUMBER] = {"\"score\":NaN,\"best\":Infinity,\"worst\":-Infinity,\"data\":", ""},
    [TASK_TEXT_NUMBERS] = {"\"count\":\"2\",\"score\":\"0.97\",\"data\":", ""},
};

static address_fn *const address_fns[] = {
    [TASK_STRINGS] = as_string,
    [TASK_EMAIL_OBJECT] = as_object,
    [TASK_BLANKS] = with_blanks,
    [TASK_ADDRESS] = as_other_member,
};

static void write_data(enum task_shape shape, const struct json *boxes, const char *data,
                       struct buf *out)
{
    address_fn *write = shape < ARRAY_LEN(address_fns) ? address_fns[shape] : NULL;

    if (shape == TASK_LARGE) {
        large(data, out);
    } else if (write) {
        each_address(boxes, write, out);
    } else {
        buf_add_str(out, frames[shape].before);
        buf_add_str(out, data);
        buf_add_str(out, frames[shape].after);
    }
}

void shape_data(enum task_shape shape, const char *data, struct buf *out)
{
    struct json *boxes = NULL;

    if (json_parse(data, strlen(data), &boxes) != ERR_OK || json_size(boxes) == 0)
        shape = TASK_DOCUMENTED;
    write_data(shape, boxes, data, out);
    json_free(boxes);
}

/* ---- batches ---- */

/* Writes the members of a status without the braces; `quote` is "" or a quotation mark. */
static void count_members(struct batch_counts counts, size_t total, const char *quote,
                          struct buf *out)
{
    const struct {
        const char *name;
        size_t n;
    } members[] = {{"processing", counts.processing},
                   {"completed", counts.completed},
                   {"errored", counts.errored},
                   {"total", total}};

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        buf_addf(out, "\"%s\":%s%zu%s,", members[i].name, quote, members[i].n, quote);
    buf_addf(out, "\"batch_ready\":%s%s%s", quote, counts.processing == 0 ? "true" : "false",
             quote);
}

static void wrapped(const char *before, struct batch_counts counts, const struct batch *batch,
                    struct buf *out)
{
    buf_add_str(out, before);
    count_members(counts, batch->n_tasks, "", out);
    buf_add_str(out, "}}");
}

void shape_counts(enum status_shape shape, const struct batch *batch, struct buf *out)
{
    struct batch_counts counts = batch_count(batch);
    const char *quote = "";

    if (shape == STATUS_FROZEN || shape == STATUS_FROZEN_TEXTS)
        counts = (struct batch_counts){.processing = batch->n_tasks};
    switch (shape) {
    case STATUS_NESTED:
        wrapped("{\"status\":{", counts, batch, out);
        return;
    case STATUS_UNDER_DATA:
        wrapped("{\"data\":{", counts, batch, out);
        return;
    case STATUS_OTHER:
        buf_addf(out, "{\"state\":\"%s\"}", counts.processing == 0 ? "done" : "running");
        return;
    case STATUS_TEXTS:
    case STATUS_FROZEN_TEXTS:
        quote = "\"";
        break;
    case STATUS_FLAT:
    case STATUS_FROZEN:
        break;
    }
    buf_add_str(out, "{");
    count_members(counts, batch->n_tasks, quote, out);
    buf_add_str(out, "}");
}

static void id_member(const struct batch *batch, struct buf *out)
{
    buf_add_str(out, "\"batch_id\":");
    shape_id(batch->id, out);
    buf_add_str(out, ",");
}

void shape_submit(enum submit_shape shape, const struct batch *batch, const char *submit_for,
                  struct buf *out)
{
    buf_add_str(out, shape == SUBMIT_UNDER_DATA ? "{\"data\":{" : "{");
    if (shape == SUBMIT_DOCUMENTED || shape == SUBMIT_UNDER_DATA)
        id_member(batch, out);
    buf_add_str(out, "\"submit_for\":");
    json_add_text(out, submit_for);
    buf_add_str(out, ",\"status\":{");
    if (shape == SUBMIT_UNDER_STATUS)
        id_member(batch, out);
    count_members(batch_count(batch), batch->n_tasks, "", out);
    buf_add_str(out, shape == SUBMIT_UNDER_DATA ? "}}}" : "}}");
}

/* ---- the balance ---- */

void shape_balance(enum balance_shape shape, int64_t balance, struct buf *out)
{
    static const struct {
        const char *before, *after;
    } forms[] = {
        [BALANCE_DOCUMENTED] = {"{\"period_start\":\"2026-01-01T00:00:00Z\",\"period_end\":"
                                "\"2027-01-01T00:00:00Z\",\"balance\":",
                                "}"},
        [BALANCE_MISSING] = {"", ""},
        [BALANCE_UNDER_DATA] = {"{\"data\":{\"balance\":", "}}"},
        [BALANCE_TEXT] = {"{\"balance\":\"", "\"}"},
        [BALANCE_OTHER] = {"{\"account\":{\"remaining\":", "}}"},
    };

    buf_addf(out, "%s%lld%s", forms[shape].before, (long long)balance, forms[shape].after);
}
