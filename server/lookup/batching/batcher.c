/* SPDX-License-Identifier: MIT */
/* batcher.c - the queues and the slots; see batcher.h.
 *
 * A batch is formed when enough tasks wait for a full one, or when the linger of the first one is
 * over. If no slot was free then, it is formed when a slot becomes free. batch_choice.c chooses
 * which batch takes it. Tasks of lists wait in a lane of their own. */
#include "lookup/batching/batcher.h"

#include "base/mem.h"
#include "lookup/batching/batch.h"
#include "lookup/batching/batch_results.h"
#include "lookup/batching/batch_split.h"
#include "lookup/batching/batcher_state.h"
#include "lookup/batching/waiting_batches.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define SUBMIT_S 26 /* how long the upstream usually takes */

/* ---- submit slots ---- */

/* Returns whether a batch may be submitted, if one is due. Without the journal it could not be: so
 * tasks and batches wait until that is usable. */
static bool has_slot(const struct batcher *batcher)
{
    return batcher_slots_free(batcher) > 0 && journal_state(batcher->journal).is_usable;
}

static void end_linger_if_empty(struct batcher *batcher, struct task_lane *lane)
{
    if (lane->queue.n > 0)
        return;
    lane->overdue = false;
    timer_disarm(batcher->timers, &lane->linger);
}

/* Submits batches that are due while slots are free. */
static void fill_slots(struct batcher *batcher, enum metrics_flush trigger)
{
    struct batch *batch;

    while (has_slot(batcher) && (batch = batch_choose(batcher, trigger)))
        batch_submit(batch);
    end_linger_if_empty(batcher, &batcher->single);
    end_linger_if_empty(batcher, &batcher->listed);
    if (batcher->single.queue.n == 0)
        finish_rate_idle(&batcher->rate);
}

static void linger_is_over(struct timer *timer)
{
    struct task_lane *lane = container_of(timer, struct task_lane, linger);

    lane->overdue = true;
    fill_slots(lane->owner, FLUSH_LINGER);
}

/* ---- tasks that wait while submits are blocked ---- */

/* Ends a task that has left the queue, but is in no batch. */
static void end_queued(struct batcher *batcher, struct task *task, const struct task_end *end)
{
    budget_refund(batcher->budget, &task->credit);
    task_enter_phase(task, TASK_ENDED, batcher->clock->now_ms);
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
    while ((task = fair_queue_take(&batcher->single.queue)) ||
           (task = fair_queue_take(&batcher->listed.queue)))
        end_queued(batcher, task, &end);
    waiting_batches_fail(&batcher->tools, end);
    end_linger_if_empty(batcher, &batcher->single);
    end_linger_if_empty(batcher, &batcher->listed);
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

static void task_ended(void *arg, bool is_listed)
{
    struct batcher *batcher = arg;

    if (batcher->single.queue.n + batcher->listed.queue.n == 0)
        return;
    if (batcher->single.queue.n > 0 && !is_listed)
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
static int64_t estimated_rate(const struct batcher_options *options, int slots)
{
    int64_t submitted = (int64_t)options->size * slots * 1000 / SUBMIT_S;
    int64_t read = (int64_t)options->reads_per_second * 1000;

    return read && read < submitted ? read : submitted;
}

int64_t batcher_list_rate(const struct batcher_options *options)
{
    return estimated_rate(options, options->slots > 1 ? options->slots - 1 : 1);
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
    batcher->single.owner = batcher->listed.owner = batcher;
    batcher->journal = tools->journal;
    batcher->budget = tools->budget;
    read_limiter_init(&batcher->limiter, clock, timers, options->reads_per_second);
    batcher->rate.per_1000_s = estimated_rate(options, options->slots);
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
    timer_disarm(batcher->timers, &batcher->single.linger);
    timer_disarm(batcher->timers, &batcher->listed.linger);
    fair_queue_done(&batcher->single.queue);
    fair_queue_done(&batcher->listed.queue);
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
    return finish_rate_seconds(&batcher->rate, batcher->clock->now_ms, batcher->single.queue.n,
                               OVERLOADED_MIN_S, OVERLOADED_MAX_S);
}

/* Returns ERR_OK if a task may be queued now, apart from its credit. Lists limit how many of their
 * tasks wait. */
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
    if (!task->is_listed && !fair_queue_has_room(&batcher->single.queue, task->payer.name,
                                                 batcher->options.max_queued)) {
        *ret_retry_after_s = batcher_overloaded_s(batcher);
        return ERR_OVERLOADED;
    }
    return ERR_OK;
}

static struct task_lane *lane_of(struct batcher *batcher, const struct task *task)
{
    return task->is_listed ? &batcher->listed : &batcher->single;
}

static void enqueue(struct batcher *batcher, struct task *task)
{
    struct task_lane *lane = lane_of(batcher, task);

    fair_queue_add(&lane->queue, task, task->payer.name);
    if (lane->queue.n == 1)
        timer_arm(batcher->timers, &lane->linger,
                  batcher->clock->now_ms + batcher->options.linger_ms, linger_is_over);
    fill_slots(batcher, FLUSH_SLOT);
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
    task_enter_phase(task, TASK_QUEUED, batcher->clock->now_ms);
    task->queued_ms = batcher->clock->now_ms;
    id_new(task->tracking_id);
    enqueue(batcher, task);
    return ERR_OK;
}

void batcher_promote(struct batcher *batcher, struct task *task)
{
    bool is_queued = task->fifo != NULL;

    if (!task->is_listed)
        return;
    if (is_queued)
        fair_queue_remove(&batcher->listed.queue, task);
    task->is_listed = false;
    if (task->batch)
        batch_reorder_reads(task->batch);
    if (is_queued)
        enqueue(batcher, task);
    else
        fill_slots(batcher, FLUSH_SLOT); /* its batch may wait */
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
    fair_queue_remove(&lane_of(batcher, task)->queue, task);
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

enum err batcher_blocked_by(const struct batcher *batcher)
{
    enum err err = circuit_check(batcher->breaker, NULL);

    if (!journal_state(batcher->journal).is_usable)
        return ERR_STORAGE_UNAVAILABLE;
    return !err && circuit_is_throttled(batcher->breaker) ? ERR_CIRCUIT_OPEN : err;
}

struct batcher_stats batcher_stats(const struct batcher *batcher)
{
    const struct task *oldest = batcher->single.queue.oldest;
    struct batcher_stats stats = {.queued = batcher->single.queue.n + batcher->listed.queue.n,
                                  .submitting = (size_t)batcher_slots_used(batcher),
                                  .circuit = circuit_reason(batcher->breaker),
                                  .paused = circuit_is_paused(batcher->breaker),
                                  .throttled = circuit_is_throttled(batcher->breaker),
                                  .stopped_by = circuit_check(batcher->breaker, NULL)};
    const struct batch *batch;

    if (oldest)
        stats.oldest_queued_ms = oldest->queued_ms;
    DL_FOREACH (batcher->batches, batch)
        stats.batches++;
    return stats;
}
