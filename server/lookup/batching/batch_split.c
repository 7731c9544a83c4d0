/* SPDX-License-Identifier: MIT */
/* batch_split.c - see batch_split.h. The parts of a batch share a struct batch_split, which they
 * leave when their result is known. */
#include "lookup/batching/batch_split.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define PARTS 4

/* The parts of one rejected batch. */
struct batch_split {
    size_t n_refs;    /* parts that have not left, and a call that uses it */
    size_t n_unknown; /* parts whose result is not known */
    bool is_mixed;    /* a part was not rejected, or with another message */
    char *message;    /* with which the batch was rejected */
};

static struct batch_split *split_new(const char *message)
{
    struct batch_split *split = xcalloc(1, sizeof *split);

    split->message = xstrdup(message);
    return split;
}

static void unref(struct batch_split *split)
{
    if (--split->n_refs > 0)
        return;
    free(split->message);
    free(split);
}

static void join(struct batch *batch, struct batch_split *split)
{
    batch->split = split;
    split->n_refs++;
    split->n_unknown++;
}

void batch_split_release(struct batch *batch)
{
    if (batch->split)
        unref(TAKE(batch->split));
}

/* ---- moving tasks ---- */

static struct task *oldest_task(const struct batch *batch)
{
    struct task *task, *oldest = batch->tasks;

    DL_FOREACH (batch->tasks, task)
        if (task->queued_ms < oldest->queued_ms)
            oldest = task;
    return oldest;
}

/* Returns the task that probes the circuit: of a list only if there is no other. */
static struct task *probe_task(const struct batch *batch)
{
    struct task *task, *oldest = NULL;
    bool is_listed = batch_is_listed(batch);

    DL_FOREACH (batch->tasks, task)
        if (task->is_listed == is_listed && (!oldest || task->queued_ms < oldest->queued_ms))
            oldest = task;
    return oldest;
}

/* Moves `n` tasks from `first` on, but not all, to a new batch, and returns that. The journal must
 * know the batch as not sent. */
static struct batch *move_tasks(struct batch *batch, struct task *first, size_t n)
{
    struct batch *target = batch_new(batch->tools);
    struct task *moved = NULL, *task = first;

    assert(batch->number && batch->risk != RISK_DUE);
    for (size_t i = 0; i < n; i++) {
        struct task *next = task->next;
        DL_DELETE(batch->tasks, task);
        DL_APPEND(moved, task);
        task = next;
    }
    target->number = store_new_number();
    target->risk = batch->risk;
    target->is_proven = batch->is_proven;
    target->lost = lost_submit_ref(batch->lost);
    journal_split(batch->tools->journal, batch->number, target->number, moved);
    batch->n_tasks -= n;
    batch->n_open -= n;
    batch->oldest_ms = oldest_task(batch)->queued_ms;
    while ((task = moved)) {
        DL_DELETE(moved, task);
        batch_add(target, task);
    }
    return target;
}

struct batch *batch_cut(struct batch *batch, size_t n)
{
    if (n >= batch->n_tasks)
        return batch;
    struct batch *part = move_tasks(batch, n == 1 ? probe_task(batch) : batch->tasks, n);
    part->tries = batch->tries;
    if (batch->split)
        join(part, batch->split);
    return part;
}

/* ---- abandoned tasks ---- */

/* Moves the abandoned tasks to the end of the list. Returns the first, and their number. */
static struct task *gather_abandoned(struct batch *batch, size_t *ret_n)
{
    struct task *task, *next, *abandoned = NULL;
    size_t n = 0;

    DL_FOREACH_SAFE (batch->tasks, task, next) {
        if (!task->is_abandoned)
            continue;
        DL_DELETE(batch->tasks, task);
        DL_APPEND(abandoned, task);
        n++;
    }
    DL_CONCAT(batch->tasks, abandoned);
    *ret_n = n;
    return abandoned;
}

bool batch_drop_abandoned(struct batch *batch)
{
    const struct task_end end = {.err = ERR_CANCELLED, .charged = CHARGED_NO};
    size_t n;
    struct task *first = gather_abandoned(batch, &n);

    if (n == batch->n_tasks) {
        batch_fail(batch, end);
        return false;
    }
    if (n && batch->risk != RISK_DUE)
        batch_fail(move_tasks(batch, first, n), end);
    return true;
}

