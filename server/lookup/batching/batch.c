/* SPDX-License-Identifier: MIT */
/* batch.c - see batch.h. Only set_state() changes the state of a batch. A task leaves its batch in
 * end_task(); a batch leaves its owner in end_batch(). */
#include "lookup/batching/batch.h"

#include "base/log.h"
#include "base/mem.h"
#include "lookup/batching/submit_policy.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static void submitted(void *arg, const struct openmart_reply *reply, const char *batch_id);

struct batch *batch_new(const struct batch_tools *tools)
{
    struct batch *batch = xcalloc(1, sizeof *batch);

    batch->tools = tools;
    batch->state = BATCH_PENDING;
    batch->oldest_ms = tools->clock->now_ms;
    return batch;
}

void batch_free(struct batch *batch)
{
    if (batch->call)
        openmart_cancel(batch->call);
    collect_cancel(batch->collection);
    timer_disarm(batch->tools->timers, &batch->retry);
    free(batch);
}

void batch_put(struct batch *batch, struct task *task)
{
    assert(batch->n_tasks < OPENMART_BATCH_MAX);
    DL_APPEND(batch->tasks, task);
    task->batch = batch;
    batch->n_tasks++;
    if (task->queued_ms < batch->oldest_ms)
        batch->oldest_ms = task->queued_ms;
}

/* ---- states ---- */

static void set_state(struct batch *batch, enum batch_state state)
{
    static const enum task_phase phases[] = {[BATCH_PENDING] = TASK_SUBMITTING,
                                             [BATCH_SUBMITTING] = TASK_SUBMITTING,
                                             [BATCH_COLLECTING] = TASK_PROCESSING,
                                             [BATCH_DONE] = TASK_ENDED};
    const struct batch_owner *owner = &batch->tools->owner;
    enum batch_state from = batch->state;
    struct task *task;

    batch->state = state;
    DL_FOREACH (batch->tasks, task)
        task->phase = phases[state];
    if (state != BATCH_DONE)
        owner->moved(owner->arg, batch, from);
}

static void end_task(struct task *task, const struct task_end *end)
{
    struct batch *batch = task->batch;
    const struct batch_tools *tools = batch->tools;
    struct task_end told = *end;

    told.batch_id = *batch->id ? batch->id : NULL;
    DL_DELETE(batch->tasks, task);
    if (journal_state_of(end) == STORE_NOT_CREATED)
        budget_refund(tools->budget, &task->credit);
    else
        budget_commit(tools->budget, &task->credit);
    task->batch = NULL;
    task->phase = TASK_ENDED;
    task->done(task, &told);
}

static void end_batch(struct batch *batch, const struct task_end *end)
{
    const struct batch_owner *owner = &batch->tools->owner;
    enum batch_state from = batch->state;

    if (batch->number && batch->tasks)
        journal_end_batch(batch->tools->journal, batch->number, end);
    set_state(batch, BATCH_DONE);
    while (batch->tasks)
        end_task(batch->tasks, end);
    owner->over(owner->arg, batch, from);
}

/* ---- delivered results: at most a hundred, linear search ---- */

void claims_add(struct claims *claims, const char *tracking_id, const unsigned char *key)
{
    assert(claims->n < OPENMART_BATCH_MAX);
    struct claim *claim = &claims->of[claims->n++];
    snprintf(claim->tracking_id, sizeof claim->tracking_id, "%s", tracking_id);
    memcpy(claim->key, key, HASH_SIZE);
}

