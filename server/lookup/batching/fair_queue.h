/* SPDX-License-Identifier: MIT */
/* fair_queue.h - queues tasks that wait for a batch, fairly by client (weighted round robin).
 *
 * Each client has its own FIFO. A batch takes one task from each FIFO in rotation, or as many as
 * the client's weight. So a client with a thousand lookups does not keep a client with one out of
 * the next batch. A FIFO exists while it holds tasks. Engine thread only. */
#ifndef LOOKUP_BATCHING_FAIR_QUEUE_H
#define LOOKUP_BATCHING_FAIR_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task;
struct client_fifo;

struct fair_queue {
    struct client_fifo *by_client; /* hash table by client */
    struct client_fifo *rotation;  /* list in order of rotation */
    struct task *oldest;           /* list of all tasks, oldest first */
    size_t n;
};

/* Frees the FIFOs without touching the tasks. A zeroed queue is empty. */
void fair_queue_done(struct fair_queue *queue);

/* Returns whether the client may queue one more task, by the rule of base/fair_share.h. */
bool fair_queue_has_room(const struct fair_queue *queue, const char *client, size_t max);

/* Appends the task to the client's FIFO, which gets the weight of the task's payer. The task must
 * not be queued; it is borrowed until it leaves the queue. */
void fair_queue_add(struct fair_queue *queue, struct task *task, const char *client);

/* Removes a queued task. */
void fair_queue_remove(struct fair_queue *queue, struct task *task);

/* Remove and return the next task in rotation, or the oldest one; NULL if the queue is empty. */
struct task *fair_queue_take(struct fair_queue *queue);
struct task *fair_queue_take_oldest(struct fair_queue *queue);

#endif
