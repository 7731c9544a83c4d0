/* SPDX-License-Identifier: MIT */
/* task_reader.c - a table of ids with the state of their reads; see task_reader.h. */
#include "lookup/batching/task_reader.h"

#include "base/hashtable.h"
#include "base/mem.h"
#include "lookup/batching/read_limiter.h"

#include <stdio.h>
#include <stdlib.h>

#define UNFINISHED_MAX       3    /* unfinished reads of a ready batch before a task is given up */
#define REPEATS_IN_FLIGHT    2    /* concurrent repeated reads of one batch */
#define UNANSWERED_IN_FLIGHT 3    /* concurrent reads of a batch none of whose reads was answered */
#define PAUSE_TIMEOUTS       2    /* in a row; then the batch pauses */
#define PAUSE_FAILURES       3    /* of any kind, in a row */
#define MISREAD_MS           1000 /* until a response that was not understood is requested again */

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
    int failures;          /* in a row */
    int misread;           /* responses in a row that were final and not understood */
    int unfinished;        /* reads that found the task unfinished although the batch was ready */
    bool is_patient;       /* it timed out; the next read waits longer */
    bool counts_as_repeat; /* while REQUESTED */
    struct read_slot slot;
    struct openmart_call *call;
    struct timer retry;
    UT_hash_handle hh;
};

struct task_reader {
    const struct poll_tools *tools;
    struct task_reader_owner owner;
    struct read_order order;
    int64_t submitted_ms, ready_ms; /* ready_ms: -1 = not ready */
    size_t max_ids, n_ended;
    size_t n_requested, n_repeats; /* reads that are REQUESTED, and those of them that repeat one */
    bool was_answered;             /* a read of this batch got a response */
    int failures, timeouts;        /* of reads of this batch, in a row */
    struct timer pause;            /* while armed, no read is requested */
    struct task_read *table;
};

struct task_reader *task_reader_new(const struct poll_tools *tools, struct read_order order,
                                    int64_t submitted_ms, size_t max_ids,
                                    const struct task_reader_owner *owner)
{
    struct task_reader *reader = xcalloc(1, sizeof *reader);

    reader->tools = tools;
    reader->owner = *owner;
    reader->order = order;
    reader->submitted_ms = submitted_ms;
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
    timer_disarm(reader->tools->timers, &reader->pause);
    free(reader);
}

static int64_t age_ms(const struct task_reader *reader)
{
    return reader->tools->clock->now_ms - reader->submitted_ms;
}

/* ---- requesting reads ---- */

static void got_task(void *arg, const struct openmart_reply *reply,
                     const struct openmart_task *task);

static void read_now(struct read_slot *slot)
{
    struct task_read *read = container_of(slot, struct task_read, slot);
    struct openmart *openmart = read->reader->tools->openmart;

    read->call = read->is_patient ? openmart_reread_task(openmart, read->id, got_task, read)
                                  : openmart_read_task(openmart, read->id, got_task, read);
}

static bool is_in_trouble(const struct task_reader *reader)
{
    return reader->failures >= PAUSE_FAILURES || reader->timeouts >= PAUSE_TIMEOUTS;
}

static bool is_repeat(const struct task_read *read)
{
    return read->failures || read->misread || read->unfinished || is_in_trouble(read->reader);
}

static bool may_request(const struct task_read *read)
{
    const struct task_reader *reader = read->reader;

    if (timer_armed(&reader->pause) || (is_in_trouble(reader) && reader->n_requested))
        return false;
    if (!reader->was_answered && reader->n_requested >= UNANSWERED_IN_FLIGHT)
        return false;
    return !is_repeat(read) || reader->n_repeats < REPEATS_IN_FLIGHT;
}

static int64_t rank_of(const struct task_read *read)
{
    const struct task_reader *reader = read->reader;
    const struct read_order *order = &reader->order;

    return read_rank(is_repeat(read) ? reader->tools->clock->now_ms : order->oldest_ms,
                     order->is_listed);
}

/* Requests a read, unless it has to wait for others: then it stays DUE. */
static void request(struct task_read *read)
{
    struct task_reader *reader = read->reader;

    if (!may_request(read))
        return;
    read->counts_as_repeat = is_repeat(read);
    reader->n_requested++;
    reader->n_repeats += read->counts_as_repeat;
    read->state = READ_REQUESTED;
    read_limiter_acquire(reader->tools->limiter, &read->slot, READ_TASK, rank_of(read), read_now);
}

void task_reader_reorder(struct task_reader *reader, struct read_order order)
{
    struct task_read *read, *next;

    reader->order = order;
    HASH_ITER (hh, reader->table, read, next)
        read_limiter_reorder(reader->tools->limiter, &read->slot, rank_of(read));
}

static void request_due(struct task_reader *reader)
{
    struct task_read *read, *next;

    HASH_ITER (hh, reader->table, read, next)
        if (read->state == READ_DUE)
            request(read);
}

/* Ends a request, whether it was sent or not. */
static void release(struct task_read *read)
{
    read->reader->n_requested--;
    read->reader->n_repeats -= read->counts_as_repeat;
    read->state = READ_DUE;
    read_limiter_release(read->reader->tools->limiter, &read->slot);
}

static void retry_is_due(struct timer *timer)
{
    struct task_read *read = container_of(timer, struct task_read, retry);
    struct task_reader *reader = read->reader;

    read->state = READ_DUE;
    request_due(reader);
    reader->owner.event(reader->owner.arg, NULL);
}