const unsigned char *claims_find(const struct claims *claims, const char *tracking_id)
{
    for (size_t i = 0; i < claims->n; i++)
        if (strcmp(claims->of[i].tracking_id, tracking_id) == 0)
            return claims->of[i].key;
    return NULL;
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

static void report_conflict(struct batch *batch, const char *tracking_id)
{
    const struct batch_owner *owner = &batch->tools->owner;
    const unsigned char *key = claims_find(&batch->claims, tracking_id);

    if (key)
        owner->conflict(owner->arg, key);
}

static bool task_ended(void *arg, const char *task_id, const struct openmart_task *answer)
{
    struct batch *batch = arg;
    struct task *task = find_task(batch, answer->tracking_id);
    struct task_end end = {.answer = answer, .task_id = task_id};

    if (!task) {
        report_conflict(batch, answer->tracking_id);
        return false;
    }
    claims_add(&batch->claims, task->tracking_id, task->question->key);
    if (answer->state != OPENMART_COMPLETED)
        end = (struct task_end){.err = ERR_LOOKUP_FAILED,
                                .task_id = task_id,
                                .charged = err_row(ERR_LOOKUP_FAILED)->charged};
    end_task(task, &end);
    return true;
}

static void collection_over(void *arg, enum err err, const char *detail)
{
    struct batch *batch = arg;
    const struct task_end end = {.err = err, .detail = detail, .charged = CHARGED_MAYBE};

    batch->collection = NULL;
    end_batch(batch, &end);
}

/* Starts the collection before the owner learns of the new state. */
static void collect(struct batch *batch, const char *batch_id)
{
    const struct collect_owner owner = {task_ended, collection_over, batch};

    snprintf(batch->id, sizeof batch->id, "%s", batch_id);
    batch->collection =
        collect_start(&batch->tools->collect, batch_id, batch->n_tasks, batch->oldest_ms, &owner);
    set_state(batch, BATCH_COLLECTING);
}

void batch_resume(struct batch *batch, int64_t number, const char *batch_id)
{
    batch->number = number;
    collect(batch, batch_id);
}

void batch_note_ended(struct batch *batch, const char *tracking_id, const char *task_id,
                      const unsigned char key[HASH_SIZE])
{
    batch->n_tasks++;
    claims_add(&batch->claims, tracking_id, key);
    collect_skip(batch->collection, task_id);
}

/* ---- submitting ---- */

/* Submits the tasks, after the journal has recorded that they may be paid for. Returns
 * ERR_STORAGE_UNAVAILABLE if it cannot. */
static enum err send(struct batch *batch)
{
    const struct batch_tools *tools = batch->tools;
    struct openmart_form forms[OPENMART_BATCH_MAX];
    struct task *task;
    size_t n = 0;

    DL_FOREACH (batch->tasks, task)
        budget_stamp(tools->budget, &task->credit);
    enum err err = batch->number
                       ? journal_sending(tools->journal, batch->number, batch->tasks->credit.day)
                       : journal_intend(tools->journal, batch->tasks, &batch->number);
    if (err)
        return err;
    DL_FOREACH (batch->tasks, task) {
        const struct question_parts *parts = &task->question->parts;
        forms[n++] = (struct openmart_form){parts->domain, parts->company_name, parts->city,
                                            parts->state,  parts->country,      task->tracking_id};
    }
    batch->tries++;
    batch->call = openmart_submit(tools->openmart, forms, n, submitted, batch);
    return ERR_OK;
}

void batch_fail(struct batch *batch, struct task_end end)
{
    if (batch->risked) {
        end.err = ERR_UPSTREAM_OUTCOME_UNKNOWN;
        end.charged = CHARGED_MAYBE;
    }
    end_batch(batch, &end);
}

/* Fails a batch that the journal could not record, outside the call that submitted it. */
static void refused_by_journal(struct timer *timer)
{
    batch_fail(container_of(timer, struct batch, retry),
               (struct task_end){.err = ERR_STORAGE_UNAVAILABLE,
                                 .charged = CHARGED_NO,
                                 .retry_after_s = JOURNAL_RETRY_S});
}

static void try_to_send(struct batch *batch)
{
    const struct batch_tools *tools = batch->tools;

    if (send(batch))
        timer_arm(tools->timers, &batch->retry, tools->clock->now_ms, refused_by_journal);
}

void batch_submit(struct batch *batch)
{
    set_state(batch, BATCH_SUBMITTING);
    try_to_send(batch);
}

static void retry_is_due(struct timer *timer)
{
    struct batch *batch = container_of(timer, struct batch, retry);
    struct task_end end = {.charged = CHARGED_NO};

    end.err = circuit_check(batch->tools->breaker, &end.retry_after_s);
    if (end.err)
        batch_fail(batch, end);
    else
        try_to_send(batch);
}

static void release_all(struct budget *budget, struct credit *credits, size_t n)
{
    for (size_t i = 0; i < n; i++)
        budget_refund(budget, &credits[i]);
}

/* Reserves a second credit for every task of the batch, or for none. */
static enum err reserve_again(const struct batch *batch, struct credit *credits)
{
    struct budget *budget = batch->tools->budget;
    size_t n = 0;
    int never_mind;

    for (const struct task *task = batch->tasks; task; task = task->next, n++) {
        enum err err = budget_reserve(budget, &task->payer, &credits[n], &never_mind);
        if (err) {
            release_all(budget, credits, n);
            return err;
        }
    }
    return ERR_OK;
}

/* Prepares to pay again for tasks that may exist: reserves second credits and journals the decision
 * first. The journal keeps the batch as "being sent", because it may be. */
static enum err take_risk(struct batch *batch)
{
    const struct batch_tools *tools = batch->tools;
    struct credit second[OPENMART_BATCH_MAX] = {0};
    struct task *task;
    size_t n = 0;
    enum err err = reserve_again(batch, second);

    if (err)
        return err;
    err = journal_risk(tools->journal, batch->number, second[0].day);
    if (err) {
        release_all(tools->budget, second, batch->n_tasks);
        return err;
    }
    DL_FOREACH (batch->tasks, task) {
        budget_commit(tools->budget, &task->credit);
        task->credit = second[n++];
    }
    batch->risked = true;
    return ERR_OK;
}

static void back_off(struct batch *batch, const struct openmart_reply *reply)
{
    const struct batch_tools *tools = batch->tools;

    timer_arm(tools->timers, &batch->retry,
              tools->clock->now_ms + submit_wait_ms(reply, batch->tries), retry_is_due);
}

bool batch_is_backing_off(const struct batch *batch)
{
    return timer_armed(&batch->retry);
}

/* Moves the second half of the tasks to a new batch. */
static struct batch *split_off_half(struct batch *batch)
{
    struct batch *half = batch_new(batch->tools);

    for (size_t keep = batch->n_tasks / 2; batch->n_tasks > keep;) {
        struct task *last = batch->tasks->prev; /* utlist: the head's prev is the tail */
        DL_DELETE(batch->tasks, last);
        batch->n_tasks--;
        batch_put(half, last);
    }
    half->risked = batch->risked;
    return half;
}

/* Splits the batch; both halves wait for a slot. */
static void split(struct batch *batch)
{
    const struct batch_owner *owner = &batch->tools->owner;
    struct journal *journal = batch->tools->journal;
    struct batch *half = split_off_half(batch);

    journal_resting(journal, batch->number);
    if (journal_split(journal, batch->number, half->tasks, &half->number)) {
        /* They stay one batch in the journal, and fail together. */
        DL_CONCAT(batch->tasks, half->tasks);
        for (struct task *task = half->tasks; task; task = task->next)
            task->batch = batch;
        batch->n_tasks += half->n_tasks;
        batch_free(half);
        batch_fail(batch, (struct task_end){.err = ERR_STORAGE_UNAVAILABLE,
                                            .charged = CHARGED_NO,
                                            .retry_after_s = JOURNAL_RETRY_S});
        return;
    }
    batch->tries = 0;
    owner->split(owner->arg, half);
    set_state(batch, BATCH_PENDING);
}

static void note_submit(const struct batch *batch, const struct openmart_reply *reply,
                        const char *batch_id)
{
    bool is_done = reply->verdict == VERDICT_DONE;
    char tasks[24], status[16], ms[24];

    snprintf(tasks, sizeof tasks, "%zu", batch->n_tasks);
    snprintf(status, sizeof status, "%d", reply->status);
    snprintf(ms, sizeof ms, "%lld", (long long)reply->took_ms);
    log_event(is_done ? LOG_INFO : LOG_WARN, is_done ? "batch_submitted" : "submit_failed", "batch",
              batch_id, "tasks", tasks, "status", status, "ms", ms, "error",
              is_done ? NULL : err_row(reply->err)->code, NULL);
}

/* Commits the credits of tasks that the upstream accepted. */
static void settle(struct batch *batch)
{
    struct task *task;

    DL_FOREACH (batch->tasks, task)
        budget_commit(batch->tools->budget, &task->credit);
}

static void submitted(void *arg, const struct openmart_reply *reply, const char *batch_id)
{
    struct batch *batch = arg;
    const struct batch_tools *tools = batch->tools;
    const struct submit_past past = {batch->n_tasks, batch->tries,
                                     tools->retry_unknown && !batch->risked};

    batch->call = NULL;
    note_submit(batch, reply, batch_id);
    circuit_record_submit(tools->breaker, reply);
    switch (submit_next(reply, &past)) { /* GCOVR_EXCL_BR_LINE: it has no other values */
    case SUBMIT_COLLECT:
        journal_submitted(tools->journal, batch->number, batch_id);
        settle(batch);
        collect(batch, batch_id);
        break;
    case SUBMIT_SPLIT:
        split(batch);
        break;
    case SUBMIT_RETRY:
        journal_resting(tools->journal, batch->number);
        back_off(batch, reply);
        break;
    case SUBMIT_RISK:
        if (take_risk(batch))
            batch_fail(batch, submit_end(reply));
        else
            back_off(batch, reply);
        break;
    case SUBMIT_END:
        batch_fail(batch, submit_end(reply));
        break;
    }
}

enum task_phase batch_task_phase(const struct task *task)
{
    if (task->phase == TASK_PROCESSING && collect_is_fetching(task->batch->collection))
        return TASK_FETCHING;
    return task->phase;
}
