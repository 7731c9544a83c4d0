/* SPDX-License-Identifier: MIT */
/* upstream.c - see upstream.h. A task that never ends has a timer that is not armed. The balance
 * is in whole credits. Prices are in thousandths and rounded up, per batch at the reserve, per
 * task at the charge, as the upstream's support describes it for its other routes. */
#include "tests/simulator/upstream.h"

#include "base/id.h"
#include "base/mem.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- submits ---- */

static const struct {
    const char *key;
    size_t offset;
} fields[] = {
    {"domain", offsetof(struct task_form, domain)},
    {"company_name", offsetof(struct task_form, company_name)},
    {"city", offsetof(struct task_form, city)},
    {"state", offsetof(struct task_form, state)},
    {"country", offsetof(struct task_form, country)},
    {"tracking_id", offsetof(struct task_form, tracking_id)},
    {"notify_url", offsetof(struct task_form, notify_url)},
};

/* An absent or null field stays NULL, as do all fields of a null task; other types do not bind. */
static enum err bind_task(const struct json *value, struct task_form *task)
{
    *task = (struct task_form){0};
    if (!json_is_object(value))
        return json_is_null(value) ? ERR_OK : ERR_SYNTAX;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct json *member = json_get(value, fields[i].key);
        const char *text = json_string(member);
        if (member && !text && !json_is_null(member))
            return ERR_SYNTAX;
        memcpy((char *)task + fields[i].offset, &text, sizeof(text));
    }
    return ERR_OK;
}

/* All must bind, also those beyond the limit: binding comes first. */
static const char *bind_all(struct submission *submission)
{
    struct task_form beyond;

    if (!json_is_array(submission->doc))
        return DETAIL_ARRAY;
    for (const struct json *value = json_first(submission->doc); value; value = json_next(value)) {
        bool fits = submission->n < SUBMISSION_MAX;
        if (bind_task(value, fits ? &submission->tasks[submission->n] : &beyond) != ERR_OK)
            return DETAIL_TYPE;
        submission->n++;
    }
    return NULL;
}

/* Requires scheme, "://" and more text: about what Go's validator does for the tag `url`. */
static bool is_url(const char *text)
{
    const char *rest = strstr(text, "://");

    if (!rest || rest == text || !isalpha((unsigned char)text[0]))
        return false;
    for (const char *s = text; s < rest; s++)
        if (!isalnum((unsigned char)*s) && !strchr("+-.", *s))
            return false;
    return rest[3] && !strpbrk(rest + 3, " \t\r\n");
}

static bool given(const char *text)
{
    return text && *text;
}

static const char *check_task(const struct task_form *task)
{
    if (!given(task->domain))
        return "Domain is required";
    if (!given(task->company_name))
        return "CompanyName is required";
    if (given(task->notify_url) && !is_url(task->notify_url))
        return DETAIL_URL;
    return NULL;
}

static const char *find_fault(struct submission *submission)
{
    const char *detail = bind_all(submission);

    if (detail)
        return detail;
    if (submission->n < 1 || submission->n > SUBMISSION_MAX)
        return DETAIL_SIZE;
    for (size_t i = 0; i < submission->n; i++) {
        detail = check_task(&submission->tasks[i]);
        if (detail)
            return detail;
    }
    return NULL;
}

enum err submission_read(const char *body, size_t len, struct submission *ret_submission,
                         const char **ret_detail)
{
    struct submission submission = {0};

    if (json_parse(body, len, &submission.doc) != ERR_OK) {
        *ret_detail = DETAIL_JSON;
        return ERR_SYNTAX;
    }
    const char *detail = find_fault(&submission);
    if (detail) {
        *ret_detail = detail;
        json_free(submission.doc);
        return ERR_SYNTAX;
    }
    *ret_submission = submission;
    return ERR_OK;
}

void submission_done(struct submission *submission)
{
    json_free(submission->doc);
    *submission = (struct submission){0};
}

/* ---- batches and tasks ---- */

void uuid_new(char *text)
{
    char hex[ID_TEXT];

    id_new(hex);
    hex[12] = '4';                        /* version */
    hex[16] = "89ab"[id_random() & 0x3u]; /* variant */
    size_t out = 0;
    for (size_t i = 0; i < ID_LEN; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            text[out++] = '-';
        text[out++] = hex[i];
    }
    text[out] = '\0';
}

