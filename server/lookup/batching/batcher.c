/* SPDX-License-Identifier: MIT */
/* batcher.c - the queue and the slots; see batcher.h.
 *
 * A batch is formed when the queue holds enough tasks for a full one, or when the linger of its
 * first task is over. If all slots were busy then, it is formed when a slot becomes free. Batches
 * that were formed before and wait for a slot, such as parts of a rejected one, alternate with the
 * queue, so that they do not block other tasks. The circuit breaker may permit only a probe: then
 * it is cut from such a batch, or formed from the queue. Used slots are counted by the states of
 * the batches. */
#include "lookup/batching/batcher.h"

#include "base/mem.h"
#include "base/metrics.h"
#include "lookup/batching/batch.h"
#include "lookup/batching/batch_results.h"
#include "lookup/batching/batch_split.h"
#include "lookup/batching/fair_queue.h"
#include "lookup/batching/finish_rate.h"
#include "lookup/batching/read_limiter.h"
#include "lookup/batching/waiting_batches.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define SUBMIT_S 26 /* how long the upstream usually takes */

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
    struct finish_rate rate;
    struct timer linger;       /* of the first task in the queue */
    bool overdue;              /* the linger is over and no slot was free */
    bool pending_had_its_turn; /* the last slot went to a batch that was formed before */
    struct batch *batches;
    struct batch *noted; /* those with a notify token, by it */
    struct lost_submit *lost_submits;
};

/* ---- submit slots ---- */

int batcher_slots_used(const struct batcher *batcher)
{
    const struct batch *batch;
    int n = 0;

    DL_FOREACH (batcher->batches, batch)
        n += batch_is_in_slot(batch);
    return n;
}

/* Returns whether the accepted batches have more unread tasks than can be read soon. More would
 * only be paid for earlier. */
static bool has_back_pressure(const struct batcher *batcher)
{
    size_t max = (size_t)batcher->options.reads_per_second * BACK_PRESSURE_S, n = 0;
    const struct batch *batch;

    DL_FOREACH (batcher->batches, batch)
        n += batch->state == BATCH_COLLECTING ? batch->n_open : 0;
    return max && n > max;
}

/* Forms a batch of at most `max` tasks from the queue. `trigger` is the reason if it does not
 * become full. */
static struct batch *form_batch(struct batcher *batcher, struct circuit_permit permit,
                                enum metrics_flush trigger)
{
    size_t size = batcher->options.size, max = permit.max_tasks < size ? permit.max_tasks : size;
    struct batch *batch = batch_new(&batcher->tools);
    struct task *task;

    while (batch->n_tasks < max &&
           (task = permit.oldest_first ? fair_queue_take_oldest(&batcher->queue)
                                       : fair_queue_take(&batcher->queue)))
        batch_add(batch, task);
    if (batch->n_tasks == size)
        trigger = FLUSH_FULL;
    metrics_add(&metrics_mine()->batches_flushed[trigger], 1);
    metrics_size(&metrics_mine()->batch_tasks, batch->n_tasks);
    return batch;
}

/* Returns a small batch that probes the circuit, without linger. */
static struct batch *next_probe(struct batcher *batcher, struct circuit_permit permit)
{
    const struct fair_queue *queue = &batcher->queue;
    struct batch *pending = waiting_batches_oldest(&batcher->tools);
    bool can_form = queue->n && !has_back_pressure(batcher);
    bool is_older = pending && can_form && permit.oldest_first &&
                    pending->oldest_ms <= queue->oldest->queued_ms;

    if (pending && (!can_form || is_older))
        return batch_cut(pending, permit.max_tasks);
    return can_form ? form_batch(batcher, permit, FLUSH_SLOT) : NULL;
}

/* Returns the batch to submit next; NULL = none is due, or none may leave. */
static struct batch *next_batch(struct batcher *batcher, enum metrics_flush trigger)
{
    struct circuit_permit permit = circuit_permit(batcher->breaker);
    size_t n_queued = batcher->queue.n;

