/* SPDX-License-Identifier: MIT */
/* fair_queue.c - one FIFO of tasks per client, served in rotation; see fair_queue.h. */
#include "lookup/batching/fair_queue.h"

#include "base/fair_share.h"
#include "base/hashtable.h"
#include "base/mem.h"
#include "lookup/records/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

struct client_fifo {
    char client[ACCOUNT_NAME_MAX + 1];
    struct task *tasks;
    size_t n;
    int weight, left; /* tasks per round; left in this round */
    struct client_fifo *prev, *next;
    UT_hash_handle hh;
};

static struct client_fifo *find_fifo(const struct fair_queue *queue, const char *client)
{
    char name[ACCOUNT_NAME_MAX + 1];
    struct client_fifo *fifo;

    snprintf(name, sizeof name, "%s", client);
    HASH_FIND_STR(queue->by_client, name, fifo);
    return fifo;
}

static struct client_fifo *find_or_add_fifo(struct fair_queue *queue, const char *client)
{
    struct client_fifo *fifo = find_fifo(queue, client);

    if (fifo)
        return fifo;
    fifo = xcalloc(1, sizeof *fifo);
    snprintf(fifo->client, sizeof fifo->client, "%s", client);
    HASH_ADD_STR(queue->by_client, client, fifo);
    DL_APPEND(queue->rotation, fifo);
    return fifo;
}

static void free_fifo(struct fair_queue *queue, struct client_fifo *fifo)
{
    HASH_DEL(queue->by_client, fifo);
    DL_DELETE(queue->rotation, fifo);
    free(fifo);
}

void fair_queue_done(struct fair_queue *queue)
{
    while (queue->rotation)
        free_fifo(queue, queue->rotation);
    queue->n = 0;
    queue->oldest = NULL;
}

bool fair_queue_has_room(const struct fair_queue *queue, const char *client, size_t max)
{
    if (queue->n < max) /* the usual case needs no search */
        return true;
    const struct client_fifo *fifo = find_fifo(queue, client);
    const struct fair_share share = {.max = max,
                                     .used = queue->n,
                                     .clients = HASH_COUNT(queue->by_client) + !fifo,
                                     .held = fifo ? fifo->n : 0};
    return fair_share_has_room(&share);
}

void fair_queue_add(struct fair_queue *queue, struct task *task, const char *client)
{
    task->fifo = find_or_add_fifo(queue, client);
    task->fifo->weight = task->payer.weight;
    DL_APPEND(task->fifo->tasks, task);
    DL_APPEND2(queue->oldest, task, older, newer);
    task->fifo->n++;
    queue->n++;
}

void fair_queue_remove(struct fair_queue *queue, struct task *task)
{
    struct client_fifo *fifo = task->fifo;

    DL_DELETE(fifo->tasks, task);
    DL_DELETE2(queue->oldest, task, older, newer);
    task->fifo = NULL;
    fifo->n--;
    queue->n--;
    if (!fifo->tasks)
        free_fifo(queue, fifo);
}

struct task *fair_queue_take(struct fair_queue *queue)
{
    struct client_fifo *fifo = queue->rotation;

    if (!fifo)
        return NULL;
    struct task *task = fifo->tasks;
    if (fifo->left <= 0)
        fifo->left = fifo->weight;
    if (--fifo->left <= 0) {
        DL_DELETE(queue->rotation, fifo);
        DL_APPEND(queue->rotation, fifo);
    }
    fair_queue_remove(queue, task);
    return task;
}

struct task *fair_queue_take_oldest(struct fair_queue *queue)
{
    struct task *task = queue->oldest;

    if (task)
        fair_queue_remove(queue, task);
    return task;
}
