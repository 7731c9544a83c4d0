/* SPDX-License-Identifier: MIT */
/* task.c - see task.h. */
#include "lookup/records/task.h"

#include "base/mem.h"
#include "store/store.h"

#include <assert.h>
#include <utlist.h>

/* Adds the time that the task has spent in its current phase. */
static void add_time(struct lookup_timing *timing, const struct task *task, int64_t now_ms)
{
    int64_t ms = now_ms - task->phase_since_ms;

    switch (task->phase) { /* GCOVR_EXCL_BR_LINE: it has no other values */
    case TASK_QUEUED:
        timing->queue_ms += ms;
        break;
    case TASK_SUBMITTING:
        timing->submit_ms += ms;
        break;
    case TASK_PROCESSING:
        timing->upstream_ms += ms;
        break;
    case TASK_FETCHING:
        timing->read_ms += ms;
        break;
    case TASK_IDLE:
    case TASK_ENDED:
        break;
    }
}

void task_enter_phase(struct task *task, enum task_phase phase, int64_t now_ms)
{
    if (task->phase == phase)
        return;
    add_time(&task->timing, task, now_ms);
    task->phase = phase;
    task->phase_since_ms = now_ms;
    if (task->moved)
        task->moved(task);
}

struct lookup_timing task_timing(const struct task *task, int64_t now_ms)
{
    struct lookup_timing timing = task->timing;

    add_time(&timing, task, now_ms);
    return timing;
}

struct store_task *task_rows(const struct task *tasks, size_t *ret_n)
{
    struct store_task *rows = xcalloc(OPENMART_BATCH_MAX, sizeof *rows);
    const struct task *task;
    size_t n = 0;

    DL_FOREACH (tasks, task) {
        assert(n < OPENMART_BATCH_MAX);
        rows[n++] = (struct store_task){.tracking_id = task->tracking_id,
                                        .lookup_id = task->lookup_id,
                                        .key = task->question->key,
                                        .parts = task->question->parts,
                                        .client = task->payer.name,
                                        .day = task->credit.day};
    }
    *ret_n = n;
    return rows;
}