/* Writes an id of the current form. An odd one has characters that a path must encode. */
static void id_write(const struct upstream *upstream, const char *kind, size_t n, char *text)
{
    switch ((enum id_form)upstream->behaviour->id_form) {
    case ID_UUID:
        uuid_new(text);
        break;
    case ID_ODD:
        snprintf(text, UUID_TEXT, "%s:%zu/..%%2F+~b.7", kind, n);
        break;
    case ID_INTEGER:
        snprintf(text, UUID_TEXT, "%zu", (strcmp(kind, "task") == 0 ? 2000000 : 1000000) + n);
        break;
    }
}

static void start(struct upstream *upstream)
{
    upstream->balance = upstream->behaviour->credits;
    upstream->random = (struct random){1};
}

void upstream_init(struct upstream *upstream)
{
    start(upstream);
}

static void task_free(struct task *task)
{
    timer_disarm(task->upstream->timers, &task->timer);
    free(task->domain);
    free(task->company_name);
    free(task->city);
    free(task->state);
    free(task->country);
    free(task->tracking_id);
    free(task->notify_url);
    free(task);
}

void upstream_clear(struct upstream *upstream)
{
    struct batch *batch, *next;

    HASH_CLEAR(hh, upstream->task_by_id);
    for (size_t i = 0; i < upstream->n_tasks; i++)
        task_free(upstream->tasks[i]);
    HASH_ITER (hh, upstream->batch_by_id, batch, next) {
        HASH_DEL(upstream->batch_by_id, batch);
        free(batch);
    }
    upstream->n_tasks = 0;
    upstream->n_batches = 0;
    upstream->n_answered = 0;
    upstream->n_done = 0;
    start(upstream);
}

void upstream_done(struct upstream *upstream)
{
    upstream_clear(upstream);
    free(upstream->tasks);
    upstream->tasks = NULL;
    upstream->room = 0;
}

static int64_t credits(int64_t thousandths)
{
    return (thousandths + 999) / 1000;
}

static int64_t price(const struct behaviour *behaviour, const struct rule *rule)
{
    if (strcmp(rule->state, "COMPLETED") != 0)
        return 0;
    if (rule->emails == 0)
        return credits(behaviour->price_per_empty_task);
    return credits(behaviour->price_per_email * (int64_t)rule->emails);
}

/* The last task of a batch refunds what the batch reserved and charges its price. */
static void settle(struct upstream *upstream, struct batch *batch, int64_t charge)
{
    if (upstream->behaviour->credits_checked == CREDITS_AT_TASK) {
        upstream->balance -= charge;
        return;
    }
    batch->charged += charge;
    if (batch->n_done < batch->n_tasks)
        return;
    upstream->balance += batch->reserved - batch->charged;
    batch->reserved = 0;
    batch->charged = 0;
}

static void report(const struct upstream *upstream, const struct task *task)
{
    if (upstream->on_task)
        upstream->on_task(upstream->on_task_arg, task);
}

static void task_end(struct timer *timer)
{
    struct task *task = container_of(timer, struct task, timer);
    struct upstream *upstream = task->upstream;
    struct rule rule = rules_find(upstream->rules, task->domain);
    int64_t charge = price(upstream->behaviour, &rule);

    task->done = true;
    task->batch->n_done++;
    upstream->n_done++;
    task->dry =
        upstream->behaviour->credits_checked == CREDITS_AT_TASK && charge > upstream->balance;
    settle(upstream, task->batch, task->dry ? 0 : charge);
    report(upstream, task);
}

static int64_t task_time_ms(const struct task *task, const struct rule *rule)
{
    const struct behaviour *behaviour = task->upstream->behaviour;

    if (rule->time_ms >= 0)
        return rule->time_ms + rule->slower_ms;
    int64_t jitter = behaviour->task_time_jitter_ms;
    if (jitter > 0)
        jitter = (int64_t)(task->jitter % ((uint64_t)jitter + 1));
    return behaviour->task_time_ms + jitter + rule->slower_ms;
}

static void task_time(struct task *task)
{
    struct rule rule = rules_find(task->upstream->rules, task->domain);
    int64_t at_ms = task->batch->created_ms + task_time_ms(task, &rule);

    if (strcmp(rule.state, "PROCESSING") == 0)
        timer_disarm(task->upstream->timers, &task->timer);
    else
        timer_arm(task->upstream->timers, &task->timer, at_ms, task_end);
}

