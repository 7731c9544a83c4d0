/* SPDX-License-Identifier: MIT */
/* batch_results.c - see batch_results.h. */
#include "lookup/batching/batch_results.h"

#include "base/log.h"
#include "base/metrics.h"
#include "lookup/batching/batch_split.h"

#include <stdio.h>
#include <utlist.h>

/* Returns the order of the batch's reads: by its oldest single lookup, if it has one. Which id
 * belongs to which task is not known before it is read, so its listed tasks are read with it. */
static struct read_order order_of(const struct batch *batch)
{
    struct read_order order = {.is_listed = batch_is_listed(batch), .oldest_ms = INT64_MAX};
    const struct task *task;

    DL_FOREACH (batch->tasks, task)
        if (task->is_listed == order.is_listed && task->queued_ms < order.oldest_ms)
            order.oldest_ms = task->queued_ms;
    return order;
}

void batch_reorder_reads(struct batch *batch)
{
    if (batch->collector && batch->tasks)
        collector_reorder(batch->collector, order_of(batch));
}

/* Keeps a result that has no open task. It was paid for with this batch, and may be of a task whose
 * result never arrives. */
static enum result_owner keep_unmatched(struct batch *batch, const struct task_result *result)
{
    const char *tracking_id = result->task->tracking_id;
    const unsigned char *key = delivered_key(&batch->delivered, tracking_id);

    unmatched_add(&batch->unmatched, result);
    if (key && result->is_understood)
        batch->tools->conflict(batch->tools->conflict_arg, key);
    return key || !*tracking_id ? RESULT_UNNAMED : RESULT_FOREIGN;
}

static void log_unreadable(const struct task *task, const struct task_result *result)
{
    const struct openmart_reply reply = {.body = result->body, .body_len = result->body_len};
    char excerpt[OPENMART_EXCERPT_TEXT];

    openmart_excerpt(task->batch->tools->openmart, &reply, excerpt);
    metrics_add(&metrics_mine()->upstream_unreadable, 1);
    log_event(LOG_ERROR, "result_unreadable", LOG_STR("lookup", task->lookup_id),
              LOG_STR("batch", task->batch->id), LOG_STR("task", result->task_id),
              LOG_INT("bytes", result->body_len), LOG_STR("excerpt", excerpt));
}

static void end_by_result(struct task *task, const struct task_result *result)
{
    struct batch *batch = task->batch;
    bool was_listed = task->is_listed;
    const struct task_end end = result_end(result);

    if (result->is_understood)
        delivered_add(&batch->delivered, task->tracking_id, task->question->key);
    else
        log_unreadable(task, result);
    circuit_record_result(batch->tools->breaker, result->is_understood);
    batch_end_task(task, &end);
    if (!was_listed && batch_is_listed(batch)) /* the others can wait */
        batch_reorder_reads(batch);
}

static bool is_expected(void *arg, const struct task_result *result)
{
    const struct batch *batch = arg;

    return result_match(batch->tasks, batch->n_tasks, result) != NULL;
}

static void batch_is_ready(void *arg)
{
    struct batch *batch = arg;
    struct task *task;

    DL_FOREACH (batch->tasks, task)
        task_enter_phase(task, TASK_FETCHING, batch->tools->clock->now_ms);
}

static enum result_owner task_ended(void *arg, const struct task_result *result)
{
    struct batch *batch = arg;
    struct task *task = result_match(batch->tasks, batch->n_tasks, result);

    if (!task)
        return keep_unmatched(batch, result);
    end_by_result(task, result);
    return RESULT_OURS;
}

/* Ends tasks by results that have none. A result that names another task is one of ours only if
 * there are exactly as many as tasks. As long as more may come, nothing is assigned unless it is
 * all. Which belongs to which is unknown, unless there is one of each. */
static void end_unmatched(struct batch *batch, bool more_may_come)
{
    const struct unmatched *kept = &batch->unmatched;
    size_t n = !more_may_come && kept->n == batch->n_open ? kept->n : kept->n_nameless;
    bool is_only_one = batch->n_open == 1 && n == 1;

    if (more_may_come && n != batch->n_open)
        return;
    for (; n > 0 && batch->tasks; n--) {
        const struct task_result result = unmatched_first(kept, is_only_one);
        end_by_result(batch->tasks, &result);
        unmatched_drop_first(&batch->unmatched);
    }
}

static void collector_ended(void *arg, enum err err, const char *detail)
{
    struct batch *batch = arg;
    const struct task_end end = {.err = err, .detail = detail, .charged = CHARGED_MAYBE};

    batch->collector = NULL;
    if (err && err != ERR_LOOKUP_FAILED)
        end_unmatched(batch, err == ERR_UPSTREAM_OUTCOME_UNKNOWN);
    batch_end(batch, &end);
}

void batch_collect(struct batch *batch, const char *batch_id, int64_t submitted_ms)
{
    const struct collector_owner owner = {is_expected, batch_is_ready, task_ended, collector_ended,
                                          batch};
    const struct collector_batch accepted = {.id = batch_id,
                                             .n_tasks = batch->n_tasks,
                                             .order = order_of(batch),
                                             .submitted_ms = submitted_ms};

    snprintf(batch->id, sizeof batch->id, "%s", batch_id);
    batch_split_leave(batch, NULL);
    batch->collector = collector_start(&batch->tools->poll, &accepted, &owner);
}

void batch_resume(struct batch *batch, const struct store_batch *stored)
{
    batch->number = stored->number;
    if (*stored->notify_token)
        batch_set_token(batch, stored->notify_token);
    batch_collect(batch, stored->batch_id, batch->oldest_ms);
    batch_enter(batch, BATCH_COLLECTING);
}

void batch_add_ended(struct batch *batch, const struct store_task *ended)
{
    bool has_failed = ended->task_state == STORE_FAILED;

    batch->n_tasks++;
    if (ended->task_state == STORE_ANSWERED || has_failed)
        delivered_add(&batch->delivered, ended->tracking_id, ended->key);
    collector_skip(batch->collector, ended->task_id, has_failed);
}
