/* SPDX-License-Identifier: MIT */
/* api.c - see api.h. */
#include "tests/simulator/api.h"

#include "base/json.h"
#include "base/mem.h"
#include "tests/simulator/shapes.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- replies ---- */

void reply_init(struct reply *reply)
{
    *reply = (struct reply){.status = 200, .body = BUF_INIT(REPLY_MAX_BYTES)};
    reply_header(reply, "Content-Type", "application/json", strlen("application/json"));
}

void reply_done(struct reply *reply)
{
    buf_done(&reply->body);
    for (size_t i = 0; i < reply->n_headers; i++) {
        free(reply->headers[i].name);
        free(reply->headers[i].value);
    }
    *reply = (struct reply){0};
}

void reply_header(struct reply *reply, const char *name, const char *value, size_t value_len)
{
    for (size_t i = 0; i < reply->n_headers; i++) {
        struct header *header = &reply->headers[i];
        if (strcasecmp(header->name, name) != 0)
            continue;
        free(header->value);
        header->value = xstrndup(value, value_len);
        return;
    }
    if (reply->n_headers == REPLY_HEADERS)
        return;
    reply->headers[reply->n_headers++] = (struct header){xstrdup(name), xstrndup(value, value_len)};
}

void reply_detail(struct reply *reply, int status, const char *detail)
{
    reply->status = status;
    reply->batch_id[0] = '\0';
    buf_clear(&reply->body);
    buf_add_str(&reply->body, "{\"detail\":");
    json_add_text(&reply->body, detail);
    buf_add_str(&reply->body, "}");
}

/* ---- endpoints ---- */

const char *const call_names[CALL_READ + 2] = {
    [CALL_SUBMIT] = "submit", [CALL_STATUS] = "status",   [CALL_TASK_IDS] = "task_ids",
    [CALL_TASK] = "task",     [CALL_BALANCE] = "balance", [CALL_OTHER] = "other",
    [CALL_ANY] = "any",       [CALL_READ] = "read",
};

static const struct route {
    const char *method, *prefix, *suffix; /* suffix NULL: the prefix is the whole path */
    enum call_kind kind;
} routes[] = {
    {"POST", "/api/v1/task/batch/lookup_business_email", NULL, CALL_SUBMIT},
    {"GET", "/api/v1/task/batch/", "/status", CALL_STATUS},
    {"GET", "/api/v1/task/batch/", "/task_ids", CALL_TASK_IDS},
    {"GET", "/api/v1/task/", "", CALL_TASK},
    {"GET", "/api/v2/credit-balance", NULL, CALL_BALANCE},
};

/* Returns the text of a path segment without its percent-encoding. */
static char *decode(const char *segment, size_t len)
{
    autobuf struct buf out = BUF_INIT(JSON_MAX_BYTES);

    for (size_t i = 0; i < len; i++) {
        char hex[3] = {0};
        bool is_escape = segment[i] == '%' && i + 2 < len;
        if (is_escape)
            memcpy(hex, segment + i + 1, 2);
        if (is_escape && parse_hex(hex, &out) == ERR_OK)
            i += 2;
        else
            buf_add(&out, segment + i, 1);
    }
    return buf_take(&out, NULL);
}

/* Returns whether `path` is prefix, one segment, suffix; the segment is the id. */
static bool matches(const struct route *route, const char *path, struct api_call *call)
{
    size_t prefix = strlen(route->prefix);

    if (!route->suffix)
        return strcmp(route->prefix, path) == 0;
    if (strncmp(route->prefix, path, prefix) != 0)
        return false;
    size_t id = strcspn(path + prefix, "/");
    if (id == 0 || strcmp(path + prefix + id, route->suffix) != 0)
        return false;
    call->id = decode(path + prefix, id);
    return true;
}

void api_route(struct api_call *call, const char *method, const char *path)
{
    call->kind = CALL_OTHER;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (strcmp(routes[i].method, method) != 0 || !matches(&routes[i], path, call))
            continue;
        call->kind = routes[i].kind;
        return;
    }
}

typedef void endpoint_fn(struct upstream *upstream, const struct api_call *call,
                         struct reply *reply);

static void submit(struct upstream *upstream, const struct api_call *call, struct reply *reply)
{
    struct submission submission;
    const struct batch *batch = NULL;
    const char *detail = NULL;

    if (submission_read(call->body, call->body_len, &submission, &detail) != ERR_OK) {
        reply_detail(reply, 400, detail);
        return;
    }
    enum err err = upstream_create(upstream, &submission, call->key, &batch);
    submission_done(&submission);
    if (err) {
        reply_detail(reply, 402, "credit limit reached");
        return;
    }
    memcpy(reply->batch_id, batch->id, sizeof(reply->batch_id));
    shape_submit((enum submit_shape)upstream->behaviour->submit_shape, batch,
                 upstream->behaviour->submit_for, &reply->body);
}