static void back_off(struct task_read *read, int64_t ms)
{
    const struct poll_tools *tools = read->reader->tools;

    read->state = READ_BACKING_OFF;
    timer_arm(tools->timers, &read->retry, tools->clock->now_ms + ms, retry_is_due);
}

static void pause_is_over(struct timer *timer)
{
    request_due(container_of(timer, struct task_reader, pause));
}

/* The upstream does not return the tasks of this batch for now. Withdraws the reads that still wait
 * for the limiter, so that those of other batches take their places. */
static void pause_batch(struct task_reader *reader, int64_t ms)
{
    const struct poll_tools *tools = reader->tools;
    struct task_read *read, *next;

    HASH_ITER (hh, reader->table, read, next)
        if (read->slot.state == READ_SLOT_WAITING)
            release(read);
    timer_arm(tools->timers, &reader->pause, tools->clock->now_ms + ms, pause_is_over);
}

/* ---- what a read returned ---- */

/* The response is final, but what it says is not understood; or it is not final; or a result. */
enum meaning { MEANS_UNFINISHED, MEANS_UNCLEAR, MEANS_RESULT };

static enum meaning meaning_of(const struct task_reader *reader, const struct task_result *result)
{
    const struct openmart_task *task = result->task;

    switch (task->state) { /* GCOVR_EXCL_BR_LINE: it has no other values */
    case OPENMART_PROCESSING:
        return MEANS_UNFINISHED;
    case OPENMART_COMPLETED:
        return task->unreadable ? MEANS_UNCLEAR : MEANS_RESULT;
    case OPENMART_ERRORED:
    case OPENMART_CANCELLED:
        return MEANS_RESULT;
    case OPENMART_STATE_OTHER:
        break;
    }
    if (task->n_emails && !task->unreadable)
        return MEANS_RESULT;
    if (reader->ready_ms >= 0)
        return MEANS_UNCLEAR;
    return task->unreadable && reader->owner.is_expected(reader->owner.arg, result)
               ? MEANS_UNCLEAR
               : MEANS_UNFINISHED;
}

static void end(struct task_read *read)
{
    read->state = READ_ENDED;
    read->reader->n_ended++;
}

/* Gives up an unfinished task, or reads it again later. A batch may be reported as ready before all
 * its tasks are finished. So a task is given up only after several unfinished reads, and not before
 * late ids are given up too. */
static void unfinished(struct task_read *read)
{
    const struct task_reader *reader = read->reader;
    int64_t now_ms = reader->tools->clock->now_ms;

    read->misread = 0;
    read->unfinished += reader->ready_ms >= 0;
    if (read->unfinished >= UNFINISHED_MAX && now_ms - reader->ready_ms >= POLL_STRAGGLERS_MS)
        end(read);
    else
        back_off(read, poll_pause_ms(age_ms(reader)));
}

static void received(struct task_read *read, struct task_result *result)
{
    struct task_reader *reader = read->reader;

    read->failures = 0;
    reader->failures = reader->timeouts = 0;
    timer_disarm(reader->tools->timers, &reader->pause);
    switch (meaning_of(reader, result)) { /* GCOVR_EXCL_BR_LINE: it has no other values */
    case MEANS_RESULT:
        result->is_understood = true;
        end(read);
        break;
    case MEANS_UNCLEAR:
        if (++read->misread >= TASK_READ_TRIES)
            end(read);
        else
            back_off(read, (int64_t)read->misread * MISREAD_MS);
        break;
    case MEANS_UNFINISHED:
        unfinished(read);
        if (read->state == READ_ENDED)
            result->task = NULL;
        break;
    }
}

static void failed(struct task_read *read, const struct openmart_reply *reply)
{
    struct task_reader *reader = read->reader;

    read->is_patient = read->is_patient || reply->timed_out;
    reader->failures++;
    reader->timeouts = reply->timed_out ? reader->timeouts + 1 : 0;
    back_off(read, poll_back_off_ms(++read->failures, age_ms(reader), reply));
    if (is_in_trouble(reader))
        pause_batch(reader, poll_back_off_ms(reader->failures, age_ms(reader), reply));
}

static void got_task(void *arg, const struct openmart_reply *reply,
                     const struct openmart_task *task)
{
    struct task_read *read = arg;
    struct task_reader *reader = read->reader;
    struct task_result result = {
        .task_id = read->id, .task = task, .body = reply->body, .body_len = reply->body_len};

    read->call = NULL;
    release(read);
    reader->was_answered = reader->was_answered || reply->status > 0;
    circuit_record_read(reader->tools->breaker, reply);
    if (reply->status == 429) /* it stays DUE */
        read_limiter_slow_down(reader->tools->limiter, reply->retry_after_s);
    else if (reply->verdict == VERDICT_DONE)
        received(read, &result);
    else
        failed(read, reply);
    request_due(reader);
    reader->owner.event(reader->owner.arg, read->state == READ_ENDED ? &result : NULL);
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
    struct task_read *read, *next;

    if (reader->ready_ms >= 0)
        return;
    reader->ready_ms = reader->tools->clock->now_ms;
    HASH_ITER (hh, reader->table, read, next)
        if (read->state == READ_BACKING_OFF && !read->failures)
            back_off(read, 0);
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
