/* SPDX-License-Identifier: MIT */
/* batch.c - see batch.h. Only batch_enter() changes the state of a batch. A task leaves its batch
 * in batch_end_task(); a batch leaves its owner in batch_end(). */
#include "lookup/batching/batch.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "lookup/batching/batch_payment.h"
#include "lookup/batching/batch_results.h"
#include "lookup/batching/batch_split.h"
#include "lookup/batching/submit_policy.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define URL_MAX 4096 /* of a notify URL with its token; config checks that it fits */

struct batch *batch_new(const struct batch_tools *tools)
{
    struct batch *batch = xcalloc(1, sizeof *batch);

    batch->tools = tools;
    batch->state = BATCH_PENDING;
    batch->oldest_ms = tools->clock->now_ms;
    DL_APPEND(*tools->batches, batch);
    return batch;
}

void batch_free(struct batch *batch)
{
    assert(!batch->intent);
    if (batch->call)
        openmart_cancel(batch->call);
    collector_cancel(batch->collector);
    unmatched_done(&batch->unmatched);
    timer_disarm(batch->tools->timers, &batch->retry);
    timer_disarm(batch->tools->timers, &batch->drop);
    batch_split_release(batch);
    lost_submit_unref(batch->lost);
    if (*batch->notify_token)
        HASH_DEL(*batch->tools->noted, batch);
    DL_DELETE(*batch->tools->batches, batch);
    free(batch);
}

bool batch_is_in_slot(const struct batch *batch)
{
    return batch->state == BATCH_INTENDING || batch->state == BATCH_SUBMITTING;
}

bool batch_waits(const struct batch *batch)
{
    return !batch_is_in_slot(batch) && batch->state != BATCH_COLLECTING &&
           batch->state != BATCH_DONE;
}

/* Returns the phase of the tasks of a batch that enters its state. Those that wait after an unknown
 * outcome may exist. Once an accepted batch is ready, they move on (batch_results.c). */
static enum task_phase phase_of(const struct batch *batch)
{
    if (batch_waits(batch))
        return batch->risk == RISK_NONE ? TASK_QUEUED : TASK_SUBMITTING;
    return batch_is_in_slot(batch)            ? TASK_SUBMITTING
           : batch->state == BATCH_COLLECTING ? TASK_PROCESSING
                                              : TASK_ENDED;
}

void batch_add(struct batch *batch, struct task *task)
{
    assert(batch->n_tasks < OPENMART_BATCH_MAX);
    DL_APPEND(batch->tasks, task);
    task->batch = batch;
    task_enter_phase(task, phase_of(batch), batch->tools->clock->now_ms);
    batch->n_tasks++;
    batch->n_open++;
    if (task->queued_ms < batch->oldest_ms)
        batch->oldest_ms = task->queued_ms;
}

void batch_set_token(struct batch *batch, const char *token)
{
    snprintf(batch->notify_token, sizeof batch->notify_token, "%s", token);
    HASH_ADD_STR(*batch->tools->noted, notify_token, batch);
}

/* ---- states ---- */

void batch_enter(struct batch *batch, enum batch_state state)
{
    struct task *task;

    batch->state = state;
    DL_FOREACH (batch->tasks, task)
        task_enter_phase(task, phase_of(batch), batch->tools->clock->now_ms);
}

void batch_set_state(struct batch *batch, enum batch_state state)
{
    const struct batch_owner *owner = &batch->tools->owner;

    batch_enter(batch, state);
    owner->state_changed(owner->arg, batch);
}

void batch_end_task(struct task *task, const struct task_end *end)
{
    struct batch *batch = task->batch;
    const struct batch_owner *owner = &batch->tools->owner;
    struct budget *budget = batch->tools->budget;
    struct task_end with_id = *end;
    bool is_listed = task->is_listed;

    with_id.batch_id = *batch->id ? batch->id : NULL;
    with_id.is_recorded = true;
    DL_DELETE(batch->tasks, task);
    batch->n_open--;
    if (journal_state_of(end) == STORE_NOT_CREATED || end->refunds_last)
        budget_refund(budget, &task->credit);
    else
        budget_commit(budget, &task->credit);
    task->batch = NULL;
    task_enter_phase(task, TASK_ENDED, batch->tools->clock->now_ms);
    task->done(task, &with_id);
    owner->task_ended(owner->arg, is_listed);
}

/* Returns the message with which the upstream rejected a batch that ends so; NULL = it did not. */
static const char *rejection_of(const struct task_end *end)
{
    if (end->err != ERR_UPSTREAM_REJECTED)
        return NULL;
    return end->detail ? end->detail : "";
}

/* The receipt of a task that ends here belongs to the entry of the batch, or to one that is
 * recorded meanwhile. None of these is the end of a task, so receipt->has_stored is false, as it
 * must be. */
void batch_end(struct batch *batch, const struct task_end *end)
{
    const struct batch_owner *owner = &batch->tools->owner;

    if (batch->state == BATCH_REJECTED) /* the other parts know its result */
        batch_split_release(batch);
    if (batch->tasks)
        journal_end_batch(batch->tools->journal, batch->number, end);
    batch_enter(batch, BATCH_DONE);
    batch_split_leave(batch, rejection_of(end));
    while (batch->tasks)
        batch_end_task(batch->tasks, end);
    owner->batch_ended(owner->arg, batch);
}

