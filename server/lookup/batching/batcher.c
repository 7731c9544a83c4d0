/* SPDX-License-Identifier: MIT */
/* batcher.c - the queue and the slots; see batcher.h.
 *
 * A batch is formed when the queue holds enough tasks for a full one, or when the linger of its
 * first task is over. If all slots were busy then, it is formed when a slot becomes free. Halves of
 * a rejected batch wait for slots too. They alternate with the queue, so that a rejected batch does
 * not block other tasks. Only slot_taken_or_freed() changes the number of busy slots. */
#include "lookup/batching/batcher.h"

#include "base/mem.h"
#include "base/metrics.h"
#include "lookup/batching/batch.h"
#include "lookup/batching/fair_queue.h"
#include "lookup/batching/read_limiter.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

#define OVERLOADED_S 5 /* Retry-After if the queue is full */

struct batcher {
    struct batcher_options options;
    const struct clock *clock;
    struct timers *timers;
    struct journal *journal;
    struct budget *budget;
    struct read_limiter limiter;
    struct batch_tools tools;
    struct circuit_breaker *breaker;
    struct fair_queue queue;
    struct timer linger;       /* of the first task in the queue */
    bool overdue;              /* the linger is over and no slot was free */
    enum metrics_flush due_by; /* what triggers a batch that is not full */
    bool half_had_its_turn;    /* the last slot went to a half */
    int busy_slots;
    struct batch *batches;
    batcher_conflict_fn *conflict;
    void *conflict_arg;
};

static void fill_slots(struct batcher *batcher);
static void circuit_tripped(void *arg);

/* ---- callbacks of the batches ---- */

static void slot_taken_or_freed(struct batcher *batcher, enum batch_state from, enum batch_state to)
{
    batcher->busy_slots += (to == BATCH_SUBMITTING) - (from == BATCH_SUBMITTING);
}

static void moved(void *arg, struct batch *batch, enum batch_state from)
{
    struct batcher *batcher = arg;
    int never_mind;

    slot_taken_or_freed(batcher, from, batch->state);
    if (batch->state == BATCH_PENDING && circuit_check(batcher->breaker, &never_mind))
        circuit_tripped(batcher); /* otherwise nothing resumes it when the circuit closes */
    else if (batch->state != BATCH_SUBMITTING)
        fill_slots(batcher);
}

static void took_half(void *arg, struct batch *half)
{
    struct batcher *batcher = arg;

    DL_APPEND(batcher->batches, half);
}

static void over(void *arg, struct batch *batch, enum batch_state from)
{
    struct batcher *batcher = arg;

    slot_taken_or_freed(batcher, from, BATCH_DONE);
    DL_DELETE(batcher->batches, batch);
    batch_free(batch);
    fill_slots(batcher);
}

static void conflicts(void *arg, const unsigned char key[HASH_SIZE])
{
    struct batcher *batcher = arg;

    batcher->conflict(batcher->conflict_arg, key);
}

/* ---- start and stop ---- */

struct batcher *batcher_new(const struct batcher_options *options,
                            const struct batcher_tools *tools)
{
    struct batcher *batcher = xcalloc(1, sizeof *batcher);
    const struct clock *clock = tools->clock;
    struct timers *timers = tools->timers;

    assert(options->size >= 1 && options->size <= OPENMART_BATCH_MAX && options->slots >= 1);
    batcher->options = *options;
    batcher->clock = clock;
    batcher->timers = timers;
    batcher->journal = tools->journal;
    batcher->budget = tools->budget;
    read_limiter_init(&batcher->limiter, clock, timers, options->reads_per_second);
    batcher->breaker =
        circuit_breaker_new(clock, timers, tools->openmart, options->key, circuit_tripped, batcher);
    batcher->tools = (struct batch_tools){
        .clock = clock,
        .timers = timers,
        .openmart = tools->openmart,
        .breaker = batcher->breaker,
        .journal = tools->journal,
        .budget = tools->budget,
        .poll = {clock, timers, tools->openmart, &batcher->limiter, batcher->breaker,
                 options->lifetime_ms},
        .retry_unknown = options->retry_unknown,
        .owner = {moved, took_half, over, conflicts, batcher},
    };
    return batcher;
}

