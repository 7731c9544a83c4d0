/* SPDX-License-Identifier: MIT */
/* task.c - see task.h. */
#include "lookup/records/task.h"

#include "base/mem.h"
#include "store/store.h"

#include <assert.h>
#include <utlist.h>

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
