/* SPDX-License-Identifier: MIT */
/* batch.c - the slots and the submits; queue.c keeps those who wait, collect.c fetches the results.
 *
 * A batch is cut from the queue when that holds enough for a full one, when the linger of its first
 * task is over, or - if all slots were busy then - when a slot frees. Halves of a refused batch go
 * first. set_state() is the only place where a batch changes its state; slots are counted there. A
 * task belongs to the queue or to one batch, and leaves it in end_task(). */
#include "lookup/batch.h"

#include "base/mem.h"
#include "lookup/claims.h"
#include "lookup/collect.h"
#include "lookup/gate.h"
#include "lookup/pace.h"
#include "lookup/submit_policy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define OVERLOADED_S 5 /* when a full queue is worth another try */

enum batch_state { BATCH_CUT, BATCH_SUBMITTING, BATCH_COLLECTING, BATCH_DONE };

struct batch {
    struct batches *all;
    enum batch_state state;
    struct task *tasks; /* those not ended */
    size_t n_tasks;     /* those submitted */
    int64_t oldest_ms;  /* when its first task was queued */
    int tries;
    bool risked; /* submitted again after an unknown outcome */
    struct timer retry;
    struct openmart_call *call;
    struct collection *collection;
    struct claims claims;
    struct batch *prev, *next;
};

struct batches {
    struct batch_options options;
    const struct clock *clock;
    struct timers *timers;
    struct openmart *openmart;
    struct pacer pacer;
    struct collect_tools tools;
    struct gate *gate;
    struct queue queue;
    struct timer linger; /* of the first task in the queue */
    bool overdue;        /* the linger is over and no slot was free */
    int busy_slots;
    struct batch *batches;
    batch_doubt_fn *doubt;
    void *doubt_arg;
};

static void fill_slots(struct batches *all);
static void gate_shut(void *arg);
static void submitted(void *arg, const struct openmart_reply *reply, const char *batch_id);

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
    all->gate = gate_new(clock, timers, openmart, options->key, gate_shut, all);
    all->tools = (struct collect_tools){clock,       timers,    openmart,
                                        &all->pacer, all->gate, options->lifetime_ms};
    return all;
}

void batches_on_doubt(struct batches *all, batch_doubt_fn *doubt, void *arg)
{
    all->doubt = doubt;
    all->doubt_arg = arg;
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
    queue_done(&all->queue);
    gate_free(all->gate);
    pacer_done(&all->pacer);
    free(all);
}

static struct batch *new_batch(struct batches *all)
{
    struct batch *batch = xcalloc(1, sizeof *batch);

    batch->all = all;
    batch->state = BATCH_CUT;
    batch->oldest_ms = all->clock->now_ms;
    DL_APPEND(all->batches, batch);
    return batch;
}

static void put_task(struct batch *batch, struct task *task)
{
    DL_APPEND(batch->tasks, task);
    task->batch = batch;
    batch->n_tasks++;
    if (task->queued_ms < batch->oldest_ms)
        batch->oldest_ms = task->queued_ms;
}

/* ---- states ---- */

static void set_state(struct batch *batch, enum batch_state state)
{
    static const enum task_phase phases[] = {[BATCH_CUT] = TASK_SUBMITTING,
                                             [BATCH_SUBMITTING] = TASK_SUBMITTING,
                                             [BATCH_COLLECTING] = TASK_PROCESSING,
                                             [BATCH_DONE] = TASK_ENDED};
    struct task *task;

    if (state == BATCH_SUBMITTING)
        batch->all->busy_slots++;
    if (batch->state == BATCH_SUBMITTING)
        batch->all->busy_slots--;
    batch->state = state;
    DL_FOREACH (batch->tasks, task)
        task->phase = phases[state];
}

static void end_task(struct task *task, const struct task_end *end)
{
    DL_DELETE(task->batch->tasks, task);
    task->batch = NULL;
    task->phase = TASK_ENDED;
    task->done(task, end);
}

