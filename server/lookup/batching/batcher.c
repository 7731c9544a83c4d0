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

struct batcher {
    struct batcher_options options;
    const struct clock *clock;
    struct timers *timers;
    struct journal *journal;
    struct budget *budget;
    struct read_limiter limiter;
    struct batch_tools tools;
    struct circuit_breaker *breaker;
    struct queue queue;
    struct timer linger;       /* of the first task in the queue */
    bool overdue;              /* the linger is over and no slot was free */
    enum metrics_flush due_by; /* what triggers a batch that is not full */
    bool half_had_its_turn;    /* the last slot went to a half */
    int busy_slots;
    struct batch *batches;
    batcher_conflict_fn *conflict;
    void *conflict_arg;
};

static void fill_slots(struct batcher *all);
static void circuit_tripped(void *arg);

/* ---- callbacks of the batches ---- */

static void slot_taken_or_freed(struct batcher *all, enum batch_state from, enum batch_state to)
{
    all->busy_slots += (to == BATCH_SUBMITTING) - (from == BATCH_SUBMITTING);
}

static void moved(void *arg, struct batch *batch, enum batch_state from)
{
    struct batcher *all = arg;
    int never_mind;

    slot_taken_or_freed(all, from, batch->state);
    if (batch->state == BATCH_PENDING && circuit_check(all->breaker, &never_mind))
        circuit_tripped(all); /* otherwise nothing resumes it when the circuit closes */
    else if (batch->state != BATCH_SUBMITTING)
        fill_slots(all);
}

static void took_half(void *arg, struct batch *half)
{
    struct batcher *all = arg;

    DL_APPEND(all->batches, half);
}

static void over(void *arg, struct batch *batch, enum batch_state from)
{
    struct batcher *all = arg;

    slot_taken_or_freed(all, from, BATCH_DONE);
    DL_DELETE(all->batches, batch);
    batch_free(batch);
    fill_slots(all);
}

static void conflicts(void *arg, const unsigned char key[HASH_SIZE])
{
    struct batcher *all = arg;

    all->conflict(all->conflict_arg, key);
}

/* ---- start and stop ---- */

struct batcher *batcher_new(const struct batcher_options *options,
                            const struct batcher_tools *tools)
{
    struct batcher *all = xcalloc(1, sizeof *all);
    const struct clock *clock = tools->clock;
    struct timers *timers = tools->timers;

    assert(options->size >= 1 && options->size <= OPENMART_BATCH_MAX && options->slots >= 1);
    all->options = *options;
    all->clock = clock;
    all->timers = timers;
    all->journal = tools->journal;
    all->budget = tools->budget;
    read_limiter_init(&all->limiter, clock, timers, options->reads_per_second);
    all->breaker =
        circuit_breaker_new(clock, timers, tools->openmart, options->key, circuit_tripped, all);
    all->tools = (struct batch_tools){
        .clock = clock,
        .timers = timers,
        .openmart = tools->openmart,
        .breaker = all->breaker,
        .journal = tools->journal,
        .budget = tools->budget,
        .collect = {clock, timers, tools->openmart, &all->limiter, all->breaker,
                    options->lifetime_ms},
        .retry_unknown = options->retry_unknown,
        .owner = {moved, took_half, over, conflicts, all},
    };
    return all;
}

void batcher_on_conflict(struct batcher *all, batcher_conflict_fn *conflict, void *arg)
{
    all->conflict = conflict;
    all->conflict_arg = arg;
}

void batcher_free(struct batcher *all)
{
    struct batch *batch, *next;

    if (!all)
        return;
    DL_FOREACH_SAFE (all->batches, batch, next)
        batch_free(batch);
    timer_disarm(all->timers, &all->linger);
    queue_done(&all->queue);
    circuit_breaker_free(all->breaker);
    read_limiter_done(&all->limiter);
    free(all);
}

static struct batch *new_batch(struct batcher *all)
{
    struct batch *batch = batch_new(&all->tools);

    DL_APPEND(all->batches, batch);
    return batch;
}