    if (permit.max_tasks == 0)
        return NULL;
    if (permit.max_tasks < OPENMART_BATCH_MAX)
        return next_probe(batcher, permit);
    struct batch *pending = waiting_batches_first(&batcher->tools);
    bool is_due = n_queued && (batcher->overdue || n_queued >= batcher->options.size) &&
                  !has_back_pressure(batcher);
    if (pending && is_due)
        batcher->pending_had_its_turn = !batcher->pending_had_its_turn;
    if (pending && (!is_due || batcher->pending_had_its_turn))
        return pending;
    return is_due ? form_batch(batcher, permit, trigger) : NULL;
}

/* Returns whether a batch may be submitted, if one is due. Without the journal it could not be: so
 * tasks and batches wait until that is usable. */
static bool has_slot(const struct batcher *batcher)
{
    return batcher_slots_used(batcher) < batcher->options.slots &&
           journal_state(batcher->journal).is_usable;
}

/* Submits batches that are due while slots are free. */
static void fill_slots(struct batcher *batcher, enum metrics_flush trigger)
{
    struct batch *batch;

    while (has_slot(batcher) && (batch = next_batch(batcher, trigger)))
        batch_submit(batch);
    if (batcher->queue.n == 0) {
        batcher->overdue = false;
        timer_disarm(batcher->timers, &batcher->linger);
        finish_rate_idle(&batcher->rate);
    }
}

static void linger_is_over(struct timer *timer)
{
    struct batcher *batcher = container_of(timer, struct batcher, linger);

    batcher->overdue = true;
    fill_slots(batcher, FLUSH_LINGER);
}

/* ---- tasks that wait while submits are blocked ---- */

/* Ends a task that has left the queue, but is in no batch. */
static void end_queued(struct batcher *batcher, struct task *task, const struct task_end *end)
{
    budget_refund(batcher->budget, &task->credit);
    task->phase = TASK_ENDED;
    task->done(task, end);
}

/* Submits are blocked for long: tasks that wait for one fail immediately, and so do batches that
 * would wait from now on (batch_state_changed()). Batches whose submit is in flight or was accepted
 * continue. */
static void fail_waiting_tasks(struct batcher *batcher)
{
    struct task_end end = {.charged = CHARGED_NO};
    struct task *task;

    end.err = circuit_check(batcher->breaker, &end.retry_after_s);
    if (end.err == ERR_CREDITS_EXHAUSTED)
        end.detail = UPSTREAM_CREDITS_DETAIL;
    while ((task = fair_queue_take(&batcher->queue)))
        end_queued(batcher, task, &end);
    waiting_batches_fail(&batcher->tools, end);
    batcher->overdue = false;
    timer_disarm(batcher->timers, &batcher->linger);
}

static void circuit_changed(void *arg)
{
    struct batcher *batcher = arg;

    if (circuit_fails_waiting(batcher->breaker)) {
        fail_waiting_tasks(batcher);
        return;
    }
    waiting_batches_settle_unpaid(&batcher->tools);
    waiting_batches_fail_risky(&batcher->tools);
    fill_slots(batcher, FLUSH_SLOT);
}

static void batch_state_changed(void *arg, struct batch *batch)
{
    struct batcher *batcher = arg;

    if (batch_waits(batch) && circuit_fails_waiting(batcher->breaker))
        fail_waiting_tasks(batcher);
    else if (batch->state == BATCH_UNPAID)
        waiting_batches_settle_unpaid(&batcher->tools);
    else
        fill_slots(batcher, FLUSH_SLOT);
}

static void task_ended(void *arg)
{
    struct batcher *batcher = arg;

    if (batcher->queue.n == 0)
        return;
    finish_rate_count(&batcher->rate, batcher->clock->now_ms);
    fill_slots(batcher, FLUSH_SLOT); /* the back-pressure may be over */
}

static void batch_ended(void *arg, struct batch *batch)
{
    batch_free(batch);
    fill_slots(arg, FLUSH_SLOT);
}

static void journal_became_usable(void *arg)
{
    fill_slots(arg, FLUSH_SLOT);
}

