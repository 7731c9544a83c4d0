/* SPDX-License-Identifier: MIT */
/* fuzz_fair_queue.c - fuzzes the order of tasks against a queue that is only an array.
 *
 * Two bytes per step: the operation, and its client or task. */
#include "base/mem.h"
#include "lookup/batching/fair_queue.h"
#include "lookup/records/task.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

#define TASKS   64
#define CLIENTS 8

/* The state of a client: how long it has waited, and its current turn. */
struct client_model {
    int weight, left, served_since_waiting;
    long place; /* the smallest is next; 0 = not in the queue */
};

struct model {
    int order[TASKS]; /* tasks in the order of arrival */
    size_t n;
    struct client_model clients[CLIENTS];
    long last_place;
};

static struct task tasks[TASKS];
static bool queued[TASKS];
static char names[CLIENTS][80];

static int client_of(int task)
{
    return task % CLIENTS;
}

static size_t find(const struct model *model, int task)
{
    for (size_t i = 0; i < model->n; i++)
        if (model->order[i] == task)
            return i;
    return model->n;
}

static bool has_tasks(const struct model *model, int client)
{
    for (size_t i = 0; i < model->n; i++)
        if (client_of(model->order[i]) == client)
            return true;
    return false;
}

static void model_add(struct model *model, int task, int weight)
{
    struct client_model *client = &model->clients[client_of(task)];

    if (!has_tasks(model, client_of(task)))
        *client = (struct client_model){.place = ++model->last_place};
    client->weight = weight;
    model->order[model->n++] = task;
}

static void model_remove(struct model *model, int task)
{
    size_t at = find(model, task);

    memmove(&model->order[at], &model->order[at + 1], (model->n - at - 1) * sizeof model->order[0]);
    model->n--;
}

static int model_next_client(const struct model *model)
{
    int next = -1;

    for (int c = 0; c < CLIENTS; c++)
        if (has_tasks(model, c) &&
            (next < 0 || model->clients[c].place < model->clients[next].place))
            next = c;
    return next;
}

/* No client waits while another has more than two rotation: one that had begun, and one more. */
static void note_served(struct model *model, int served)
{
    struct client_model *client = &model->clients[served];

    client->served_since_waiting = 0;
    if (client->left <= 0)
        client->left = client->weight;
    if (--client->left <= 0)
        client->place = ++model->last_place;
}

static int model_take(struct model *model)
{
    int client = model_next_client(model);

    for (size_t i = 0; i < model->n; i++)
        if (client_of(model->order[i]) == client) {
            int task = model->order[i];
            note_served(model, client);
            model_remove(model, task);
            return task;
        }
    return -1;
}

/* Counts how often others were served first, independently of the model's order. */
static void check_patience(struct model *model, int taken)
{
    for (int c = 0; c < CLIENTS; c++) {
        if (c == client_of(taken) || !has_tasks(model, c))
            continue;
        FUZZ_WANT(++model->clients[c].served_since_waiting <= 2 * (CLIENTS - 1) * 4);
    }
}

static void take(struct fair_queue *queue, struct model *model)
{
    int expected = model_take(model);
    const struct task *task = fair_queue_take(queue);

    FUZZ_WANT((task != NULL) == (expected >= 0));
    if (!task)
        return;
    FUZZ_WANT(task == &tasks[expected]);
    FUZZ_WANT(!task->fifo);
    queued[expected] = false;
    check_patience(model, expected);
}

static void take_oldest(struct fair_queue *queue, struct model *model)
{
    int expected = model->n ? model->order[0] : -1;
    const struct task *task = fair_queue_take_oldest(queue);

    FUZZ_WANT((task != NULL) == (expected >= 0));
    if (!task)
        return;
    FUZZ_WANT(task == &tasks[expected]);
    queued[expected] = false;
    model_remove(model, expected);
}

static void check_all(const struct fair_queue *queue, const struct model *model)
{
    const struct task *task = queue->oldest;

    FUZZ_WANT(queue->n == model->n);
    for (size_t i = 0; i < model->n; i++, task = task->newer)
        FUZZ_WANT(task == &tasks[model->order[i]]);
    FUZZ_WANT(!task);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = input_of(data, size);
    struct fair_queue queue = {0};
    struct model model = {0};

    memset(tasks, 0, sizeof tasks);
    memset(queued, 0, sizeof queued);
    for (int c = 0; c < CLIENTS; c++) /* two that exceed the maximum length of a name */
        snprintf(names[c], sizeof names[c], "%c%s", 'a' + c,
                 c < 2 ? "-----------------------------------------------------------------" : "");
    while (input.left) {
        unsigned what = input_byte(&input);
        int task = (int)(input_byte(&input) % TASKS);
        int weight = (int)(what / 3 % 4) + 1;
        if (what == UINT8_MAX) {
            take_oldest(&queue, &model);
        } else if (what % 3 == 0) {
            take(&queue, &model);
        } else if (!queued[task]) {
            tasks[task].payer.weight = weight;
            fair_queue_add(&queue, &tasks[task], names[client_of(task)]);
            model_add(&model, task, weight);
            queued[task] = true;
        } else if (what % 3 == 2) {
            fair_queue_remove(&queue, &tasks[task]);
            model_remove(&model, task);
            queued[task] = false;
        }
        check_all(&queue, &model);
    }
    while (queue.n)
        take(&queue, &model);
    FUZZ_WANT(!fair_queue_take(&queue) && !queue.rotation && !queue.by_client);
    fair_queue_done(&queue);
    return 0;
}