void batcher_resume(struct batcher *all, const struct store_batch *stored, struct task *const *open,
                    size_t n)
{
    struct batch *batch = new_batch(all);

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
static struct batch *cut_batch(struct batcher *all)
{
    struct batch *batch = new_batch(all);
    struct task *task;

    while (batch->n_tasks < all->options.size && (task = queue_take(&all->queue)))
        batch_put(batch, task);
    bool is_full = batch->n_tasks == all->options.size;
    metrics_add(&metrics_mine()->batches_flushed[is_full ? FLUSH_FULL : all->due_by], 1);
    metrics_size(&metrics_mine()->batch_tasks, batch->n_tasks);
    return batch;
}

static struct batch *first_pending(struct batcher *all)
{
    struct batch *batch;

    DL_FOREACH (all->batches, batch)
        if (batch->state == BATCH_PENDING)
            return batch;
    return NULL;
}

/* Returns the batch to submit next, formed from the queue or a half; NULL = none is due. */
static struct batch *next_batch(struct batcher *all)
{
    struct batch *half = first_pending(all);
    bool is_due = all->queue.n && (all->overdue || all->queue.n >= all->options.size);

    if (half && is_due)
        all->half_had_its_turn = !all->half_had_its_turn;
    if (half && (!is_due || all->half_had_its_turn))
        return half;
    return is_due ? cut_batch(all) : NULL;
}

/* Submits batches that are due while slots are free. */
static void fill_slots(struct batcher *all)
{
    struct batch *batch;
    int never_mind;

    if (circuit_check(all->breaker, &never_mind))
        return;
    while (all->busy_slots < all->options.slots && (batch = next_batch(all)))
        batch_submit(batch);
    if (all->queue.n == 0) {
        all->overdue = false;
        timer_disarm(all->timers, &all->linger);
    }
}

static void linger_is_over(struct timer *timer)
{
    struct batcher *all = container_of(timer, struct batcher, linger);

    all->overdue = true;
    all->due_by = FLUSH_LINGER;
    fill_slots(all);
    all->due_by = FLUSH_SLOT;
}

/* Returns ERR_OK if a task may be added now. */
static enum err check(struct batcher *all, const struct task *task, int *ret_retry_after_s)
{
    enum err err = circuit_check(all->breaker, ret_retry_after_s);

    if (err)
        return err;
    if (journal_check(all->journal)) {
        *ret_retry_after_s = JOURNAL_RETRY_S;
        return ERR_STORAGE_UNAVAILABLE;
    }
    if (!queue_has_room(&all->queue, task->payer.name, all->options.max_queued)) {
        *ret_retry_after_s = OVERLOADED_RETRY_S;
        return ERR_OVERLOADED;
    }
    return ERR_OK;
}

enum err batcher_add(struct batcher *all, struct task *task, int *ret_retry_after_s)
{
    enum err err = check(all, task, ret_retry_after_s);

    if (err)
        return err;
    err = budget_reserve(all->budget, &task->payer, &task->credit, ret_retry_after_s);
    if (err)
        return err;
    task->phase = TASK_QUEUED;
    task->queued_ms = all->clock->now_ms;
    id_new(task->tracking_id);
    queue_add(&all->queue, task, task->payer.name);
    if (all->queue.n == 1)
        timer_arm(all->timers, &all->linger, all->clock->now_ms + all->options.linger_ms,
                  linger_is_over);
    fill_slots(all);
    return ERR_OK;
}

bool batcher_remove(struct batcher *all, struct task *task)
{
    if (task->phase != TASK_QUEUED)
        return false;
    queue_remove(&all->queue, task);
    budget_refund(all->budget, &task->credit);
    task->phase = TASK_ENDED;
    fill_slots(all);
    return true;
}

/* ---- the circuit breaker ---- */

static struct batch *first_backing_off(struct batcher *all)
{
    struct batch *batch;

    DL_FOREACH (all->batches, batch)
        if (batch_is_backing_off(batch))
            return batch;
    return NULL;
}

/* Submits are blocked for a while, so waiting tasks fail immediately. Submitted batches
 * continue. */
static void circuit_tripped(void *arg)
{
    struct batcher *all = arg;
    struct task_end end = {.charged = CHARGED_NO};
    struct batch *batch;
    struct task *task;

    end.err = circuit_check(all->breaker, &end.retry_after_s);
    while ((task = queue_take(&all->queue))) {
        budget_refund(all->budget, &task->credit);
        task->phase = TASK_ENDED;
        task->done(task, &end);
    }
    while ((batch = first_pending(all)) || (batch = first_backing_off(all)))
        batch_fail(batch, end);
    all->overdue = false;
    timer_disarm(all->timers, &all->linger);
}

void batcher_pause(struct batcher *all, bool paused)
{
    circuit_pause(all->breaker, paused);
}

void batcher_reset_circuit(struct batcher *all)
{
    circuit_reset(all->breaker);
}

int batcher_submitting(const struct batcher *all)
{
    return all->busy_slots;
}

struct batcher_stats batcher_stats(const struct batcher *all)
{
    struct batcher_stats stats = {.queued = all->queue.n,
                                  .submitting = (size_t)all->busy_slots,
                                  .circuit = circuit_state(all->breaker),
                                  .paused = circuit_is_paused(all->breaker)};
    const struct batch *batch;
    int never_mind;

    if (all->queue.oldest)
        stats.oldest_queued_ms = all->queue.oldest->queued_ms;
    DL_FOREACH (all->batches, batch)
        stats.batches++;
    stats.stopped_by = circuit_check(all->breaker, &never_mind);
    return stats;
}

void batcher_drain(struct batcher *all)
{
    circuit_block_for_drain(all->breaker);
}
