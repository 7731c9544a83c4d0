/* SPDX-License-Identifier: MIT */
/* vendor.c - see vendor.h. Searches are linear: a test has at most a few hundred tasks. */
#include "vendor.h"

#include "base/mem.h"
#include "fake_transport.h"
#include "vendor_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

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

void vendor_set_clock(struct vendor *vendor, const struct clock *clock)
{
    vendor->clock = clock;
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
            if (call->fault.for_ever)
                return;
            memmove(&vendor->faults[i], &vendor->faults[i + 1],
                    (--vendor->n_faults - i) * sizeof vendor->faults[0]);
            return;
        }
    if (rand_r(&vendor->seed) % 100 < vendor->random_percent) {
        call->has_fault = true;
        call->fault = random_fault(vendor, call->kind);
    }
}

static void answer(struct vendor *vendor, const struct call *call)
{
    if (call->has_fault) {
        const struct vendor_fault *fault = &call->fault;
        if (call->kind == VENDOR_SUBMIT && fault->creates)
            vendor_create_batch(vendor, fake_body(call->transfer));
        if (fault->status)
            fake_answer(call->transfer, fault->status, fault->body,
                        fault->retry_after_s ? fault->retry_after_s : -1);
        else
            fake_break(call->transfer, fault->end);
        return;
    }
    vendor_answer(vendor, call->kind, call->transfer);
}

/* ---- iterations ---- */

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
