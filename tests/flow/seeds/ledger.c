/* SPDX-License-Identifier: MIT */
/* ledger.c - see ledger.h. */
#include "ledger.h"

#include "defect.h"
#include "tests/simulator/upstream.h"

#include <string.h>

static ledger_created_fn *watcher;

static void on_task(void *arg, const struct task *task)
{
    (void)arg;
    for (int n = seeds_defect == DEFECT_CREATED_TWICE ? 2 : 1; n > 0 && !task->done; n--)
        watcher(task->tracking_id, task->domain);
}

void ledger_watch(struct fake_upstream *upstream, ledger_created_fn *created)
{
    watcher = created;
    fake_upstream_model(upstream)->on_task = on_task;
}

struct ledger_task ledger_task(struct fake_upstream *upstream, size_t i)
{
    const struct task *task = fake_upstream_model(upstream)->tasks[i];
    const char *slash = task->notify_url ? strrchr(task->notify_url, '/') : NULL;

    return (struct ledger_task){.domain = task->domain,
                                .task_id = task->id,
                                .batch_id = task->batch->id,
                                .notify_token = slash ? slash + 1 : ""};
}
