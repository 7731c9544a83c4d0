/* SPDX-License-Identifier: MIT */
/* fair_queue.c - lines of tasks by client, served in rotation; see fair_queue.h. */
#include "lookup/batching/fair_queue.h"

#include "base/hashtable.h"
#include "base/mem.h"
#include "lookup/records/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

struct line {
    char client[ACCOUNT_NAME_MAX + 1];
    struct task *tasks;
    size_t n;
    int weight, left; /* tasks per round; left in this round */
    struct line *prev, *next;
    UT_hash_handle hh;
};

static struct line *find_line(const struct queue *queue, const char *client)
{
    char name[ACCOUNT_NAME_MAX + 1];
    struct line *line;

    snprintf(name, sizeof name, "%s", client);
    HASH_FIND_STR(queue->by_name, name, line);
    return line;
}

static struct line *line_of(struct queue *queue, const char *client)
{
    struct line *line = find_line(queue, client);

    if (line)
        return line;
    line = xcalloc(1, sizeof *line);
    snprintf(line->client, sizeof line->client, "%s", client);
    HASH_ADD_STR(queue->by_name, client, line);
    DL_APPEND(queue->turns, line);
    return line;
}

static void free_line(struct queue *queue, struct line *line)
{
    HASH_DEL(queue->by_name, line);
    DL_DELETE(queue->turns, line);
    free(line);
}

void queue_done(struct queue *queue)
{
    while (queue->turns)
        free_line(queue, queue->turns);
    queue->n = 0;
    queue->oldest = NULL;
}

bool queue_has_room(const struct queue *queue, const char *client, size_t max)
{
    if (queue->n < max)
        return true;
    const struct line *line = find_line(queue, client);
    size_t held = line ? line->n : 0, lines = HASH_COUNT(queue->by_name) + !line;
    return queue->n < 2 * max && (held + 1) * lines <= max;
}

void queue_add(struct queue *queue, struct task *task, const char *client)
{
    task->line = line_of(queue, client);
    task->line->weight = task->payer.weight;
    DL_APPEND(task->line->tasks, task);
    DL_APPEND2(queue->oldest, task, before, behind);
    task->line->n++;
    queue->n++;
}

void queue_remove(struct queue *queue, struct task *task)
{
    struct line *line = task->line;

    DL_DELETE(line->tasks, task);
    DL_DELETE2(queue->oldest, task, before, behind);
    task->line = NULL;
    line->n--;
    queue->n--;
    if (!line->tasks)
        free_line(queue, line);
}

struct task *queue_take(struct queue *queue)
{
    struct line *line = queue->turns;

    if (!line)
        return NULL;
    struct task *task = line->tasks;
    if (line->left <= 0)
        line->left = line->weight;
    if (--line->left <= 0) {
        DL_DELETE(queue->turns, line);
        DL_APPEND(queue->turns, line);
    }
    queue_remove(queue, task);
    return task;
}
