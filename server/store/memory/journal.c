/* SPDX-License-Identifier: MIT */
/* journal.c - see memory.h. Batches and tasks. */
#include "store/memory/memory.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRINGS 10

/* ---- rows ---- */

static void strings_of(struct store_task *task, const char **fields[static STRINGS])
{
    const char **all[STRINGS] = {
        &task->tracking_id, &task->lookup_id, &task->domain,  &task->company_name, &task->city,
        &task->state,       &task->country,   &task->task_id, &task->detail,       &task->client};

    memcpy(fields, all, sizeof all);
}

static void set_text(const char **field, const char *text)
{
    free((char *)(uintptr_t)*field);
    *field = xstrdup(text ? text : "");
}

static struct task_row *new_task(const struct store_task *task, struct batch_row *batch)
{
    struct task_row *row = xcalloc(1, sizeof *row);
    const char **fields[STRINGS];

    row->task = *task;
    row->task.task_id = row->task.detail = "";
    row->task.task_state = STORE_OPEN;
    row->task.err = ERR_OK;
    row->task.ended_ms = 0;
    strings_of(&row->task, fields);
    for (size_t i = 0; i < STRINGS; i++)
        *fields[i] = xstrdup(*fields[i]);
    memcpy(row->key, task->key, HASH_SIZE);
    row->task.key = row->key;
    row->batch = batch;
    return row;
}

static void drop_task(struct memory_store *m, struct task_row *row)
{
    const char **fields[STRINGS];

    HASH_DELETE(hh, m->tasks, row);
    HASH_DELETE(hh_lookup, m->by_lookup, row);
    strings_of(&row->task, fields);
    for (size_t i = 0; i < STRINGS; i++)
        free((char *)(uintptr_t)*fields[i]);
    free(row);
}

static void drop_batch(struct memory_store *m, struct batch_row *batch)
{
    HASH_DEL(m->batches, batch);
    free(batch);
}

static struct batch_row *find_batch(struct memory_store *m, int64_t number)
{
    struct batch_row *batch;

    HASH_FIND(hh, m->batches, &number, sizeof number, batch);
    return batch;
}

static struct task_row *find_task(struct memory_store *m, const char *tracking_id)
{
    struct task_row *row;

    HASH_FIND(hh, m->tasks, tracking_id, strlen(tracking_id), row);
    return row;
}

void memory_drop_journal(struct memory_store *m)
{
    while (m->tasks)
        drop_task(m, m->tasks);
    while (m->batches)
        drop_batch(m, m->batches);
}

/* ---- state transitions ---- */

static struct batch_row *add_batch(struct memory_store *m, enum store_batch_state state,
                                   int64_t wall_ms)
{
    struct batch_row *batch = xcalloc(1, sizeof *batch);

    batch->number = ++m->last_number;
    batch->state = state;
    batch->intended_ms = wall_ms;
    HASH_ADD(hh, m->batches, number, sizeof batch->number, batch);
    return batch;
}

enum err memory_intend(struct store *store, const struct store_task *tasks, size_t n,
                       int64_t wall_ms, int64_t *ret_batch)
{
    struct memory_store *m = memory_of(store);

    for (size_t i = 0; i < n; i++)
        if (find_task(m, tasks[i].tracking_id))
            return ERR_STORAGE_UNAVAILABLE; /* like a violated constraint */
    struct batch_row *batch = add_batch(m, STORE_SENDING, wall_ms);
    for (size_t i = 0; i < n; i++) {
        struct task_row *row = new_task(&tasks[i], batch);
        HASH_ADD_KEYPTR(hh, m->tasks, row->task.tracking_id, strlen(row->task.tracking_id), row);
        HASH_ADD_KEYPTR(hh_lookup, m->by_lookup, row->task.lookup_id, strlen(row->task.lookup_id),
                        row);
        memory_charge(m, &tasks[i], 1);
    }
    batch->n_tasks = batch->n_open = n;
    *ret_batch = batch->number;
    return ERR_OK;
}

/* Returns a batch that has not been submitted, or NULL. */
static struct batch_row *find_untaken(struct memory_store *m, int64_t number)
{
    struct batch_row *batch = find_batch(m, number);