/* Batches and tasks of another key are treated as unknown. */
static const struct batch *find_batch(const struct upstream *upstream, const struct api_call *call,
                                      struct reply *reply)
{
    const struct batch *batch = upstream_batch(upstream, call->id);

    if (batch && batch->key == call->key)
        return batch;
    reply_detail(reply, 404, "Batch not found");
    return NULL;
}

static void status(struct upstream *upstream, const struct api_call *call, struct reply *reply)
{
    const struct batch *batch = find_batch(upstream, call, reply);

    if (batch)
        shape_counts((enum status_shape)upstream->behaviour->status_shape, batch, &reply->body);
}

static void add_id(struct buf *out, const char *id, bool twice)
{
    for (int i = 0; i < 1 + twice; i++) {
        buf_add_str(out, out->len > 1 ? "," : "");
        shape_id(id, out);
    }
}

/* Writes ids of tasks of other batches; invented ones if there are not enough. */
static void add_foreign(const struct upstream *upstream, const struct batch *batch, struct buf *out)
{
    int64_t wanted = upstream->behaviour->extra_foreign_task_ids;
    char made_up[UUID_TEXT];

    for (size_t i = 0; i < upstream->n_tasks && wanted > 0; i++) {
        if (upstream->tasks[i]->batch == batch)
            continue;
        add_id(out, upstream->tasks[i]->id, false);
        wanted--;
    }
    for (; wanted > 0; wanted--) {
        uuid_new(made_up);
        add_id(out, made_up, false);
    }
}

static void shuffle(const struct batch *batch, const struct task **tasks)
{
    struct random order = {batch->n};

    for (size_t i = batch->n_tasks; i > 1; i--) {
        size_t other = (size_t)random_below(&order, i);
        const struct task *task = tasks[i - 1];
        tasks[i - 1] = tasks[other];
        tasks[other] = task;
    }
}

static void write_ids(const struct upstream *upstream, const struct batch *batch,
                      const char *filter, struct buf *out)
{
    const struct behaviour *behaviour = upstream->behaviour;
    const struct task *tasks[SUBMISSION_MAX];

    for (size_t i = 0; i < batch->n_tasks; i++)
        tasks[i] = batch->tasks[i];
    if (behaviour->shuffle_task_ids)
        shuffle(batch, tasks);
    buf_add_str(out, "[");
    bool listed = !behaviour->list_only_at_end || batch_count(batch).processing == 0;
    for (size_t i = 0; listed && i < batch->n_tasks; i++)
        if (!filter || strcmp(filter, task_state(tasks[i])) == 0)
            add_id(out, tasks[i]->id, behaviour->duplicate_task_ids);
    add_foreign(upstream, batch, out);
    buf_add_str(out, "]");
}

static void task_ids(struct upstream *upstream, const struct api_call *call, struct reply *reply)
{
    const struct batch *batch = find_batch(upstream, call, reply);
    unsigned filter = upstream->behaviour->status_filter;

    if (!batch)
        return;
    if (call->status && filter == FILTER_REJECT)
        reply_detail(reply, 400, "invalid status filter");
    else
        write_ids(upstream, batch, filter == FILTER_IGNORE ? NULL : call->status, &reply->body);
}

static void write_tracking(const struct task *task, enum tracking tracking, struct buf *out)
{
    const struct batch *batch = task->batch;
    const struct task *shown = task;

    switch (tracking) {
    case TRACKING_MISSING:
        return;
    case TRACKING_NULL:
        buf_add_str(out, "\"tracking_id\":null,");
        return;
    case TRACKING_EMPTY:
        buf_add_str(out, "\"tracking_id\":\"\",");
        return;
    case TRACKING_NUMBER:
        buf_addf(out, "\"tracking_id\":%zu,", task->n);
        return;
    case TRACKING_SWAP:
        shown = batch->tasks[(task->place + 1) % batch->n_tasks];
        break;
    case TRACKING_KEEP:
        break;
    }
    buf_add_str(out, "\"tracking_id\":");
    json_add_text(out, shown->tracking_id ? shown->tracking_id : "");
    buf_add_str(out, ",");
}