static void end_batch(struct batch *batch, const struct task_end *end)
{
    struct batches *all = batch->all;

    set_state(batch, BATCH_DONE);
    while (batch->tasks)
        end_task(batch->tasks, end);
    free_batch(batch);
    fill_slots(all);
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

static void doubt_earlier(struct batch *batch, const char *tracking_id)
{
    const unsigned char *key = claims_find(&batch->claims, tracking_id);

    if (key && batch->all->doubt)
        batch->all->doubt(batch->all->doubt_arg, key);
}

static bool task_ended(void *arg, const struct openmart_task *answer)
{
    struct task *task = find_task(arg, answer->tracking_id);
    struct task_end end = {.answer = answer};

    if (!task) {
        doubt_earlier(arg, answer->tracking_id);
        return false;
    }
    claims_add(&((struct batch *)arg)->claims, task->tracking_id, task->question->key);
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
    fill_slots(batch->all);
}

/* ---- submitting ---- */

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

/* Gives the batch up. If an earlier submit of it may have been taken, that stays the news, whatever
 * became of the later one. */
static void give_up(struct batch *batch, struct task_end end)
{
    if (batch->risked) {
        end.err = ERR_UPSTREAM_OUTCOME_UNKNOWN;
        end.charged = CHARGED_MAYBE;
    }
    end_batch(batch, &end);
}

static void retry_is_due(struct timer *timer)
{
    struct batch *batch = container_of(timer, struct batch, retry);
    struct task_end end = {.charged = CHARGED_NO};

    end.err = gate_check(batch->all->gate, &end.retry_after_s);
    if (end.err)
        give_up(batch, end);
    else
        submit(batch);
}

/* Moves the second half of the tasks into a batch of their own; both wait for a slot. */
static void split(struct batch *batch)
{
    struct batches *all = batch->all;
    struct batch *half = new_batch(all);
    int never_mind;

    for (size_t keep = batch->n_tasks / 2; batch->n_tasks > keep;) {
        struct task *last = batch->tasks->prev; /* utlist: the head's prev is the tail */
        DL_DELETE(batch->tasks, last);
        batch->n_tasks--;
        put_task(half, last);
    }
    half->risked = batch->risked;
    batch->tries = 0;
    set_state(batch, BATCH_CUT);
    if (gate_check(all->gate, &never_mind))
        gate_shut(all); /* nothing would wake them when it opens */
    else
        fill_slots(all);
}

static void submitted(void *arg, const struct openmart_reply *reply, const char *batch_id)
{
    struct batch *batch = arg;
    struct batches *all = batch->all;
    const struct submit_past past = {batch->n_tasks, batch->tries,
                                     all->options.retry_unknown && !batch->risked};

    batch->call = NULL;
    gate_note_submit(all->gate, reply);
    switch (submit_next(reply, &past)) {
    case SUBMIT_COLLECT:
        collect(batch, batch_id);
        break;
    case SUBMIT_SPLIT:
        split(batch);
        break;
    case SUBMIT_RETRY:
        batch->risked = batch->risked || reply->verdict == VERDICT_UNKNOWN;
        timer_arm(all->timers, &batch->retry,
                  all->clock->now_ms + submit_wait_ms(reply, batch->tries), retry_is_due);
        break;
    case SUBMIT_END:
        give_up(batch, submit_end(reply));
        break;
    }
}

/* ---- the queue ---- */

static struct batch *cut_batch(struct batches *all)
{
    struct batch *batch = new_batch(all);
    struct task *task;

    while (batch->n_tasks < all->options.size && (task = queue_take(&all->queue)))
        put_task(batch, task);
    return batch;
}

static struct batch *first_cut(struct batches *all)
{
    struct batch *batch;

    DL_FOREACH (all->batches, batch)
        if (batch->state == BATCH_CUT)
            return batch;
    return NULL;
}

/* The batch to submit next, cut from the queue if there is no half waiting; NULL = none is due. */
static struct batch *next_batch(struct batches *all)
{
    struct batch *half = first_cut(all);
    bool is_due = all->overdue || all->queue.n >= all->options.size;

    if (half)
        return half;
    return all->queue.n && is_due ? cut_batch(all) : NULL;
}

/* Submits what is ready while there are slots. */
static void fill_slots(struct batches *all)
{
    struct batch *batch;
    int never_mind;

    if (gate_check(all->gate, &never_mind))
        return;
    while (all->busy_slots < all->options.slots && (batch = next_batch(all))) {
        set_state(batch, BATCH_SUBMITTING);
        submit(batch);
    }
    if (all->queue.n == 0) {
        all->overdue = false;
        timer_disarm(all->timers, &all->linger);
    }
}

static void linger_is_over(struct timer *timer)
{
    struct batches *all = container_of(timer, struct batches, linger);

    all->overdue = true;
    fill_slots(all);
}

enum err batch_add(struct batches *all, struct task *task, const struct question *question,
                   const char *client, task_done_fn *done, int *ret_retry_after_s)
{
    enum err err = gate_check(all->gate, ret_retry_after_s);

    if (err)
        return err;
    if (all->queue.n >= all->options.max_queued) {
        *ret_retry_after_s = OVERLOADED_S;
        return ERR_OVERLOADED;
    }
    *task = (struct task){
        .question = question, .done = done, .phase = TASK_QUEUED, .queued_ms = all->clock->now_ms};
    id_new(task->tracking_id);
    queue_add(&all->queue, task, client);
    if (all->queue.n == 1)
        timer_arm(all->timers, &all->linger, all->clock->now_ms + all->options.linger_ms,
                  linger_is_over);
    fill_slots(all);
    return ERR_OK;
}

bool batch_drop(struct batches *all, struct task *task)
{
    if (task->phase != TASK_QUEUED)
        return false;
    queue_remove(&all->queue, task);
    task->phase = TASK_ENDED;
    fill_slots(all);
    return true;
}

static struct batch *first_resting(struct batches *all)
{
    struct batch *batch;

    DL_FOREACH (all->batches, batch)
        if (timer_armed(&batch->retry))
            return batch;
    return NULL;
}

/* ---- the gate ---- */

/* Nothing will leave soon: those who wait are told at once. What was sent goes on. */
static void gate_shut(void *arg)
{
    struct batches *all = arg;
    struct task_end end = {.charged = CHARGED_NO};
    struct batch *batch;
    struct task *task;

    end.err = gate_check(all->gate, &end.retry_after_s);
    while ((task = queue_take(&all->queue))) {
        task->phase = TASK_ENDED;
        task->done(task, &end);
    }
    while ((batch = first_cut(all)) || (batch = first_resting(all)))
        give_up(batch, end);
    all->overdue = false;
    timer_disarm(all->timers, &all->linger);
}

enum task_phase batch_phase(const struct task *task)
{
    if (task->phase == TASK_PROCESSING && collect_is_fetching(task->batch->collection))
        return TASK_FETCHING;
    return task->phase;
}

void batches_open_gate(struct batches *all)
{
    gate_reset(all->gate);
}

void batches_drain(struct batches *all)
{
    gate_close(all->gate);
}
