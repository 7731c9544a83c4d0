/* SPDX-License-Identifier: MIT */
/* fair_queue.h - queue of tasks that wait for a batch, fair to clients.
 *
 * Each client has its own line, first in, first out. A batch takes one task from each line in
 * rotation, or as many as the client's weight. So a client with a thousand lookups does not keep a
 * client with one out of the next batch. A line exists while it holds tasks. Engine thread only. */
#ifndef LOOKUP_BATCHING_FAIR_QUEUE_H
#define LOOKUP_BATCHING_FAIR_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task;
struct line;

struct queue {
    struct line *by_name; /* hash table by client */
    struct line *turns;   /* list in order of rotation */
    struct task *oldest;  /* list of all tasks, oldest first */
    size_t n;
};

/* Empties the queue without touching the tasks. A zeroed queue is empty. */
void queue_done(struct queue *queue);

/* Returns whether the client may queue one more task. Up to `max` tasks in total, any client may.
 * Beyond that, a client may only if it holds less than an equal share of `max`, so that no client
 * can exclude others by filling the queue. At twice `max`, no client may. */
bool queue_has_room(const struct queue *queue, const char *client, size_t max);

/* Appends the task to the client's line, which gets the weight of the task's payer. The task must
 * not be queued; it is borrowed until it leaves the queue. */
void queue_add(struct queue *queue, struct task *task, const char *client);
void queue_remove(struct queue *queue, struct task *task);

/* Removes and returns the next task in rotation, or NULL if the queue is empty. */
struct task *queue_take(struct queue *queue);

#endif