/* ---- start and stop ---- */

/* Estimates how many tasks end in 1,000 s, from the duration of a submit and the limit on reads. */
static int64_t estimated_rate(const struct batcher_options *options)
{
    int64_t submitted = (int64_t)options->size * options->slots * 1000 / SUBMIT_S;
    int64_t read = (int64_t)options->reads_per_second * 1000;

    return read && read < submitted ? read : submitted;
}

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
    batcher->rate.per_1000_s = estimated_rate(options);
    batcher->breaker = circuit_breaker_new(clock, timers, tools->openmart, options->key);
    circuit_on_change(batcher->breaker, circuit_changed, batcher);
    journal_on_usable(batcher->journal, journal_became_usable, batcher);
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
        .noted = &batcher->noted,
        .lost_submits = &batcher->lost_submits,
        .owner = {batch_state_changed, task_ended, batch_ended, batcher},
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
    journal_on_usable(batcher->journal, NULL, NULL);
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
    for (size_t i = 0; i < stored->n; i++)
        if (stored->tasks[i].task_state != STORE_OPEN)
            batch_add_ended(batch, &stored->tasks[i]);
}

enum batcher_notice batcher_notify(struct batcher *batcher, const char *token)
{
    struct batch *batch;

    lost_submit_prove(batcher->lost_submits, token);
    HASH_FIND_STR(batcher->noted, token, batch);
    if (!batch)
        return NOTICE_NOT_OURS;
    batch_notify(batch);
    return batch->state == BATCH_COLLECTING ? NOTICE_POLLED : NOTICE_IN_FLIGHT;
}

struct read_limiter *batcher_read_limiter(struct batcher *batcher)
{
    return &batcher->limiter;
}

/* ---- the queue ---- */

int batcher_overloaded_s(struct batcher *batcher)
{
    return finish_rate_seconds(&batcher->rate, batcher->clock->now_ms, batcher->queue.n,
                               OVERLOADED_MIN_S, OVERLOADED_MAX_S);
}

/* Returns ERR_OK if a task may be queued now, apart from its credit. */
static enum err check_queue(struct batcher *batcher, const struct task *task, int64_t wait_ms,
                            int *ret_retry_after_s)
{
    enum err err = circuit_admit(batcher->breaker, wait_ms, ret_retry_after_s);

    if (err)
        return err;
    if (!journal_state(batcher->journal).is_usable) {
        *ret_retry_after_s = JOURNAL_RETRY_S;
        return ERR_STORAGE_UNAVAILABLE;
    }
    if (!fair_queue_has_room(&batcher->queue, task->payer.name, batcher->options.max_queued)) {
        *ret_retry_after_s = batcher_overloaded_s(batcher);
        return ERR_OVERLOADED;
    }
    return ERR_OK;
}

enum err batcher_add(struct batcher *batcher, struct task *task, int64_t wait_ms,
                     int *ret_retry_after_s)
{
    enum err err = check_queue(batcher, task, wait_ms, ret_retry_after_s);

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

void batcher_abandon(struct batcher *batcher, struct task *task)
{
    const struct task_end end = {.err = ERR_CANCELLED, .charged = CHARGED_NO};

    task->is_abandoned = true;
    if (task->batch) {
        if (batch_waits(task->batch))
            batch_drop_abandoned_later(task->batch);
        return;
    }
    fair_queue_remove(&batcher->queue, task);
    end_queued(batcher, task, &end);
    fill_slots(batcher, FLUSH_SLOT);
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
                                  .circuit = circuit_reason(batcher->breaker),
                                  .paused = circuit_is_paused(batcher->breaker),
                                  .throttled = circuit_is_throttled(batcher->breaker),
                                  .stopped_by = circuit_check(batcher->breaker, NULL)};
    const struct batch *batch;

    if (batcher->queue.oldest)
        stats.oldest_queued_ms = batcher->queue.oldest->queued_ms;
    DL_FOREACH (batcher->batches, batch)
        stats.batches++;
    return stats;
}
