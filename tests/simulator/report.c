/* SPDX-License-Identifier: MIT */
/* report.c - see report.h. */
#include "tests/simulator/report.h"

#include "base/json.h"

#include <string.h>

static void add_text(struct buf *out, const char *key, const char *value)
{
    buf_addf(out, ",\"%s\":", key);
    json_add_text(out, value);
}

static void write_task(const struct task *task, struct buf *out)
{
    buf_addf(out, "{\"n\":%zu", task->n);
    add_text(out, "batch_id", task->batch->id);
    add_text(out, "task_id", task->id);
    add_text(out, "domain", task->domain);
    add_text(out, "company_name", task->company_name);
    add_text(out, "city", task->city);
    add_text(out, "state", task->state);
    add_text(out, "country", task->country);
    add_text(out, "tracking_id", task->tracking_id);
    buf_addf(out, ",\"at_ms\":%lld,\"answered\":%s}", (long long)task->wall_ms,
             task->batch->answered ? "true" : "false");
}

void report_ledger(const struct sim *sim, const char *domain, struct buf *out)
{
    const struct vendor *vendor = &sim->vendor;
    const char *comma = "";

    buf_add_str(out, "[");
    for (size_t i = 0; i < vendor->n_tasks; i++) {
        if (domain && strcmp(domain, vendor->tasks[i]->domain) != 0)
            continue;
        buf_add_str(out, comma);
        write_task(vendor->tasks[i], out);
        comma = ",\n";
    }
    buf_add_str(out, "]");
}

void report_numbers(const struct sim *sim, struct number *numbers)
{
    const struct calls *calls = sim->calls;
    const struct number rest[NUMBERS - CALL_KINDS] = {
        {"unauthorized", calls->unauthorized},
        {"connections", calls->connections},
        {"accept_closed", calls->accept_closed},
        {"requests", calls->n_records},
        {"open", sim->open},
        {"scripts", sim->raws.n},
        {"asleep", sim->n_asleep},
        {"batches", sim->vendor.n_batches},
        {"batches_answered", sim->vendor.n_answered},
        {"tasks", sim->vendor.n_tasks},
        {"tasks_done", sim->vendor.n_done},
    };

    for (size_t i = 0; i < CALL_KINDS; i++)
        numbers[i] = (struct number){call_names[i], calls->by_kind[i]};
    memcpy(numbers + CALL_KINDS, rest, sizeof(rest));
}