    return batch && (batch->state == STORE_SENDING || batch->state == STORE_RESTING) ? batch : NULL;
}

/* Charges the credits of the batch's tasks to that day; refunds the earlier ones if `give_back`. */
static void charge_again(struct memory_store *m, const struct batch_row *batch, int64_t day,
                         bool give_back)
{
    for (struct task_row *row = m->tasks; row; row = row->hh.next) {
        if (row->batch != batch || row->task.task_state != STORE_OPEN)
            continue;
        if (give_back)
            memory_charge(m, &row->task, -1);
        row->task.day = day;
        memory_charge(m, &row->task, 1);
    }
}

enum err memory_sending(struct store *store, int64_t number, int64_t day)
{
    struct memory_store *m = memory_of(store);
    struct batch_row *batch = find_untaken(m, number);

    if (!batch)
        return ERR_NO_ENTRY;
    batch->state = STORE_SENDING;
    charge_again(m, batch, day, true);
    return ERR_OK;
}

enum err memory_resting(struct store *store, int64_t number)
{
    struct batch_row *batch = find_untaken(memory_of(store), number);

    if (!batch)
        return ERR_NO_ENTRY;
    batch->state = STORE_RESTING;
    return ERR_OK;
}

enum err memory_risk(struct store *store, int64_t number, int64_t day)
{
    struct memory_store *m = memory_of(store);
    struct batch_row *batch = find_batch(m, number);

    if (!batch || batch->state != STORE_SENDING)
        return ERR_NO_ENTRY;
    batch->risked = true;
    charge_again(m, batch, day, false);
    return ERR_OK;
}

enum err memory_submitted(struct store *store, int64_t number, const char *batch_id,
                          int64_t wall_ms)
{
    struct batch_row *batch = find_batch(memory_of(store), number);

    (void)wall_ms;
    if (!batch || batch->state != STORE_SENDING)
        return ERR_NO_ENTRY;
    batch->state = STORE_SUBMITTED;
    snprintf(batch->batch_id, sizeof batch->batch_id, "%s", batch_id);
    return ERR_OK;
}

enum err memory_split(struct store *store, int64_t number, const char *const *tracking_ids,
                      size_t n, int64_t wall_ms, int64_t *ret_half)
{
    struct memory_store *m = memory_of(store);
    struct batch_row *batch = find_batch(m, number);

    if (!batch || batch->state != STORE_RESTING)
        return ERR_NO_ENTRY;
    for (size_t i = 0; i < n; i++) {
        const struct task_row *row = find_task(m, tracking_ids[i]);
        if (!row || row->batch != batch || row->task.task_state != STORE_OPEN)
            return ERR_NO_ENTRY;
    }
    struct batch_row *half = add_batch(m, STORE_RESTING, wall_ms);
    for (size_t i = 0; i < n; i++)
        find_task(m, tracking_ids[i])->batch = half;
    half->risked = batch->risked;
    half->n_tasks = half->n_open = n;
    batch->n_tasks -= n;
    batch->n_open -= n;
    *ret_half = half->number;
    return ERR_OK;
}

/* Returns the completed task to delete first: of finished batches, the one that ended first. */
static struct task_row *oldest_end(struct memory_store *m)
{
    struct task_row *row, *oldest = NULL;

    for (row = m->tasks; row; row = row->hh.next)
        if (row->batch->state == STORE_DONE &&
            (!oldest || row->task.ended_ms < oldest->task.ended_ms))
            oldest = row;
    return oldest;
}

static void bound_ends(struct memory_store *m)
{
    struct task_row *oldest;

    while (m->n_ended > m->max_ended && (oldest = oldest_end(m))) {
        struct batch_row *batch = oldest->batch;
        drop_task(m, oldest);
        m->n_ended--;
        if (--batch->n_tasks == 0)
            drop_batch(m, batch);
    }
}

static void end_row(struct memory_store *m, struct task_row *row, const struct store_end *end)
{
    struct batch_row *batch = row->batch;

    row->task.task_state = end->state;
    set_text(&row->task.task_id, end->task_id);
    set_text(&row->task.detail, end->detail);
    row->task.err = end->err;
    row->task.ended_ms = end->wall_ms;
    m->n_ended++;
    if (--batch->n_open == 0)
        batch->state = STORE_DONE;
}