/* If an earlier submit may have been accepted, its credit is spent. A second credit is refunded if
 * its submit provably created nothing. */
void batch_fail(struct batch *batch, struct task_end end)
{
    if (batch->risk != RISK_NONE)
        end = (struct task_end){.err = ERR_UPSTREAM_OUTCOME_UNKNOWN,
                                .detail = end.detail,
                                .charged = CHARGED_MAYBE,
                                .refunds_last =
                                    batch->risk == RISK_TAKEN && end.charged == CHARGED_NO,
                                .raw = end.raw,
                                .raw_len = end.raw_len};
    batch_end(batch, &end);
}

static void fail_unrecorded(struct batch *batch)
{
    batch_fail(batch, (struct task_end){.err = ERR_STORAGE_UNAVAILABLE,
                                        .charged = CHARGED_NO,
                                        .retry_after_s = JOURNAL_RETRY_S});
}

/* Nothing follows its earlier submit. No callback of a task may run inside the call that found out.
 */
static void unrecorded(struct timer *timer)
{
    batch_fail(container_of(timer, struct batch, retry), (struct task_end){.charged = CHARGED_NO});
}

/* ---- submitting ---- */

static void submitted(void *arg, const struct openmart_reply *reply, const char *batch_id);

/* Returns what each task carries, or NULL. The caller frees it. */
static char *notify_url_of(const struct batch *batch)
{
    const char *prefix = batch->tools->notify_url;
    struct buf autobuf url = BUF_INIT(URL_MAX);

    if (!prefix)
        return NULL;
    assert(*batch->notify_token); /* see batch_record_submit() */
    buf_addf(&url, "%s/%s", prefix, batch->notify_token);
    return buf_take(&url, NULL);
}

static void send(struct batch *batch)
{
    const struct batch_tools *tools = batch->tools;
    struct openmart_form forms[OPENMART_BATCH_MAX];
    struct task *task;
    size_t n = 0;

    batch_enter(batch, BATCH_SUBMITTING);
    autofree char *notify_url = notify_url_of(batch);
    DL_FOREACH (batch->tasks, task) {
        const struct question_parts *parts = &task->question->parts;
        forms[n++] = (struct openmart_form){.domain = parts->domain,
                                            .company_name = parts->company_name,
                                            .city = parts->city,
                                            .state = parts->state,
                                            .country = parts->country,
                                            .tracking_id = task->tracking_id,
                                            .notify_url = notify_url};
    }
    batch->tries++;
    batch->call = openmart_submit(tools->openmart, forms, n, submitted, batch);
}

void batch_submit(struct batch *batch)
{
    const struct batch_tools *tools = batch->tools;

    timer_disarm(tools->timers, &batch->retry);
    timer_disarm(tools->timers, &batch->drop);
    batch_enter(batch, BATCH_INTENDING);
    batch->probe = 0;
    if (batch_record_submit(batch))
        timer_arm(tools->timers, &batch->retry, tools->clock->now_ms, unrecorded);
    else
        batch->probe = circuit_begin_submit(tools->breaker);
}

void batch_requeue(struct batch *batch)
{
    batch_set_state(batch, BATCH_PENDING);
}

static void retry_is_due(struct timer *timer)
{
    batch_set_state(container_of(timer, struct batch, retry), BATCH_PENDING);
}

/* Lets the batch wait in that state, unless all its tasks are abandoned. */
static void wait_in(struct batch *batch, enum batch_state state)
{
    if (batch_drop_abandoned(batch))
        batch_set_state(batch, state);
}

/* Returns whether abandoned tasks are dropped before the batch is sent. Those of a batch that is
 * paid for again cannot be taken out of it: the upstream may have it. */
static bool must_drop(const struct batch *batch, bool pays_again)
{
    const struct task *task;
    size_t n = 0;

    DL_FOREACH (batch->tasks, task)
        n += task->is_abandoned;
    return n > 0 && (!pays_again || n == batch->n_tasks);
}

/* Returns whether a day has begun since the intent to send the batch was recorded: the credits must
 * count on the day on which it leaves. */
static bool is_outdated(const struct batch *batch)
{
    return batch->tasks->credit.day != budget_state(batch->tools->budget).day;
}

/* The batch is not sent now. If it must end, nothing follows its earlier submit, which may have
 * been accepted. */
static void hold_back(struct batch *batch, bool must_end)
{
    journal_mark_not_sent(batch->tools->journal, batch->number);
    if (must_end)
        batch_fail(batch, (struct task_end){.charged = CHARGED_NO});
    else
        wait_in(batch, BATCH_PENDING);
}

