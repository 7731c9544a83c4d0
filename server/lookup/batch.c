/* SPDX-License-Identifier: MIT */
/* batch.c - the queue, the slots and the submits; collecting the results is collect.c's.
 *
 * Tasks wait in one queue. A batch is cut from its head when it is full, when the linger of its
 * first task is over, or - if all slots were busy then - when a slot frees. set_state() is the only
 * place where a batch changes its state; slots are counted there. A task belongs to the queue or to
 * one batch, and leaves it in end_task(), which gathers nothing and calls out last. */
#include "lookup/batch.h"

#include "base/mem.h"
#include "lookup/collect.h"
#include "lookup/pace.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define SUBMIT_TRIES 3
#define RETRY_AFTER_MAX_S                                                                          \
    30 /* a longer Retry-After ends the wait: the callers are told instead                         \
        */

enum batch_state { BATCH_OPEN, BATCH_SUBMITTING, BATCH_COLLECTING, BATCH_DONE };

struct batch {
    struct batches *all;
    enum batch_state state;
    struct task *tasks; /* those not ended */
    size_t n_tasks;     /* those submitted */
    int64_t oldest_ms;  /* when its first task was queued */
    int tries;
    struct timer retry;
    struct openmart_call *call;
    struct collection *collection;
    struct batch *prev, *next;
};

struct batches {
    struct batch_options options;
    const struct clock *clock;
    struct timers *timers;
    struct openmart *openmart;
    struct pacer pacer;
    struct collect_tools tools;
    struct task *queue;
    size_t n_queued;
    int64_t oldest_queued_ms;
    struct timer linger;
    bool overdue; /* the linger is over and no slot was free */
    int busy_slots;
    struct batch *batches;
};

static void cut_batches(struct batches *all);

struct batches *batches_new(const struct batch_options *options, const struct clock *clock,
                            struct timers *timers, struct openmart *openmart)
{
    struct batches *all = xcalloc(1, sizeof *all);

    assert(options->size >= 1 && options->size <= OPENMART_BATCH_MAX && options->slots >= 1);
    all->options = *options;
    all->clock = clock;
    all->timers = timers;
    all->openmart = openmart;
    pacer_init(&all->pacer, clock, timers, options->reads_per_second);
    all->tools = (struct collect_tools){clock, timers, openmart, &all->pacer, options->lifetime_ms};
    return all;
}

static void free_batch(struct batch *batch)
{
    struct batches *all = batch->all;

    if (batch->call)
        openmart_cancel(batch->call);
    collect_cancel(batch->collection);
    timer_disarm(all->timers, &batch->retry);
    DL_DELETE(all->batches, batch);
    free(batch);
}

void batches_free(struct batches *all)
{
    if (!all)
        return;
    while (all->batches)
        free_batch(all->batches);
    timer_disarm(all->timers, &all->linger);
    pacer_done(&all->pacer);
    free(all);
}

/* ---- states ---- */

static void set_state(struct batch *batch, enum batch_state state)
{
    struct task *task;

    if (state == BATCH_SUBMITTING)
        batch->all->busy_slots++;
    if (batch->state == BATCH_SUBMITTING)
        batch->all->busy_slots--;
    batch->state = state;
    DL_FOREACH (batch->tasks, task)
        task->phase = state == BATCH_SUBMITTING ? TASK_SUBMITTING : TASK_PROCESSING;
}

static void end_task(struct task *task, const struct task_end *end)
{
    DL_DELETE(task->batch->tasks, task);
    task->batch = NULL;
    task->phase = TASK_ENDED;
    task->done(task, end);
}

/* Ends what is left of the batch in one way, and the batch. */
static void end_batch(struct batch *batch, const struct task_end *end)
{
    struct batches *all = batch->all;

    set_state(batch, BATCH_DONE);
    while (batch->tasks)
        end_task(batch->tasks, end);
    free_batch(batch);
    cut_batches(all);
}

/* ---- collecting ---- */

static struct task *find_task(struct batch *batch, const char *tracking_id)
{
    struct task *task;

    DL_FOREACH (batch->tasks, task)
        if (strcmp(task->tracking_id, tracking_id) == 0)
            return task;
    return NULL;
}

static bool task_ended(void *arg, const struct openmart_task *answer)
{
    struct task *task = find_task(arg, answer->tracking_id);
    struct task_end end = {.answer = answer};

    if (!task)
        return false;
    if (answer->state != OPENMART_COMPLETED)
        end = (struct task_end){.err = ERR_LOOKUP_FAILED,
                                .charged = err_row(ERR_LOOKUP_FAILED)->charged};
    end_task(task, &end);
    return true;
}

static void collection_over(void *arg, enum err err, const char *detail)
{
    struct batch *batch = arg;
    struct task_end end = {.err = err, .detail = detail, .charged = CHARGED_MAYBE};

    batch->collection = NULL;
    end_batch(batch, &end);
}