enum err memory_end_task(struct store *store, const char *tracking_id, const struct store_end *end,
                         const struct result *result)
{
    struct memory_store *m = memory_of(store);
    struct task_row *row = find_task(m, tracking_id);

    if (!row || row->task.task_state != STORE_OPEN)
        return ERR_NO_ENTRY;
    end_row(m, row, end);
    if (result)
        memory_keep(m, result);
    bound_ends(m);
    return ERR_OK;
}

enum err memory_end_batch(struct store *store, int64_t number, const struct store_end *end)
{
    struct memory_store *m = memory_of(store);
    struct batch_row *batch = find_batch(m, number);

    if (!batch)
        return ERR_OK;
    for (struct task_row *row = m->tasks; row; row = row->hh.next)
        if (row->batch == batch && row->task.task_state == STORE_OPEN) {
            end_row(m, row, end);
            if (end->state == STORE_NOT_CREATED)
                memory_charge(m, &row->task, -1);
        }
    batch->state = STORE_DONE;
    if (batch->n_tasks == 0)
        drop_batch(m, batch);
    bound_ends(m);
    return ERR_OK;
}

/* ---- reading the journal ---- */

static void tell_batch(struct memory_store *m, const struct batch_row *row, store_batch_fn *each,
                       void *arg)
{
    autofree struct store_task *tasks = xcalloc(row->n_tasks, sizeof *tasks);
    struct store_batch batch = {.number = row->number,
                                .state = row->state,
                                .batch_id = row->batch_id,
                                .risked = row->risked,
                                .intended_ms = row->intended_ms,
                                .tasks = tasks};

    for (const struct task_row *task = m->tasks; task; task = task->hh.next)
        if (task->batch == row)
            tasks[batch.n++] = task->task;
    each(arg, &batch);
}

enum err memory_each_open(struct store *store, store_batch_fn *each, void *arg)
{
    struct memory_store *m = memory_of(store);

    for (const struct batch_row *row = m->batches; row; row = row->hh.next)
        if (row->state != STORE_DONE)
            tell_batch(m, row, each, arg);
    return ERR_OK;
}

static bool is_unknown_since(const struct task_row *row, int64_t since_ms)
{
    return row->task.task_state == STORE_UNKNOWN && row->task.ended_ms >= since_ms;
}

static int by_end(const void *one, const void *other)
{
    const struct task_row *a = *(const struct task_row *const *)one;
    const struct task_row *b = *(const struct task_row *const *)other;

    return (a->task.ended_ms > b->task.ended_ms) - (a->task.ended_ms < b->task.ended_ms);
}

enum err memory_each_unknown(struct store *store, int64_t since_ms, size_t limit,
                             store_task_fn *each, void *arg)
{
    struct memory_store *m = memory_of(store);
    autofree const struct task_row **rows = xcalloc(m->n_ended, sizeof *rows);
    size_t n = 0;

    for (const struct task_row *row = m->tasks; row; row = row->hh.next)
        if (is_unknown_since(row, since_ms))
            rows[n++] = row;
    qsort(rows, n, sizeof *rows, by_end);
    for (size_t i = n > limit ? n - limit : 0; i < n; i++)
        each(arg, &rows[i]->task, rows[i]->batch->batch_id);
    return ERR_OK;
}

enum err memory_find_lookup(struct store *store, const char *lookup_id,
                            const struct result **ret_result)
{
    struct memory_store *m = memory_of(store);
    const struct task_row *row;

    HASH_FIND(hh_lookup, m->by_lookup, lookup_id, strlen(lookup_id), row);
    if (!row || row->task.task_state == STORE_OPEN)
        return ERR_NO_ENTRY;
    if (row->task.task_state == STORE_ANSWERED)
        return memory_find(store, row->key, ret_result);
    *ret_result =
        result_new_failure(row->key, row->task.err, *row->task.detail ? row->task.detail : NULL,
                           row->task.task_state == STORE_NOT_CREATED ? CHARGED_NO : CHARGED_MAYBE,
                           row->task.ended_ms, 0);
    return ERR_OK;
}