void batcher_on_conflict(struct batcher *batcher, batcher_conflict_fn *conflict, void *arg)
{
    batcher->conflict = conflict;
    batcher->conflict_arg = arg;
}

void batcher_free(struct batcher *batcher)
{
    struct batch *batch, *next;

    if (!batcher)
        return;
    DL_FOREACH_SAFE (batcher->batches, batch, next)
        batch_free(batch);
    timer_disarm(batcher->timers, &batcher->linger);
    fair_queue_done(&batcher->queue);
    circuit_breaker_free(batcher->breaker);
    read_limiter_done(&batcher->limiter);
    free(batcher);
}

static struct batch *new_batch(struct batcher *batcher)
{
    struct batch *batch = batch_new(&batcher->tools);

    DL_APPEND(batcher->batches, batch);
    return batch;
}

void batcher_resume(struct batcher *batcher, const struct store_batch *stored,
                    struct task *const *open, size_t n)
{
    struct batch *batch = new_batch(batcher);

    for (size_t i = 0; i < n; i++)
        batch_put(batch, open[i]);
    batch_resume(batch, stored->number, stored->batch_id);
    for (size_t i = 0; i < stored->n; i++) {
        const struct store_task *task = &stored->tasks[i];
        if (task->task_state != STORE_OPEN)
            batch_note_ended(batch, task->tracking_id, task->task_id, task->key);
    }
}

/* ---- the queue ---- */

/* Forms a batch from the queue. */
static struct batch *cut_batch(struct batcher *batcher)
{
    struct batch *batch = new_batch(batcher);
    struct task *task;

    while (batch->n_tasks < batcher->options.size && (task = fair_queue_take(&batcher->queue)))
        batch_put(batch, task);
    bool is_full = batch->n_tasks == batcher->options.size;
    metrics_add(&metrics_mine()->batches_flushed[is_full ? FLUSH_FULL : batcher->due_by], 1);
    metrics_size(&metrics_mine()->batch_tasks, batch->n_tasks);
    return batch;
}

static struct batch *first_pending(struct batcher *batcher)
{
    struct batch *batch;

    DL_FOREACH (batcher->batches, batch)
        if (batch->state == BATCH_PENDING)
            return batch;
    return NULL;
}

/* Returns the batch to submit next, formed from the queue or a half; NULL = none is due. */
static struct batch *next_batch(struct batcher *batcher)
{
    struct batch *half = first_pending(batcher);
    bool is_due =
        batcher->queue.n && (batcher->overdue || batcher->queue.n >= batcher->options.size);

    if (half && is_due)
        batcher->half_had_its_turn = !batcher->half_had_its_turn;
    if (half && (!is_due || batcher->half_had_its_turn))
        return half;
    return is_due ? cut_batch(batcher) : NULL;
}

/* Submits batches that are due while slots are free. */
static void fill_slots(struct batcher *batcher)
{
    struct batch *batch;
    int never_mind;

    if (circuit_check(batcher->breaker, &never_mind))
        return;
    while (batcher->busy_slots < batcher->options.slots && (batch = next_batch(batcher)))
        batch_submit(batch);
    if (batcher->queue.n == 0) {
        batcher->overdue = false;
        timer_disarm(batcher->timers, &batcher->linger);
    }
}

static void linger_is_over(struct timer *timer)
{
    struct batcher *batcher = container_of(timer, struct batcher, linger);

    batcher->overdue = true;
    batcher->due_by = FLUSH_LINGER;
    fill_slots(batcher);
    batcher->due_by = FLUSH_SLOT;
}