static void collect(struct batch *batch, const char *batch_id)
{
    const struct collect_owner owner = {task_ended, collection_over, batch};

    set_state(batch, BATCH_COLLECTING);
    batch->collection =
        collect_start(&batch->all->tools, batch_id, batch->n_tasks, batch->oldest_ms, &owner);
    cut_batches(batch->all);
}

/* ---- submitting ---- */

static void submit(struct batch *batch);

static void retry_is_due(struct timer *timer)
{
    submit(container_of(timer, struct batch, retry));
}

/* Only after an answer, or the lack of one, that proves that nothing was created. */
static bool may_retry(const struct batch *batch, const struct openmart_reply *reply)
{
    return reply->verdict == VERDICT_RETRYABLE && batch->tries < SUBMIT_TRIES &&
           reply->retry_after_s <= RETRY_AFTER_MAX_S;
}

static void retry_later(struct batch *batch, const struct openmart_reply *reply)
{
    int64_t wait_ms = (int64_t)1000 << (batch->tries - 1);

    wait_ms += (int64_t)(id_random() % (uint32_t)(wait_ms / 4));
    if (reply->retry_after_s * 1000 > wait_ms)
        wait_ms = reply->retry_after_s * 1000;
    timer_arm(batch->all->timers, &batch->retry, batch->all->clock->now_ms + wait_ms, retry_is_due);
}

static void submitted(void *arg, const struct openmart_reply *reply, const char *batch_id)
{
    struct batch *batch = arg;
    struct task_end end = {.err = reply->err,
                           .detail = *reply->detail ? reply->detail : NULL,
                           .charged = CHARGED_NO,
                           .retry_after_s =
                               reply->retry_after_s > 0 ? (int)reply->retry_after_s : 0};

    batch->call = NULL;
    if (reply->verdict == VERDICT_DONE) {
        collect(batch, batch_id);
    } else if (may_retry(batch, reply)) {
        retry_later(batch, reply);
    } else {
        if (reply->verdict == VERDICT_UNKNOWN)
            end.charged = CHARGED_MAYBE;
        end_batch(batch, &end);
    }
}

static void submit(struct batch *batch)
{
    struct openmart_form forms[OPENMART_BATCH_MAX];
    struct task *task;
    size_t n = 0;

    DL_FOREACH (batch->tasks, task) {
        const struct question *q = task->question;
        forms[n++] = (struct openmart_form){q->domain.name, q->company_name, q->city,
                                            q->state,       q->country,      task->tracking_id};
    }
    batch->tries++;
    batch->call = openmart_submit(batch->all->openmart, forms, n, submitted, batch);
}

/* ---- the queue ---- */

static void move_to_batch(struct batches *all, struct batch *batch)
{
    while (all->queue && batch->n_tasks < all->options.size) {
        struct task *task = all->queue;
        DL_DELETE(all->queue, task);
        all->n_queued--;
        DL_APPEND(batch->tasks, task);
        task->batch = batch;
        batch->n_tasks++;
    }
}

static void cut_batch(struct batches *all)
{
    struct batch *batch = xcalloc(1, sizeof *batch);

    batch->all = all;
    batch->oldest_ms = all->oldest_queued_ms;
    move_to_batch(all, batch);
    DL_APPEND(all->batches, batch);
    set_state(batch, BATCH_SUBMITTING);
    submit(batch);
}

static void linger_is_over(struct timer *timer)
{
    struct batches *all = container_of(timer, struct batches, linger);

    all->overdue = true;
    cut_batches(all);
}

static void start_linger(struct batches *all)
{
    all->overdue = false;
    all->oldest_queued_ms = all->clock->now_ms;
    timer_arm(all->timers, &all->linger, all->clock->now_ms + all->options.linger_ms,
              linger_is_over);
}

static void cut_batches(struct batches *all)
{
    while (all->queue && all->busy_slots < all->options.slots &&
           (all->overdue || all->n_queued >= all->options.size)) {
        cut_batch(all);
        if (!all->queue)
            all->overdue = false;
    }
    if (!all->queue)
        timer_disarm(all->timers, &all->linger);
}

enum err batch_add(struct batches *all, struct task *task, const struct question *question,
                   task_done_fn *done)
{
    if (all->n_queued >= all->options.max_queued)
        return ERR_OVERLOADED;
    *task = (struct task){.question = question, .done = done, .phase = TASK_QUEUED};
    id_new(task->tracking_id);
    if (!all->queue)
        start_linger(all);
    DL_APPEND(all->queue, task);
    all->n_queued++;
    cut_batches(all);
    return ERR_OK;
}

bool batch_drop(struct batches *all, struct task *task)
{
    if (task->phase != TASK_QUEUED)
        return false;
    DL_DELETE(all->queue, task);
    all->n_queued--;
    task->phase = TASK_ENDED;
    cut_batches(all);
    return true;
}

struct batch_stats batches_stats(const struct batches *all)
{
    struct batch_stats stats = {.queued = all->n_queued};
    const struct batch *batch;

    DL_FOREACH (all->batches, batch) {
        stats.submitting += batch->state == BATCH_SUBMITTING;
        stats.polling += batch->state == BATCH_COLLECTING;
    }
    return stats;
}
