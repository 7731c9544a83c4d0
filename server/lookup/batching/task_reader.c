/* SPDX-License-Identifier: MIT */
/* task_reader.c - a table of ids with the state of their reads; see task_reader.h. */
#include "lookup/batching/task_reader.h"

#include "base/hashtable.h"
#include "base/mem.h"
#include "lookup/batching/read_limiter.h"

#include <stdio.h>
#include <stdlib.h>

#define UNFINISHED_MAX    3 /* unfinished reads of a ready batch before a task is given up */
#define REPEATS_IN_FLIGHT 2 /* concurrent repeated reads of one batch */

enum read_state {
    READ_DUE,         /* to be requested */
    READ_REQUESTED,   /* waits for the limiter, or is in flight */
    READ_BACKING_OFF, /* was not finished, or failed for now; due again later */
    READ_ENDED,
};

struct task_read {
    struct task_reader *reader;
    char id[OPENMART_ID_MAX + 1];
    enum read_state state;
    int failures;   /* in a row */
    int unfinished; /* reads that found the task unfinished although the batch was ready */
    struct read_slot slot;
    struct openmart_call *call;
    struct timer retry;
    UT_hash_handle hh;
};

struct task_reader {
    const struct poll_tools *tools;
    task_reader_event_fn *event;
    void *arg;
    int64_t rank, started_ms, ready_ms; /* ready_ms: -1 = not ready */
    size_t max_ids, n_ended;
    size_t n_repeats; /* repeated reads that are REQUESTED */
    struct task_read *table;
};

struct task_reader *task_reader_new(const struct poll_tools *tools, int64_t rank, size_t max_ids,
                                    task_reader_event_fn *event, void *arg)
{
    struct task_reader *reader = xcalloc(1, sizeof *reader);

    reader->tools = tools;
    reader->event = event;
    reader->arg = arg;
    reader->rank = rank;
    reader->started_ms = tools->clock->now_ms;
    reader->ready_ms = -1;
    reader->max_ids = max_ids;
    return reader;
}

void task_reader_free(struct task_reader *reader)
{
    struct task_read *read, *next;

    HASH_ITER (hh, reader->table, read, next) {
        HASH_DEL(reader->table, read);
        if (read->call)
            openmart_cancel(read->call);
        read_limiter_release(reader->tools->limiter, &read->slot);
        timer_disarm(reader->tools->timers, &read->retry);
        free(read);
    }
    free(reader);
}

/* ---- one read ---- */

static void got_task(void *arg, const struct openmart_reply *reply,
                     const struct openmart_task *task);

static void read_now(struct read_slot *slot)
{
    struct task_read *read = container_of(slot, struct task_read, slot);

    read->call = openmart_read_task(read->reader->tools->openmart, read->id, got_task, read);
}

static bool is_repeat(const struct task_read *read)
{
    return read->failures || read->unfinished;
}

/* Requests a read, unless too many repeated reads are requested: then it stays DUE. */
static void request(struct task_read *read)
{
    struct task_reader *reader = read->reader;
    int64_t rank = is_repeat(read) ? reader->tools->clock->now_ms : reader->rank;

    if (is_repeat(read) && reader->n_repeats >= REPEATS_IN_FLIGHT)
        return;
    reader->n_repeats += is_repeat(read);
    read->state = READ_REQUESTED;
    read_limiter_acquire(reader->tools->limiter, &read->slot, rank, read_now);
}

static void request_due(struct task_reader *reader)
{
    struct task_read *read, *next;

    HASH_ITER (hh, reader->table, read, next)
        if (read->state == READ_DUE)
            request(read);
}

static void retry_is_due(struct timer *timer)
{
    struct task_read *read = container_of(timer, struct task_read, retry);
    struct task_reader *reader = read->reader;

    read->state = READ_DUE;
    request_due(reader);
    reader->event(reader->arg, NULL, NULL);
}

static void back_off(struct task_read *read, int64_t ms)
{
    const struct poll_tools *tools = read->reader->tools;

    read->state = READ_BACKING_OFF;
    timer_arm(tools->timers, &read->retry, tools->clock->now_ms + ms, retry_is_due);
}

static bool has_ended(const struct openmart_task *task)
{
    return task->state == OPENMART_COMPLETED || task->state == OPENMART_ERRORED ||
           task->state == OPENMART_CANCELLED;
}

/* Returns whether to give up an unfinished task. A batch may be reported as ready before all its
 * tasks are finished. So a task is given up only after several unfinished reads, and not before
 * late ids are given up too. */
static bool is_given_up(const struct task_read *read)
{
    const struct task_reader *reader = read->reader;

    return read->unfinished >= UNFINISHED_MAX &&
           reader->tools->clock->now_ms - reader->ready_ms >= POLL_STRAGGLERS_MS;
}

static void end(struct task_read *read)
{
    read->state = READ_ENDED;
    read->reader->n_ended++;
}

static void task_received(struct task_read *read, const struct openmart_task *task)
{
    const struct task_reader *reader = read->reader;

    read->failures = 0;
    if (!has_ended(task) && reader->ready_ms >= 0)
        read->unfinished++;
    if (has_ended(task) || is_given_up(read))
        end(read);
    else
        back_off(read, poll_pause_ms(reader->tools->clock->now_ms - reader->started_ms));
}

static void got_task(void *arg, const struct openmart_reply *reply,
                     const struct openmart_task *task)
{
    struct task_read *read = arg;
    struct task_reader *reader = read->reader;

    read->call = NULL;
    reader->n_repeats -= is_repeat(read);
    read_limiter_release(reader->tools->limiter, &read->slot);
    /* Of single tasks, the circuit breaker records only successful reads: a task that the upstream
     * cannot return must not block all other lookups. */
    if (reply->verdict == VERDICT_DONE) {
        circuit_record_read(reader->tools->breaker, reply);
        task_received(read, task);
    } else {
        back_off(read, poll_back_off_ms(++read->failures, reply));
    }
    request_due(reader);
    if (read->state == READ_ENDED)
        reader->event(reader->arg, read->id, has_ended(task) ? task : NULL);
    else
        reader->event(reader->arg, NULL, NULL);
}

/* ---- the ids ---- */

static struct task_read *add(struct task_reader *reader, const char *task_id)
{
    struct task_read *read;

    HASH_FIND_STR(reader->table, task_id, read);
    if (read || HASH_COUNT(reader->table) >= reader->max_ids)
        return NULL;
    read = xcalloc(1, sizeof *read);
    read->reader = reader;
    snprintf(read->id, sizeof read->id, "%s", task_id);
    HASH_ADD_STR(reader->table, id, read);
    return read;
}

void task_reader_add(struct task_reader *reader, const char *task_id)
{
    struct task_read *read = add(reader, task_id);

    if (read)
        request(read);
}

void task_reader_skip(struct task_reader *reader, const char *task_id)
{
    struct task_read *read = add(reader, task_id);

    if (read)
        end(read);
}

void task_reader_set_batch_ready(struct task_reader *reader)
{
    if (reader->ready_ms < 0)
        reader->ready_ms = reader->tools->clock->now_ms;
}

size_t task_reader_n_open(const struct task_reader *reader)
{
    return HASH_COUNT(reader->table) - reader->n_ended;
}

size_t task_reader_n_readable(const struct task_reader *reader)
{
    size_t n = 0;

    for (const struct task_read *read = reader->table; read; read = read->hh.next)
        n += read->state != READ_ENDED && read->failures < POLL_RETRIES;
    return n;
}