void batch_intent_returned(struct batch *batch, enum err err, bool pays_again)
{
    struct circuit_breaker *breaker = batch->tools->breaker;
    unsigned probe = batch->probe;
    bool may_leave = circuit_confirm_submit(breaker, probe);
    bool may_pay = !batch_must_not_repeat(batch) && (!pays_again || may_leave);
    bool must_wait = must_drop(batch, pays_again) || (!pays_again && is_outdated(batch));

    if (!err && may_leave && may_pay && !must_wait) {
        send(batch);
        return;
    }
    if (err)
        fail_unrecorded(batch);
    else
        hold_back(batch, !may_pay);
    circuit_cancel_submit(breaker, probe); /* may submit another batch, or this one again */
}

static void back_off(struct batch *batch, const struct openmart_reply *reply)
{
    const struct batch_tools *tools = batch->tools;

    timer_arm(tools->timers, &batch->retry,
              tools->clock->now_ms + submit_wait_ms(reply, batch->tries), retry_is_due);
    wait_in(batch, BATCH_BACKING_OFF);
}

/* Waits without a limit of tries: the upstream only asked to slow down. */
static void wait_for_permit(struct batch *batch)
{
    batch->tries = 0;
    wait_in(batch, BATCH_PENDING);
}

static void log_submit(const struct batch *batch, const struct openmart_reply *reply,
                       const char *batch_id)
{
    bool is_done = reply->verdict == VERDICT_DONE, is_unreadable = submit_is_unreadable(reply);
    char excerpt[OPENMART_EXCERPT_TEXT];

    if (is_unreadable)
        openmart_excerpt(batch->tools->openmart, reply, excerpt);
    log_event(is_done ? LOG_INFO : LOG_WARN, is_done ? "batch_submitted" : "submit_failed",
              LOG_STR("batch", batch_id), LOG_INT("tasks", batch->n_tasks),
              LOG_INT("status", reply->status), LOG_INT("ms", reply->took_ms),
              LOG_STR("error", is_done ? NULL : err_row(reply->err)->code),
              LOG_STR("excerpt", is_unreadable ? excerpt : NULL));
}

static void accepted(struct batch *batch, const char *batch_id)
{
    const struct batch_tools *tools = batch->tools;
    struct task *task;

    journal_submitted(tools->journal, batch->number, batch_id);
    DL_FOREACH (batch->tasks, task)
        budget_commit(tools->budget, &task->credit);
    batch_collect(batch, batch_id, tools->clock->now_ms);
    batch_set_state(batch, BATCH_COLLECTING);
}

static bool may_pay_twice(const struct batch *batch)
{
    const struct task *task;

    DL_FOREACH (batch->tasks, task)
        if (task->pays_once)
            return false;
    return batch->tools->retry_unknown;
}

/* Returns what to do next. A submit is not risked while the circuit is open: it would probably be
 * lost too. */
static enum submit_next decide(const struct batch *batch, const struct openmart_reply *reply)
{
    const struct batch_tools *tools = batch->tools;
    bool may_risk = may_pay_twice(batch) && batch->risk == RISK_NONE && !batch->is_proven &&
                    !circuit_check(tools->breaker, NULL);
    const struct submit_past past = {batch->n_tasks, batch->tries, may_risk};

    return submit_next(reply, &past);
}

static void submitted(void *arg, const struct openmart_reply *reply, const char *batch_id)
{
    struct batch *batch = arg;
    const struct batch_tools *tools = batch->tools;
    const struct circuit_submit submit = {batch->n_tasks, batch->probe};

    batch->call = NULL;
    log_submit(batch, reply, batch_id);
    circuit_record_submit(tools->breaker, &submit, reply);
    enum submit_next next = decide(batch, reply);
    if (next == SUBMIT_SPLIT || next == SUBMIT_RETRY || next == SUBMIT_WAIT ||
        next == SUBMIT_UNPAID)
        journal_mark_not_sent(tools->journal, batch->number);
    switch (next) { /* GCOVR_EXCL_BR_LINE: it has no other values */
    case SUBMIT_COLLECT:
        accepted(batch, batch_id);
        break;
    case SUBMIT_SPLIT:
        batch_split_rejected(batch, reply->detail);
        break;
    case SUBMIT_RETRY:
        back_off(batch, reply);
        break;
    case SUBMIT_WAIT:
        wait_for_permit(batch);
        break;
    case SUBMIT_UNPAID:
        wait_in(batch, BATCH_UNPAID);
        break;
    case SUBMIT_RISK:
        batch->risk = RISK_DUE;
        batch->lost = lost_submit_new(tools->lost_submits, batch->notify_token);
        back_off(batch, reply);
        break;
    case SUBMIT_END:
        batch_fail(batch, submit_end(reply));
        break;
    }
}

void batch_notify(struct batch *batch)
{
    if (batch->collector)
        collector_poll_now(batch->collector);
    else
        batch->is_proven = true;
}

bool batch_task_is_unsent(const struct task *task)
{
    const struct batch *batch = task->batch;

    if (task->phase != TASK_SUBMITTING)
        return task->phase == TASK_QUEUED;
    return batch->state == BATCH_INTENDING && batch->risk == RISK_NONE;
}

bool batch_is_listed(const struct batch *batch)
{
    const struct task *task;

    DL_FOREACH (batch->tasks, task)
        if (!task->is_listed)
            return false;
    return true;
}
