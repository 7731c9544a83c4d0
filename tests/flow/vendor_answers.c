/* SPDX-License-Identifier: MIT */
/* vendor_answers.c - the normal responses of the upstream in memory, by the state of its tasks. */
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "fake_transport.h"
#include "vendor_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static struct vendor_rule rule_of(const struct vendor *vendor, const char *domain)
{
    struct vendor_rule rule = {.domain = domain};

    for (size_t i = 0; i < vendor->n_rules; i++)
        if (strcmp(vendor->rules[i].domain, domain) == 0)
            rule = vendor->rules[i];
    if (!rule.task_ms)
        rule.task_ms = vendor->task_ms;
    if (!rule.state)
        rule.state = "COMPLETED";
    return rule;
}

int vendor_create_batch(struct vendor *vendor, const char *body)
{
    struct json *doc;

    if (json_parse(body, strlen(body), &doc))
        abort(); /* the code under test sent invalid JSON */
    vendor->n_batches++;
    if (json_size(doc) > vendor->largest)
        vendor->largest = json_size(doc);
    for (const struct json *each = json_first(doc); each; each = json_next(each)) {
        struct task *task = xcalloc(1, sizeof *task);
        task->number = ++vendor->n_tasks;
        task->batch = vendor->n_batches;
        task->domain = xstrdup(json_get_string(each, "domain"));
        task->tracking_id = xstrdup(json_get_string(each, "tracking_id"));
        task->done_ms = vendor->clock->now_ms + rule_of(vendor, task->domain).task_ms;
        DL_APPEND(vendor->tasks, task);
    }
    json_free(doc);
    return vendor->n_batches;
}

static const char *state_of(const struct vendor *vendor, const struct task *task)
{
    const char *state = rule_of(vendor, task->domain).state;

    return vendor->clock->now_ms < task->done_ms ? "PROCESSING" : state;
}

struct counts {
    int processing, completed, errored, total;
};

static struct counts count(const struct vendor *vendor, int batch)
{
    struct counts counts = {0};
    const struct task *task;

    DL_FOREACH (vendor->tasks, task) {
        if (task->batch != batch)
            continue;
        const char *state = state_of(vendor, task);
        counts.total++;
        counts.processing += strcmp(state, "PROCESSING") == 0;
        counts.completed += strcmp(state, "COMPLETED") == 0;
        counts.errored += strcmp(state, "ERRORED") == 0;
    }
    return counts;
}

static void answer_status(const struct vendor *vendor, struct transfer *transfer, int batch)
{
    struct counts c = count(vendor, batch);
    char text[200];

    snprintf(text, sizeof text,
             "{\"processing\":%d,\"completed\":%d,\"errored\":%d,\"total\":%d,\"batch_ready\":%s}",
             c.processing, c.completed, c.errored, c.total, c.processing ? "false" : "true");
    fake_answer(transfer, 200, text, -1);
}

static void answer_ids(const struct vendor *vendor, struct transfer *transfer, int batch)
{
    const char *filter = strstr(fake_url(transfer), "?status=");
    bool hidden = vendor->list_only_at_end && count(vendor, batch).processing;
    struct buf autobuf text = BUF_INIT(1 << 20);
    const struct task *task;

    DL_FOREACH (vendor->tasks, task)
        if (task->batch == batch && !hidden &&
            (!filter || strcmp(filter + 8, state_of(vendor, task)) == 0))
            buf_addf(&text, "%s\"task-%d\"", text.len ? "," : "[", task->number);
    buf_add_str(&text, text.len ? "]" : "[]");
    fake_answer(transfer, 200, buf_str(&text), -1);
}

static const char *told_tracking_id(const struct vendor *vendor, const struct task *task,
                                    const struct vendor_rule *rule)
{
    const struct task *other;

    if (rule->without_tracking_id)
        return NULL;
    DL_FOREACH (vendor->tasks, other)
        if (rule->tracking_id_of && strcmp(other->domain, rule->tracking_id_of) == 0)
            return other->tracking_id;
    return task->tracking_id;
}

static void answer_task(const struct vendor *vendor, struct transfer *transfer, int number)
{
    struct buf autobuf text = BUF_INIT(1 << 20);
    struct task *task;

    DL_FOREACH (vendor->tasks, task) {
        if (task->number != number)
            continue;
        struct vendor_rule rule = rule_of(vendor, task->domain);
        const char *state = state_of(vendor, task);
        buf_addf(&text, "{\"task_id\":\"task-%d\",\"status\":\"%s\",\"tracking_id\":", number,
                 state);
        json_add_text(&text, told_tracking_id(vendor, task, &rule));
        if (strcmp(state, "COMPLETED") != 0)
            buf_add_str(&text, ",\"data\":null}");
        else if (rule.data)
            buf_addf(&text, ",\"data\":%s}", rule.data);
        else
            buf_addf(&text, ",\"data\":[{\"email\":\"info@%s\",\"status\":\"VALID\"}]}",
                     task->domain);
        fake_answer(transfer, 200, buf_str(&text), -1);
        return;
    }
    fake_answer(transfer, 404, "{\"detail\":\"not found\"}", -1);
}

static bool holds_a_disliked_domain(const struct vendor *vendor, const char *body)
{
    for (size_t i = 0; i < vendor->n_rules; i++)
        if (vendor->rules[i].disliked && strstr(body, vendor->rules[i].domain))
            return true;
    return false;
}

static void answer_submit(struct vendor *vendor, struct transfer *transfer)
{
    char text[100];

    if (holds_a_disliked_domain(vendor, fake_body(transfer))) {
        fake_answer(transfer, 400, "{\"detail\":\"I do not like it\"}", -1);
        return;
    }
    snprintf(text, sizeof text, "{\"batch_id\":\"batch-%d\"}",
             vendor_create_batch(vendor, fake_body(transfer)));
    fake_answer(transfer, 200, text, -1);
}

static int number_in(const char *url, const char *before)
{
    const char *at = strstr(url, before);

    return at ? (int)strtol(at + strlen(before), NULL, 10) : 0;
}

static void answer_balance(const struct vendor *vendor, struct transfer *transfer)
{
    char text[100];

    snprintf(text, sizeof text, "{\"balance\":%lld}", (long long)vendor->balance);
    fake_answer(transfer, 200, text, -1);
}

void vendor_answer(struct vendor *vendor, enum vendor_call kind, struct transfer *transfer)
{
    const char *url = fake_url(transfer);

    switch (kind) {
    case VENDOR_SUBMIT:
        answer_submit(vendor, transfer);
        break;
    case VENDOR_STATUS:
        answer_status(vendor, transfer, number_in(url, "batch-"));
        break;
    case VENDOR_IDS:
        answer_ids(vendor, transfer, number_in(url, "batch-"));
        break;
    case VENDOR_TASK:
        answer_task(vendor, transfer, number_in(url, "task-"));
        break;
    case VENDOR_BALANCE:
        answer_balance(vendor, transfer);
        break;
    case VENDOR_CALLS:
        break;
    }
}
