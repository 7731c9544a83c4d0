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
    READ_DUE,     /* to be requested */
    READ_ASKED,   /* waits for the limiter, or is in flight */
    READ_RESTING, /* was not finished, or failed for now; due again later */
    READ_OVER,
};

struct read {
    struct reads *all;
    char id[OPENMART_ID_MAX + 1];
    enum read_state state;
    int failures;   /* in a row */
    int unfinished; /* reads that found it unfinished although the batch was ready */
    struct read_slot slot;
    struct openmart_call *call;
    struct timer rest;
    UT_hash_handle hh;
};

struct reads {
    const struct poll_tools *tools;
    reads_event_fn *event;
    void *arg;
    int64_t rank, started_ms, ready_ms; /* ready_ms: -1 = not ready */
    size_t max_ids, n_over, n_repeats_asked;
    struct read *table;
};

struct reads *reads_new(const struct poll_tools *tools, int64_t rank, size_t max_ids,
                        reads_event_fn *event, void *arg)
{
    struct reads *reads = xcalloc(1, sizeof *reads);

    reads->tools = tools;
    reads->event = event;
    reads->arg = arg;
    reads->rank = rank;
    reads->started_ms = tools->clock->now_ms;
    reads->ready_ms = -1;
    reads->max_ids = max_ids;
    return reads;
}

void reads_free(struct reads *reads)
{
    struct read *read, *next;

    HASH_ITER (hh, reads->table, read, next) {
        HASH_DEL(reads->table, read);
        if (read->call)
            openmart_cancel(read->call);
        read_limiter_release(reads->tools->limiter, &read->slot);
        timer_disarm(reads->tools->timers, &read->rest);
        free(read);
    }
    free(reads);
}

/* ---- one read ---- */

static void got_task(void *arg, const struct openmart_reply *reply,
                     const struct openmart_task *task);

static void read_now(struct read_slot *slot)
{
    struct read *read = container_of(slot, struct read, slot);

    read->call = openmart_read_task(read->all->tools->openmart, read->id, got_task, read);
}

static bool is_repeat(const struct read *read)
{
    return read->failures || read->unfinished;
}

static void ask(struct read *read)
{
    struct reads *all = read->all;
    int64_t rank = is_repeat(read) ? all->tools->clock->now_ms : all->rank;

    if (is_repeat(read) && all->n_repeats_asked >= REPEATS_IN_FLIGHT)
        return;
    all->n_repeats_asked += is_repeat(read);
    read->state = READ_ASKED;
    read_limiter_acquire(all->tools->limiter, &read->slot, rank, read_now);
}

static void ask_due(struct reads *all)
{
    struct read *read, *next;

    HASH_ITER (hh, all->table, read, next)
        if (read->state == READ_DUE)
            ask(read);
}

static void rest_is_over(struct timer *timer)
{
    struct read *read = container_of(timer, struct read, rest);
    struct reads *all = read->all;

    read->state = READ_DUE;
    ask_due(all);
    all->event(all->arg, NULL, NULL);
}

static void back_off(struct read *read, int64_t ms)
{
    const struct poll_tools *tools = read->all->tools;

    read->state = READ_RESTING;
    timer_arm(tools->timers, &read->rest, tools->clock->now_ms + ms, rest_is_over);
}

static void end(struct read *read)
{
    read->state = READ_OVER;
    read->all->n_over++;
}

/* Counts an unfinished read and returns whether to give up the task. A batch may be reported as
 * ready before all its tasks are finished. So a task is given up only after several unfinished
 * reads, and not before late ids are given up too. */
static bool is_hopeless(struct read *read)
{
    const struct reads *all = read->all;

    return all->ready_ms >= 0 && ++read->unfinished >= UNFINISHED_MAX &&
           all->tools->clock->now_ms - all->ready_ms >= POLL_STRAGGLERS_MS;
}

/* Handles a task that was read. Returns true if it is over. */
static bool take(struct read *read, const struct openmart_task *task)
{
    read->failures = 0;
    switch (task->state) {
    case OPENMART_PROCESSING:
    case OPENMART_STATE_OTHER:
        if (!is_hopeless(read)) {
            back_off(read, poll_pause_ms(read->all->tools->clock->now_ms - read->all->started_ms));
            return false;
        }
        break;
    case OPENMART_COMPLETED:
    case OPENMART_ERRORED:
    case OPENMART_CANCELLED:
        break;
    }
    end(read);
    return true;
}

static bool is_end(const struct openmart_task *task)
{
    return task->state == OPENMART_COMPLETED || task->state == OPENMART_ERRORED ||
           task->state == OPENMART_CANCELLED;
}

static void got_task(void *arg, const struct openmart_reply *reply,
                     const struct openmart_task *task)
{
    struct read *read = arg;
    struct reads *all = read->all;
    bool over = false;

    read->call = NULL;
    all->n_repeats_asked -= is_repeat(read);
    read_limiter_release(all->tools->limiter, &read->slot);
    /* Of single tasks, the circuit breaker records only successful reads: a task that the upstream
     * cannot return must not block all other lookups. */
    if (reply->verdict == VERDICT_DONE) {
        circuit_record_read(all->tools->breaker, reply);
        over = take(read, task);
    } else {
        back_off(read, poll_back_off_ms(++read->failures, reply));
    }
    ask_due(all);
    if (over)
        all->event(all->arg, read->id, is_end(task) ? task : NULL);
    else
        all->event(all->arg, NULL, NULL);
}

/* ---- the ids ---- */

static struct read *add(struct reads *reads, const char *task_id)
{
    struct read *read;

    HASH_FIND_STR(reads->table, task_id, read);
    if (read || HASH_COUNT(reads->table) >= reads->max_ids)
        return NULL;
    read = xcalloc(1, sizeof *read);
    read->all = reads;
    snprintf(read->id, sizeof read->id, "%s", task_id);
    HASH_ADD_STR(reads->table, id, read);
    return read;
}

void reads_note(struct reads *reads, const char *task_id)
{
    struct read *read = add(reads, task_id);

    if (read)
        ask(read);
}

void reads_skip(struct reads *reads, const char *task_id)
{
    struct read *read = add(reads, task_id);

    if (read)
        end(read);
}

void reads_batch_is_ready(struct reads *reads)
{
    if (reads->ready_ms < 0)
        reads->ready_ms = reads->tools->clock->now_ms;
}

size_t reads_open(const struct reads *reads)
{
    return HASH_COUNT(reads->table) - reads->n_over;
}

size_t reads_hopeful(const struct reads *reads)
{
    size_t n = 0;

    for (const struct read *read = reads->table; read; read = read->hh.next)
        n += read->state != READ_OVER && read->failures < POLL_RETRIES;
    return n;
}