void upstream_retime(struct upstream *upstream, const char *domain)
{
    for (size_t i = 0; i < upstream->n_tasks; i++) {
        struct task *task = upstream->tasks[i];
        if (!task->done && (!domain || strcmp(domain, task->domain) == 0))
            task_time(task);
    }
}

static char *copy(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

static void enter(struct upstream *upstream, struct task *task)
{
    if (upstream->n_tasks == upstream->room) {
        upstream->room = upstream->room ? 2 * upstream->room : 128;
        upstream->tasks = xrealloc(upstream->tasks, upstream->room * sizeof(*upstream->tasks));
    }
    upstream->tasks[upstream->n_tasks++] = task;
    task->n = upstream->n_tasks;
    HASH_ADD_STR(upstream->task_by_id, id, task);
}

static void add_task(struct batch *batch, struct upstream *upstream, const struct task_form *form)
{
    struct task *task = xcalloc(1, sizeof(*task));

    task->upstream = upstream;
    task->batch = batch;
    task->place = batch->n_tasks;
    id_write(upstream, "task", upstream->n_tasks + 1, task->id);
    task->domain = xstrdup(form->domain);
    task->company_name = xstrdup(form->company_name);
    task->city = copy(form->city);
    task->state = copy(form->state);
    task->country = copy(form->country);
    task->tracking_id = copy(form->tracking_id);
    task->notify_url = copy(form->notify_url);
    task->wall_ms = upstream->clock->wall_ms;
    task->jitter = random_next(&upstream->random);
    batch->tasks[batch->n_tasks++] = task;
    enter(upstream, task);
    task_time(task);
}

enum err upstream_create(struct upstream *upstream, const struct submission *submission, size_t key,
                         const struct batch **ret_batch)
{
    const struct behaviour *behaviour = upstream->behaviour;
    int64_t reserve = 0;

    if (behaviour->credits_checked == CREDITS_AT_SUBMIT)
        reserve = credits(behaviour->reserve_per_task * (int64_t)submission->n);
    if (reserve > upstream->balance)
        return ERR_CREDITS_EXHAUSTED;
    upstream->balance -= reserve;

    struct batch *batch = xcalloc(1, sizeof(*batch));
    batch->n = ++upstream->n_batches;
    id_write(upstream, "batch", batch->n, batch->id);
    batch->key = key;
    batch->created_ms = upstream->clock->now_ms;
    batch->reserved = reserve;
    HASH_ADD_STR(upstream->batch_by_id, id, batch);
    for (size_t i = 0; i < submission->n; i++)
        add_task(batch, upstream, &submission->tasks[i]);
    for (size_t i = 0; i < batch->n_tasks; i++)
        report(upstream, batch->tasks[i]);
    *ret_batch = batch;
    return ERR_OK;
}

static bool kept(const struct upstream *upstream, const struct batch *batch)
{
    int64_t retention = upstream->behaviour->retention_ms;

    return retention == 0 || upstream->clock->now_ms - batch->created_ms <= retention;
}

const struct batch *upstream_batch(const struct upstream *upstream, const char *id)
{
    struct batch *batch = NULL;

    HASH_FIND_STR(upstream->batch_by_id, id, batch);
    return batch && kept(upstream, batch) ? batch : NULL;
}

const struct task *upstream_task(const struct upstream *upstream, const char *id)
{
    struct task *task = NULL;

    HASH_FIND_STR(upstream->task_by_id, id, task);
    return task && kept(upstream, task->batch) ? task : NULL;
}

void upstream_answered(struct upstream *upstream, const char *batch_id)
{
    struct batch *batch = NULL;

    HASH_FIND_STR(upstream->batch_by_id, batch_id, batch);
    if (!batch || batch->answered)
        return;
    batch->answered = true;
    upstream->n_answered++;
}

const char *task_state(const struct task *task)
{
    if (!task->done)
        return "PROCESSING";
    return task->dry ? "ERRORED" : rules_find(task->upstream->rules, task->domain).state;
}

struct batch_counts batch_count(const struct batch *batch)
{
    struct batch_counts counts = {0};

    for (size_t i = 0; i < batch->n_tasks; i++) {
        const char *state = task_state(batch->tasks[i]);
        counts.processing += strcmp(state, "PROCESSING") == 0;
        counts.completed += strcmp(state, "COMPLETED") == 0;
        counts.errored += strcmp(state, "ERRORED") == 0;
    }
    return counts;
}