/* Returns ERR_OK if a task may be added now. */
static enum err check(struct batcher *batcher, const struct task *task, int *ret_retry_after_s)
{
    enum err err = circuit_check(batcher->breaker, ret_retry_after_s);

    if (err)
        return err;
    if (journal_check(batcher->journal)) {
        *ret_retry_after_s = JOURNAL_RETRY_S;
        return ERR_STORAGE_UNAVAILABLE;
    }
    if (!fair_queue_has_room(&batcher->queue, task->payer.name, batcher->options.max_queued)) {
        *ret_retry_after_s = OVERLOADED_S;
        return ERR_OVERLOADED;
    }
    return ERR_OK;
}

enum err batcher_add(struct batcher *batcher, struct task *task, int *ret_retry_after_s)
{
    enum err err = check(batcher, task, ret_retry_after_s);

    if (err)
        return err;
    err = budget_reserve(batcher->budget, &task->payer, &task->credit, ret_retry_after_s);
    if (err)
        return err;
    task->phase = TASK_QUEUED;
    task->queued_ms = batcher->clock->now_ms;
    id_new(task->tracking_id);
    fair_queue_add(&batcher->queue, task, task->payer.name);
    if (batcher->queue.n == 1)
        timer_arm(batcher->timers, &batcher->linger,
                  batcher->clock->now_ms + batcher->options.linger_ms, linger_is_over);
    fill_slots(batcher);
    return ERR_OK;
}

bool batcher_remove(struct batcher *batcher, struct task *task)
{
    if (task->phase != TASK_QUEUED)
        return false;
    fair_queue_remove(&batcher->queue, task);
    budget_refund(batcher->budget, &task->credit);
    task->phase = TASK_ENDED;
    fill_slots(batcher);
    return true;
}

/* ---- the circuit breaker ---- */

static struct batch *first_backing_off(struct batcher *batcher)
{
    struct batch *batch;

    DL_FOREACH (batcher->batches, batch)
        if (batch_is_backing_off(batch))
            return batch;
    return NULL;
}

/* Submits are blocked for a while, so waiting tasks fail immediately. Submitted batches
 * continue. */
static void circuit_tripped(void *arg)
{
    struct batcher *batcher = arg;
    struct task_end end = {.charged = CHARGED_NO};
    struct batch *batch;
    struct task *task;

    end.err = circuit_check(batcher->breaker, &end.retry_after_s);
    while ((task = fair_queue_take(&batcher->queue))) {
        budget_refund(batcher->budget, &task->credit);
        task->phase = TASK_ENDED;
        task->done(task, &end);
    }
    while ((batch = first_pending(batcher)) || (batch = first_backing_off(batcher)))
        batch_fail(batch, end);
    batcher->overdue = false;
    timer_disarm(batcher->timers, &batcher->linger);
}

void batcher_pause(struct batcher *batcher, bool paused)
{
    circuit_pause(batcher->breaker, paused);
}

void batcher_reset_circuit(struct batcher *batcher)
{
    circuit_reset(batcher->breaker);
}

int batcher_submitting(const struct batcher *batcher)
{
    return batcher->busy_slots;
}

struct batcher_stats batcher_stats(const struct batcher *batcher)
{
    struct batcher_stats stats = {.queued = batcher->queue.n,
                                  .submitting = (size_t)batcher->busy_slots,
                                  .circuit = circuit_state(batcher->breaker),
                                  .paused = circuit_is_paused(batcher->breaker)};
    const struct batch *batch;
    int never_mind;

    if (batcher->queue.oldest)
        stats.oldest_queued_ms = batcher->queue.oldest->queued_ms;
    DL_FOREACH (batcher->batches, batch)
        stats.batches++;
    stats.stopped_by = circuit_check(batcher->breaker, &never_mind);
    return stats;
}

void batcher_drain(struct batcher *batcher)
{
    circuit_block_for_drain(batcher->breaker);
}
