/* SPDX-License-Identifier: MIT */
/* batcher.c - the queue and the slots; see batcher.h.
 *
 * A batch is formed when the queue holds enough tasks for a full one, or when the linger of its
 * first task is over. If all slots were busy then, it is formed when a slot becomes free. Halves of
 * a rejected batch wait for slots too. They alternate with the queue, so that a rejected batch does
 * not block other tasks. Used slots are counted by the states of the batches. */
#include "lookup/batching/batcher.h"

#include "base/mem.h"
#include "base/metrics.h"
#include "lookup/batching/batch.h"
#include "lookup/batching/fair_queue.h"
#include "lookup/batching/read_limiter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
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
    struct fair_queue queue;
    struct timer linger;    /* of the first task in the queue */
    bool overdue;           /* the linger is over and no slot was free */
    bool half_had_its_turn; /* the last slot went to a half */
    struct batch *batches;
};

/* ---- submit slots ---- */

int batcher_slots_used(const struct batcher *batcher)
{
    const struct batch *batch;
    int n = 0;

    DL_FOREACH (batcher->batches, batch)
        n += batch->state == BATCH_SUBMITTING || batch->state == BATCH_BACKING_OFF;
    return n;
}

static struct batch *first_in_state(struct batcher *batcher, enum batch_state state)
{
    struct batch *batch;

    DL_FOREACH (batcher->batches, batch)
        if (batch->state == state)
            return batch;
    return NULL;
}

/* Forms a batch from the queue. `trigger` is the reason if it does not become full. */
static struct batch *form_batch(struct batcher *batcher, enum metrics_flush trigger)
{
    struct batch *batch = batch_new(&batcher->tools);
    struct task *task;

    while (batch->n_tasks < batcher->options.size && (task = fair_queue_take(&batcher->queue)))
        batch_add(batch, task);
    if (batch->n_tasks == batcher->options.size)
        trigger = FLUSH_FULL;
    metrics_add(&metrics_mine()->batches_flushed[trigger], 1);
    metrics_size(&metrics_mine()->batch_tasks, batch->n_tasks);
    return batch;
}

/* Returns the batch to submit next, formed from the queue or a half; NULL = none is due. */
static struct batch *next_batch(struct batcher *batcher, enum metrics_flush trigger)
{
    size_t n_queued = batcher->queue.n;
    struct batch *half = first_in_state(batcher, BATCH_PENDING);
    bool is_due = n_queued && (batcher->overdue || n_queued >= batcher->options.size);

    if (half && is_due)
        batcher->half_had_its_turn = !batcher->half_had_its_turn;
    if (half && (!is_due || batcher->half_had_its_turn))
        return half;
    return is_due ? form_batch(batcher, trigger) : NULL;
}

/* Submits batches that are due while slots are free. */
static void fill_slots(struct batcher *batcher, enum metrics_flush trigger)
{
    struct batch *batch;

    if (circuit_check(batcher->breaker, NULL))
        return;
    while (batcher_slots_used(batcher) < batcher->options.slots &&
           (batch = next_batch(batcher, trigger)))
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
    fill_slots(batcher, FLUSH_LINGER);
}

/* Submits are blocked for a while, so tasks that wait for one fail immediately, and so do batches
 * that would wait from now on (batch_state_changed()). Batches whose submit is in flight or was
 * accepted continue. */
static void fail_waiting_tasks(void *arg)
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
    while ((batch = first_in_state(batcher, BATCH_PENDING)) ||
           (batch = first_in_state(batcher, BATCH_BACKING_OFF)))
        batch_fail(batch, end);
    batcher->overdue = false;
    timer_disarm(batcher->timers, &batcher->linger);
}

static void batch_state_changed(void *arg, struct batch *batch)
{
    struct batcher *batcher = arg;
    bool was_split = batch->state == BATCH_PENDING;
    bool waits = was_split || batch->state == BATCH_BACKING_OFF;

    if (waits && circuit_check(batcher->breaker, NULL))
        fail_waiting_tasks(batcher);
    else if (was_split || batch->state == BATCH_COLLECTING)
        fill_slots(batcher, FLUSH_SLOT);
}