static void drop_is_due(struct timer *timer)
{
    batch_drop_abandoned(container_of(timer, struct batch, drop));
}

void batch_drop_abandoned_later(struct batch *batch)
{
    const struct batch_tools *tools = batch->tools;

    timer_arm(tools->timers, &batch->drop, tools->clock->now_ms, drop_is_due);
}

/* ---- rejected batches ---- */

/* Moves all tasks but the first to other parts, which share a split with the batch. */
static void make_parts(struct batch *batch, const char *message)
{
    size_t n_others = (batch->n_tasks < PARTS ? batch->n_tasks : PARTS) - 1;
    struct batch_split *split = split_new(message);

    join(batch, split);
    for (; n_others > 0; n_others--) {
        size_t n = (batch->n_tasks - 1 + n_others - 1) / n_others;
        join(move_tasks(batch, batch->tasks->next, n), split);
    }
}

/* Splits a batch that was rejected with this message. All parts are PENDING then. If only one task
 * is left that is not abandoned, it is submitted again: another one may have been rejected. */
static void divide(struct batch *batch, const char *message)
{
    batch_split_release(batch);
    if (!batch_drop_abandoned(batch))
        return;
    if (batch->n_tasks > 1)
        make_parts(batch, message);
    batch->tries = 0;
    batch_set_state(batch, BATCH_PENDING);
}

static void end_rejected(struct batch *batch, const char *message)
{
    batch_fail(batch, (struct task_end){.err = ERR_UPSTREAM_REJECTED,
                                        .detail = *message ? message : NULL,
                                        .charged = CHARGED_NO});
}

static struct batch *first_waiting(const struct batch_tools *tools, const struct batch_split *split)
{
    struct batch *batch;

    DL_FOREACH (*tools->batches, batch)
        if (batch->state == BATCH_REJECTED && batch->split == split)
            return batch;
    return NULL;
}

static struct batch *first_pending(const struct batch_tools *tools, const char *message)
{
    struct batch *batch;

    DL_FOREACH (*tools->batches, batch)
        if (batch->state == BATCH_PENDING && batch->split &&
            strcmp(batch->split->message, message) == 0)
            return batch;
    return NULL;
}

/* All parts were rejected with the same message. If this opens the circuit, parts of other batches
 * that were rejected with it end too. */
static void end_all(const struct batch_tools *tools, struct batch_split *split)
{
    bool is_open = circuit_record_rejected(tools->breaker);
    struct batch *batch;

    while ((batch = first_waiting(tools, split)))
        end_rejected(batch, split->message);
    while (is_open && (batch = first_pending(tools, split->message)))
        end_rejected(batch, split->message);
}

/* Decides about the waiting parts as soon as possible. */
static void settle(const struct batch_tools *tools, struct batch_split *split)
{
    struct batch *batch;

    split->n_refs++;
    if (split->is_mixed)
        while ((batch = first_waiting(tools, split)))
            divide(batch, split->message);
    else if (split->n_unknown == 0)
        end_all(tools, split);
    unref(split);
}

static void note(struct batch_split *split, const char *message)
{
    split->n_unknown--;
    if (!message || strcmp(message, split->message) != 0)
        split->is_mixed = true;
}

void batch_split_leave(struct batch *batch, const char *message)
{
    const struct batch_tools *tools = batch->tools;
    struct batch_split *split = TAKE(batch->split);

    if (!split)
        return;
    note(split, message);
    settle(tools, split);
    unref(split);
}

void batch_split_rejected(struct batch *batch, const char *message)
{
    const struct batch_tools *tools = batch->tools;
    struct batch_split *split = batch->split;

    if (!split) {
        divide(batch, message);
        return;
    }
    split->n_refs++;
    note(split, message);
    if (split->is_mixed)
        divide(batch, message);
    else
        batch_set_state(batch, BATCH_REJECTED);
    settle(tools, split);
    unref(split);
}