static void write_data(const struct task *task, const struct rule *rule, struct buf *out)
{
    autobuf struct buf data = BUF_INIT(REPLY_MAX_BYTES);
    int64_t shape = rule->shape >= 0 ? rule->shape : (int64_t)task->upstream->behaviour->task_shape;

    if (!task->done || task->dry || strcmp(rule->state, "PROCESSING") == 0)
        buf_add_str(&data, "null");
    else if (rule->data)
        buf_add_str(&data, rule->data);
    else
        rules_default_data(task->domain, &data);
    shape_data((enum task_shape)shape, buf_str(&data), out);
}

/* Replaces {{task_id}}, {{tracking_id}} and {{domain}} by the values of the task. */
static void write_raw(const struct task *task, const struct rule *rule, struct buf *out)
{
    const struct {
        const char *name, *value;
    } words[] = {{"{{task_id}}", task->id},
                 {"{{tracking_id}}", task->tracking_id ? task->tracking_id : ""},
                 {"{{domain}}", task->domain}};

    for (size_t at = 0; at < rule->raw_len;) {
        size_t i = 0, left = rule->raw_len - at;
        while (i < ARRAY_LEN(words) &&
               (strlen(words[i].name) > left ||
                memcmp(rule->raw_body + at, words[i].name, strlen(words[i].name)) != 0))
            i++;
        if (i < ARRAY_LEN(words))
            buf_add_str(out, words[i].value);
        else
            buf_add(out, rule->raw_body + at, 1);
        at += i < ARRAY_LEN(words) ? strlen(words[i].name) : 1;
    }
}

static void task_read(struct upstream *upstream, const struct api_call *call, struct reply *reply)
{
    const struct task *task = upstream_task(upstream, call->id);
    struct buf *out = &reply->body;

    if (!task || task->batch->key != call->key) {
        reply_detail(reply, 404, "Task not found");
        return;
    }
    struct rule rule = rules_find(upstream->rules, task->domain);
    if (rule.raw_body) {
        write_raw(task, &rule, out);
        return;
    }
    buf_add_str(out, "{\"task_id\":");
    shape_id(task->id, out);
    buf_add_str(out, ",\"status\":");
    json_add_text(out, task_state(task));
    buf_add_str(out, ",");
    write_tracking(task, rule.tracking, out);
    write_data(task, &rule, out);
    buf_add_str(out, "}");
}

static void no_such_route(struct upstream *upstream, const struct api_call *call,
                          struct reply *reply)
{
    (void)upstream;
    (void)call;
    reply_detail(reply, 404, "Not Found");
}

static void balance(struct upstream *upstream, const struct api_call *call, struct reply *reply)
{
    enum balance_shape shape = (enum balance_shape)upstream->behaviour->balance_shape;

    if (shape == BALANCE_MISSING)
        no_such_route(upstream, call, reply);
    else
        shape_balance(shape, upstream->balance, &reply->body);
}

/* ---- what a call is about ---- */

static bool has_domain(const struct batch *batch, const char *domain)
{
    for (size_t i = 0; batch && i < batch->n_tasks; i++)
        if (strcmp(batch->tasks[i]->domain, domain) == 0)
            return true;
    return false;
}

static bool submits(const struct api_call *call, const char *domain)
{
    struct submission submission;
    const char *detail = NULL;
    bool found = false;

    if (submission_read(call->body, call->body_len, &submission, &detail) != ERR_OK)
        return false;
    for (size_t i = 0; i < submission.n; i++)
        found = found || strcmp(submission.tasks[i].domain, domain) == 0;
    submission_done(&submission);
    return found;
}

bool api_concerns(const struct upstream *upstream, const struct api_call *call, const char *domain)
{
    if (call->kind == CALL_SUBMIT)
        return submits(call, domain);
    if (call->kind != CALL_TASK)
        return call->id && has_domain(upstream_batch(upstream, call->id), domain);
    const struct task *task = upstream_task(upstream, call->id);
    return task && has_domain(task->batch, domain);
}

void api_handle(struct upstream *upstream, const struct api_call *call, struct reply *reply)
{
    static endpoint_fn *const endpoints[CALL_KINDS] = {
        [CALL_SUBMIT] = submit,  [CALL_STATUS] = status,   [CALL_TASK_IDS] = task_ids,
        [CALL_TASK] = task_read, [CALL_BALANCE] = balance, [CALL_OTHER] = no_such_route,
    };

    if (call->authorized || call->kind == CALL_OTHER)
        endpoints[call->kind](upstream, call, reply);
    else
        reply_detail(reply, 401, "Invalid API Key");
}
