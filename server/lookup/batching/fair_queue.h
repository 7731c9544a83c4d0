/* SPDX-License-Identifier: MIT */
/* fair_queue.h - tasks that wait for a batch, fair to the clients who asked.
 *
 * Each client has a line of its own, first come first served; batches are filled by taking from
 * each line in turn one task, or as many as the client's weight says. So a client who asks for a
 * thousand does not keep one who asks for one out of the next batch. A line lives while it holds
 * tasks. Engine thread only. */
#ifndef LOOKUP_BATCHING_FAIR_QUEUE_H
#define LOOKUP_BATCHING_FAIR_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task;
struct line;

struct queue {
    struct line *by_name; /* table */
    struct line *turns;   /* list, the next one to be served first */
    struct task *oldest;  /* list of all tasks, in the order of coming */
    size_t n;
};

/* Zeroed is empty. Forgets what is still in it. */
void queue_done(struct queue *queue);

/* May one more task of the client come? Up to `max` in all those of everybody may; beyond, only of
 * a client who holds less than an equal share of `max`, so that one who fills the queue shuts
 * nobody else out; and none at twice `max`. */
bool queue_has_room(const struct queue *queue, const char *client, size_t max);

/* Appends to the client's line, which gets the weight of the task's payer. The task must be in no
 * queue. */
void queue_add(struct queue *queue, struct task *task, const char *client);
void queue_remove(struct queue *queue, struct task *task);

/* Takes the next task in turn; NULL when empty. */
struct task *queue_take(struct queue *queue);

#endif
