/* SPDX-License-Identifier: MIT */
/* lost_tasks.h - the tasks of a batch whose outcome is unknown, as the store knows them now. Used
 * by inquiry.c only. Engine thread only. */
#ifndef LOOKUP_LOST_TASKS_H
#define LOOKUP_LOST_TASKS_H

#include "base/id.h"
#include "lookup/records/resolved_task.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

/* Initialize with {0}. */
struct lost_tasks {
    struct lost_task *of; /* what is still unknown */
    size_t n;
    /* Private: */
    char (*others)[ID_TEXT]; /* tracking ids of the tasks that are known */
    size_t n_others;
};

/* Replaces them by the tasks of the batch. */
void lost_tasks_read(struct lost_tasks *tasks, const struct store_batch *batch);

void lost_tasks_clear(struct lost_tasks *tasks);

/* Returns the task with that tracking id if it is unknown, or NULL. */
struct lost_task *lost_tasks_find(const struct lost_tasks *tasks, const char *tracking_id);

/* Returns whether the tracking id is of any task of the batch. */
bool lost_tasks_are_named(const struct lost_tasks *tasks, const char *tracking_id);

/* Its outcome is known now. Others may move. */
void lost_tasks_drop(struct lost_tasks *tasks, struct lost_task *task);

#endif
