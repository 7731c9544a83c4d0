/* SPDX-License-Identifier: MIT */
/* vendor.c - see vendor.h. Linear searches everywhere: a test has at most a few hundred tasks. */
#include "vendor.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "fake_transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define RULES  16
#define FAULTS 64

struct task {
    int number, batch;
    char *domain, *tracking_id;
    int64_t done_ms;
    struct task *prev, *next;
};

/* A call that waits to be answered. */
struct call {
    struct transfer *transfer;
    enum vendor_call kind;
    int64_t due_ms;
    bool has_fault;
    struct vendor_fault fault;
    struct call *prev, *next;
};

struct vendor {
    struct transport *transport;
    const struct clock *clock;
    int64_t submit_ms, task_ms;
    bool list_only_at_end, only_once;
    struct vendor_rule rules[RULES];
    size_t n_rules;
    struct vendor_fault faults[FAULTS];
    size_t n_faults;
    int random_percent;
    unsigned seed;
    struct task *tasks;
    struct call *calls;
    int n_tasks, n_batches;
    int64_t balance;
    size_t n_calls[VENDOR_CALLS], largest;
};

struct vendor *vendor_new(struct transport *transport, const struct clock *clock)
{
    struct vendor *vendor = xcalloc(1, sizeof *vendor);

    vendor->transport = transport;
    vendor->clock = clock;
    vendor->submit_ms = 26000;
    vendor->task_ms = 2000;
    vendor->only_once = true;
    vendor->balance = 10000;
    return vendor;
}

void vendor_free(struct vendor *vendor)
{
    struct task *task, *next_task;
    struct call *call, *next_call;

    DL_FOREACH_SAFE (vendor->tasks, task, next_task) {
        free(task->domain);
        free(task->tracking_id);
        free(task);
    }
    DL_FOREACH_SAFE (vendor->calls, call, next_call)
        free(call);
    free(vendor);
}

void vendor_set_submit_ms(struct vendor *vendor, int64_t ms)
{
    vendor->submit_ms = ms;
}

void vendor_set_task_ms(struct vendor *vendor, int64_t ms)
{
    vendor->task_ms = ms;
}

void vendor_list_only_at_end(struct vendor *vendor, bool on)
{
    vendor->list_only_at_end = on;
}

void vendor_rule(struct vendor *vendor, struct vendor_rule rule)
{
    vendor->rules[vendor->n_rules++] = rule;
}

void vendor_fault(struct vendor *vendor, struct vendor_fault fault)
{
    vendor->faults[vendor->n_faults++] = fault;
}

void vendor_set_balance(struct vendor *vendor, int64_t balance)
{
    vendor->balance = balance;
}

void vendor_clear_faults(struct vendor *vendor)
{
    vendor->n_faults = 0;
}

void vendor_fail_randomly(struct vendor *vendor, int percent, unsigned seed)
{
    vendor->random_percent = percent;
    vendor->seed = seed;
}

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

/* ---- faults ---- */

static struct vendor_fault random_fault(struct vendor *vendor, enum vendor_call kind)
{
    static const struct vendor_fault ways[] = {
        {.status = 500, .body = "<html>oops</html>"},
        {.status = 503, .body = "busy", .retry_after_s = 1},
        {.status = 429, .body = "{\"detail\":\"slow down\"}"},
        {.status = 200, .body = "{\"batch_id\":"},
        {.end = TRANSPORT_NOT_SENT},
        {.end = TRANSPORT_BROKEN},
        {.end = TRANSPORT_TIMEOUT},
    };
    struct vendor_fault fault = ways[(size_t)rand_r(&vendor->seed) % ARRAY_LEN(ways)];
    bool may_create = fault.status == 500 || fault.status == 200 ||
                      (!fault.status && fault.end != TRANSPORT_NOT_SENT);

    fault.on = kind;
    fault.creates = may_create && rand_r(&vendor->seed) % 2;
    return fault;
}

static void choose_fault(struct vendor *vendor, struct call *call)
{
    for (size_t i = 0; i < vendor->n_faults; i++)
        if (vendor->faults[i].on == call->kind) {
            call->has_fault = true;
            call->fault = vendor->faults[i];
            memmove(&vendor->faults[i], &vendor->faults[i + 1],
                    (--vendor->n_faults - i) * sizeof vendor->faults[0]);
            return;
        }
    if (rand_r(&vendor->seed) % 100 < vendor->random_percent) {
        call->has_fault = true;
        call->fault = random_fault(vendor, call->kind);
    }
}

