/* SPDX-License-Identifier: MIT */
/* books.c - see books.h. */
#include "books.h"

#include "store/calls_upkeep.h"
#include "trace.h"

#include <stdio.h>
#include <string.h>

struct books books;

struct task_book *books_task(const char *tracking_id)
{
    for (size_t i = 0; i < books.n_tasks; i++)
        if (strcmp(books.tasks[i].tracking_id, tracking_id) == 0)
            return &books.tasks[i];
    return NULL;
}

size_t books_question(const unsigned char *key)
{
    for (size_t i = 0; i < books.options->n_domains; i++)
        if (memcmp(books.questions[i].key, key, HASH_SIZE) == 0)
            return i;
    trace_fail("a call is about a question that was not asked");
}

size_t books_account(const char *name)
{
    for (size_t i = 0; i < books.options->n_accounts; i++)
        if (strcmp(books.options->accounts[i].name, name) == 0)
            return i;
    trace_fail("an unknown account pays");
}

struct request_book *books_request(const struct caller *caller)
{
    for (size_t i = books.n_requests; i > 0; i--)
        if (books.requests[i - 1].caller == caller)
            return &books.requests[i - 1];
    trace_fail("an unknown caller was answered");
}

/* ---- calls ---- */

static void add_batch(int64_t number)
{
    for (size_t i = 0; i < books.n_batches; i++)
        if (books.batches[i] == number)
            return;
    if (books.n_batches == BOOK_BATCHES)
        trace_fail("too many batches");
    books.batches[books.n_batches++] = number;
}

static void add_tasks(const struct store_new_batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        if (books_task(batch->tasks[i].tracking_id))
            trace_fail("a task was begun twice");
        if (books.n_tasks == BOOK_TASKS)
            trace_fail("too many tasks");
        struct task_book *task = &books.tasks[books.n_tasks++];
        *task = (struct task_book){.batch = batch->number,
                                   .question = books_question(batch->tasks[i].key),
                                   .unknown_ms = -1};
        snprintf(task->tracking_id, ID_TEXT, "%s", batch->tasks[i].tracking_id);
        snprintf(task->lookup_id, ID_TEXT, "%s", batch->tasks[i].lookup_id);
    }
}

/* The clocks never jump. An entry may be posted later than it was recorded. */
static int64_t monotonic_ms(int64_t wall_ms)
{
    const struct clock *clock = engine_clock(flow.engine);

    return wall_ms - (clock->wall_ms - clock->now_ms);
}

static void note_end(const struct store_end_task_call *end)
{
    struct task_book *task = books_task(end->tracking_id);

    if (!task)
        trace_fail("a task ended that was not begun");
    if (end->end.state == STORE_NOT_CREATED && task->n_created)
        trace_fail("a created task is recorded as not created");
    if (!task->is_accepted && end->end.state != STORE_UNKNOWN)
        trace_fail("a task ended whose batch id was not recorded");
    if (task->has_ended)
        return;
    books_set_end(task, end->end.state, monotonic_ms(end->end.wall_ms));
}

static void note_batch_end(const struct store_end_batch_call *end)
{
    for (size_t i = 0; i < books.n_tasks; i++)
        if (books.tasks[i].batch == end->batch && !books.tasks[i].has_ended)
            books_set_end(&books.tasks[i], end->end.state, monotonic_ms(end->end.wall_ms));
}

static void note_accepted(int64_t batch)
{
    for (size_t i = 0; i < books.n_tasks; i++)
        if (books.tasks[i].batch == batch)
            books.tasks[i].is_accepted = true;
}

static void note_resolved(const char *tracking_id)
{
    struct task_book *task = books_task(tracking_id);

    if (!task)
        trace_fail("a task was resolved that was not begun");
    task->is_accepted = true;
}

static void note_split(const struct store_split_call *split)
{
    add_batch(split->half);
    for (size_t i = 0; i < split->n; i++) {
        struct task_book *task = books_task(split->tracking_ids[i]);
        if (!task)
            trace_fail("a task was split off that was not begun");
        task->batch = split->half;
    }
}

void books_set_end(struct task_book *task, enum store_task_state state, int64_t ended_ms)
{
    task->has_ended = true;
    task->ended_ms = ended_ms;
    task->state = state;
    if (state == STORE_UNKNOWN && task->unknown_ms < 0)
        task->unknown_ms = ended_ms;
}

static bool is_named(const struct store_call *call, const char *name)
{
    return strcmp(store_call_name(call), name) == 0;
}

void books_add_call(const struct store_call *call)
{
    if (is_named(call, "begin_batch")) {
        const struct store_begin_batch_call *begin =
            container_of(call, const struct store_begin_batch_call, call);
        add_batch(begin->batch.number);
        add_tasks(&begin->batch);
    } else if (is_named(call, "split")) {
        note_split(container_of(call, const struct store_split_call, call));
    } else if (is_named(call, "submitted")) {
        note_accepted(container_of(call, const struct store_submitted_call, call)->batch);
    } else if (is_named(call, "resolve_batch")) {
        note_accepted(container_of(call, const struct store_resolve_batch_call, call)->number);
    } else if (is_named(call, "resolve_task")) {
        note_resolved(container_of(call, const struct store_resolve_task_call, call)->tracking_id);
    } else if (is_named(call, "end_task")) {
        note_end(container_of(call, const struct store_end_task_call, call));
    } else if (is_named(call, "end_batch")) {
        note_batch_end(container_of(call, const struct store_end_batch_call, call));
    }
}

/* ---- the store ---- */

struct search {
    const char *tracking_id;
    struct task_row row;
};

static void find_row(void *arg, const struct store_batch *batch)
{
    struct search *search = arg;

    for (size_t i = 0; i < batch->n; i++) {
        const struct store_task *task = &batch->tasks[i];
        if (strcmp(task->tracking_id, search->tracking_id) == 0)
            search->row = (struct task_row){
                .is_known = true,
                .batch_state = batch->state,
                .state = task->task_state,
                .is_risked = batch->risked,
                .is_accepted = *batch->batch_id,
                .err = task->err,
                .account = books.options->accounts[books_account(task->client)].name,
                .ended_ms = monotonic_ms(task->ended_ms)};
    }
}

struct task_row books_row(const char *tracking_id)
{
    struct search search = {.tracking_id = tracking_id};
    int64_t batch;
    enum err err = store_batch_of(flow.store, tracking_id, &batch);

    if (!err)
        err = store_read_batch(flow.store, batch, find_row, &search);
    if (err && err != ERR_NO_ENTRY)
        trace_fail("the store cannot be read");
    return search.row;
}

int64_t books_stored_ms(size_t question)
{
    const struct result *result = NULL;
    int64_t fetched_ms = -1;

    if (!store_find(flow.store, books.questions[question].key, &result) && !result->err)
        fetched_ms = result->fetched_ms;
    result_unref(result);
    return fetched_ms;
}