static void batch_ended(void *arg, struct batch *batch)
{
    batch_free(batch);
    fill_slots(arg, FLUSH_SLOT);
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
    batcher->breaker = circuit_breaker_new(clock, timers, tools->openmart, options->key,
                                           fail_waiting_tasks, batcher);
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
        .notify_url = options->notify_url,
        .batches = &batcher->batches,
        .owner = {batch_state_changed, batch_ended, batcher},
    };
    return batcher;
}

void batcher_on_conflict(struct batcher *batcher, batcher_conflict_fn *conflict, void *arg)
{
    batcher->tools.conflict = conflict;
    batcher->tools.conflict_arg = arg;
}

void batcher_free(struct batcher *batcher)
{
    if (!batcher)
        return;
    while (batcher->batches)
        batch_free(batcher->batches);
    timer_disarm(batcher->timers, &batcher->linger);
    fair_queue_done(&batcher->queue);
    circuit_breaker_free(batcher->breaker);
    read_limiter_done(&batcher->limiter);
    free(batcher);
}

void batcher_resume(struct batcher *batcher, const struct store_batch *stored,
                    struct task *const *open, size_t n)
{
    struct batch *batch = batch_new(&batcher->tools);

    for (size_t i = 0; i < n; i++)
        batch_add(batch, open[i]);
    batch_resume(batch, stored);
    for (size_t i = 0; i < stored->n; i++) {
        const struct store_task *task = &stored->tasks[i];
        if (task->task_state != STORE_OPEN)
            batch_add_ended(batch, task->tracking_id, task->task_id, task->key);
    }
}

enum batcher_notice batcher_notify(struct batcher *batcher, const char *token)
{
    struct batch *batch;

    DL_FOREACH (batcher->batches, batch)
        if (strcmp(batch->notify_token, token) == 0) {
            batch_notify(batch);
            return batch->state == BATCH_COLLECTING ? NOTICE_POLLED : NOTICE_IN_FLIGHT;
        }
    return NOTICE_NOT_OURS;
}

struct read_limiter *batcher_read_limiter(struct batcher *batcher)
{
    return &batcher->limiter;
}

/* ---- the queue ---- */

/* Returns ERR_OK if a task may be queued now, apart from its credit. */
static enum err check_queue(struct batcher *batcher, const struct task *task,
                            int *ret_retry_after_s)
{
    enum err err = circuit_check(batcher->breaker, ret_retry_after_s);

    if (err)
        return err;
    if (journal_check(batcher->journal)) {
        *ret_retry_after_s = JOURNAL_RETRY_S;
        return ERR_STORAGE_UNAVAILABLE;
    }
    if (!fair_queue_has_room(&batcher->queue, task->payer.name, batcher->options.max_queued)) {
        *ret_retry_after_s = OVERLOADED_RETRY_S;
        return ERR_OVERLOADED;
    }
    return ERR_OK;
}

enum err batcher_add(struct batcher *batcher, struct task *task, int *ret_retry_after_s)
{
    enum err err = check_queue(batcher, task, ret_retry_after_s);

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
    fill_slots(batcher, FLUSH_SLOT);
    return ERR_OK;
}

bool batcher_remove(struct batcher *batcher, struct task *task)
{
    if (task->phase != TASK_QUEUED)
        return false;
    fair_queue_remove(&batcher->queue, task);
    budget_refund(batcher->budget, &task->credit);
    task->phase = TASK_ENDED;
    fill_slots(batcher, FLUSH_SLOT);
    return true;
}

/* ---- the circuit breaker ---- */

void batcher_pause(struct batcher *batcher, bool paused)
{
    circuit_pause(batcher->breaker, paused);
}

void batcher_reset_circuit(struct batcher *batcher)
{
    circuit_reset(batcher->breaker);
}

void batcher_drain(struct batcher *batcher)
{
    circuit_block_for_drain(batcher->breaker);
}

/* ---- status ---- */

struct batcher_stats batcher_stats(const struct batcher *batcher)
{
    struct batcher_stats stats = {.queued = batcher->queue.n,
                                  .submitting = (size_t)batcher_slots_used(batcher),
                                  .circuit = circuit_state(batcher->breaker),
                                  .paused = circuit_is_paused(batcher->breaker),
                                  .stopped_by = circuit_check(batcher->breaker, NULL)};
    const struct batch *batch;

    if (batcher->queue.oldest)
        stats.oldest_queued_ms = batcher->queue.oldest->queued_ms;
    DL_FOREACH (batcher->batches, batch)
        stats.batches++;
    return stats;
}
