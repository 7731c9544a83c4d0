/* SPDX-License-Identifier: MIT */
/* lost_tasks.c - see lost_tasks.h. */
#include "lookup/lost_tasks.h"

#include "base/mem.h"
#include "model/question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lost_tasks_drop(struct lost_tasks *tasks, struct lost_task *task)
{
    question_free(task->question);
    *task = tasks->of[--tasks->n];
}

void lost_tasks_clear(struct lost_tasks *tasks)
{
    while (tasks->n)
        lost_tasks_drop(tasks, tasks->of);
    free(tasks->of);
    free(tasks->others);
    *tasks = (struct lost_tasks){0};
}

static void add_lost(struct lost_tasks *tasks, const struct store_task *task)
{
    struct lost_task *lost = &tasks->of[tasks->n++];

    lost->question = question_restore(task->key, &task->parts);
    snprintf(lost->tracking_id, sizeof lost->tracking_id, "%s", task->tracking_id);
    snprintf(lost->lookup_id, sizeof lost->lookup_id, "%s", task->lookup_id);
}

void lost_tasks_read(struct lost_tasks *tasks, const struct store_batch *batch)
{
    lost_tasks_clear(tasks);
    tasks->of = xcalloc(batch->n + 1, sizeof *tasks->of);
    tasks->others = xcalloc(batch->n + 1, sizeof *tasks->others);
    for (size_t i = 0; i < batch->n; i++)
        if (batch->tasks[i].task_state == STORE_UNKNOWN)
            add_lost(tasks, &batch->tasks[i]);
        else
            snprintf(tasks->others[tasks->n_others++], ID_TEXT, "%s", batch->tasks[i].tracking_id);
}

struct lost_task *lost_tasks_find(const struct lost_tasks *tasks, const char *tracking_id)
{
    for (size_t i = 0; i < tasks->n; i++)
        if (strcmp(tasks->of[i].tracking_id, tracking_id) == 0)
            return &tasks->of[i];
    return NULL;
}

bool lost_tasks_are_named(const struct lost_tasks *tasks, const char *tracking_id)
{
    for (size_t i = 0; i < tasks->n_others; i++)
        if (strcmp(tasks->others[i], tracking_id) == 0)
            return true;
    return lost_tasks_find(tasks, tracking_id) != NULL;
}