/* ---- the four answers ---- */

static int create_batch(struct vendor *vendor, const char *body)
{
    struct json *doc;

    if (json_parse(body, strlen(body), &doc))
        abort(); /* the code under test sent no JSON */
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
             create_batch(vendor, fake_body(transfer)));
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

static void answer(struct vendor *vendor, const struct call *call)
{
    const char *url = fake_url(call->transfer);

    if (call->has_fault) {
        const struct vendor_fault *fault = &call->fault;
        if (call->kind == VENDOR_SUBMIT && fault->creates)
            create_batch(vendor, fake_body(call->transfer));
        if (fault->status)
            fake_answer(call->transfer, fault->status, fault->body,
                        fault->retry_after_s ? fault->retry_after_s : -1);
        else
            fake_break(call->transfer, fault->end);
        return;
    }
    switch (call->kind) {
    case VENDOR_SUBMIT:
        answer_submit(vendor, call->transfer);
        break;
    case VENDOR_STATUS:
        answer_status(vendor, call->transfer, number_in(url, "batch-"));
        break;
    case VENDOR_IDS:
        answer_ids(vendor, call->transfer, number_in(url, "batch-"));
        break;
    case VENDOR_TASK:
        answer_task(vendor, call->transfer, number_in(url, "task-"));
        break;
    case VENDOR_BALANCE:
        answer_balance(vendor, call->transfer);
        break;
    case VENDOR_CALLS:
        break;
    }
}

/* ---- turns ---- */

static enum vendor_call kind_of(const struct transfer *transfer)
{
    const char *url = fake_url(transfer);

    if (fake_body(transfer))
        return VENDOR_SUBMIT;
    if (strstr(url, "/status"))
        return VENDOR_STATUS;
    if (strstr(url, "/task_ids"))
        return VENDOR_IDS;
    return strstr(url, "credit-balance") ? VENDOR_BALANCE : VENDOR_TASK;
}

static void take_new(struct vendor *vendor)
{
    struct transfer *transfer;

    while ((transfer = fake_next_new(vendor->transport))) {
        struct call *call = xcalloc(1, sizeof *call);
        call->transfer = transfer;
        call->kind = kind_of(transfer);
        vendor->n_calls[call->kind]++;
        if (call->kind == VENDOR_SUBMIT)
            vendor->only_once = vendor->only_once && fake_only_once(transfer);
        choose_fault(vendor, call);
        bool at_once =
            call->has_fault && !call->fault.status && call->fault.end == TRANSPORT_NOT_SENT;
        call->due_ms = vendor->clock->now_ms +
                       (call->kind == VENDOR_SUBMIT && !at_once ? vendor->submit_ms : 0);
        DL_APPEND(vendor->calls, call);
    }
}

void vendor_turn(struct vendor *vendor)
{
    struct call *call, *next;

    take_new(vendor);
    DL_FOREACH_SAFE (vendor->calls, call, next) {
        bool alive = fake_is_alive(vendor->transport, call->transfer);
        if (alive && call->due_ms > vendor->clock->now_ms)
            continue;
        if (alive)
            answer(vendor, call);
        DL_DELETE(vendor->calls, call);
        free(call);
    }
}

int64_t vendor_next_ms(const struct vendor *vendor)
{
    int64_t next = INT64_MAX;
    const struct call *call;

    DL_FOREACH (vendor->calls, call)
        if (call->due_ms < next)
            next = call->due_ms;
    return next;
}

size_t vendor_calls(const struct vendor *vendor, enum vendor_call call)
{
    return vendor->n_calls[call];
}

size_t vendor_ledger(const struct vendor *vendor)
{
    return (size_t)vendor->n_tasks;
}

size_t vendor_ledger_of(const struct vendor *vendor, const char *domain)
{
    const struct task *task;
    size_t n = 0;

    DL_FOREACH (vendor->tasks, task)
        n += strcmp(task->domain, domain) == 0;
    return n;
}

size_t vendor_largest_batch(const struct vendor *vendor)
{
    return vendor->largest;
}

int64_t vendor_done_ms(const struct vendor *vendor, const char *domain)
{
    const struct task *task;

    DL_FOREACH (vendor->tasks, task)
        if (strcmp(task->domain, domain) == 0)
            return task->done_ms;
    return -1;
}

bool vendor_submits_were_only_once(const struct vendor *vendor)
{
    return vendor->only_once;
}
