/* SPDX-License-Identifier: MIT */
/* plan_notify.c - the steps of a plan in which the upstream calls the notify URL. */
#include "ledger.h"
#include "plan_steps.h"
#include "tests/flow/flow.h"
#include "trace.h"

#include <string.h>

/* Any batch or task, also one that was created long ago; the token may be that of another one. */
void plan_notify(void)
{
    size_t n = fake_upstream_ledger(flow.upstream);

    if (!plan.has_notify_url || n == 0)
        return;
    struct ledger_task task = ledger_task(flow.upstream, plan_below(n));
    const char *token = ledger_task(flow.upstream, plan_below(n)).notify_token;
    const char *id = plan_happens(50) ? task.batch_id : task.task_id;
    if (plan_happens(80))
        token = task.notify_token;
    trace_add("the upstream notifies about %s, token %.8s", task.domain, token);
    engine_notify(flow.engine, token, id, strlen(id));
}

static void lose(size_t domain)
{
    trace_add("the next submit is lost");
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN, .creates = true});
    plan_ask(domain);
}

/* What became of a lost task is known only after its question was asked again, and lost again. */
void plan_find_late(void)
{
    size_t domain = plan_below(plan.options.n_domains);

    if (!plan.has_notify_url)
        return;
    lose(domain);
    plan_advance(plan.options.unknown_hold_ms + (int64_t)plan_below(10000));
    lose(domain);
    plan_advance((int64_t)plan_below(8000));
    plan_notify();
    plan_advance(plan.options.ttl_failed_ms + (int64_t)plan_below(4000));
    plan_ask(domain);
}
