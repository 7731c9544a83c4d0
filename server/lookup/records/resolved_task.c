/* SPDX-License-Identifier: MIT */
/* resolved_task.c - see resolved_task.h. */
#include "lookup/records/resolved_task.h"

#include "base/mem.h"
#include "model/freshness.h"

#include <stdio.h>

/* A failure is not cached: it would hide an older result, which the store does not replace. */
static void apply(const struct resolved_task *task)
{
    const struct results *results = task->results;
    const struct result *result = task->result;

    const struct cooldown_cause cause = {task->lookup_id, result->err, result->detail};

    if (result->err)
        results_cool_down(results, result->key, &cause, freshness_life_ms(result));
    else
        cooldown_end(results->cooldowns, result->key, task->lookup_id);
    finished_add(results->finished, task->lookup_id, result);
    reads_stored(results->reads, result->key);
    if (!result->err)
        cache_put(results->cache, result);
}

/* Notes whether it must be posted again; until then, deletions do not count. */
static void set_failed(struct resolved_task *task, bool has_failed)
{
    if (has_failed && !task->has_failed)
        task->results->n_repeated++;
    else if (!has_failed && task->has_failed)
        task->results->n_repeated--;
    task->has_failed = has_failed;
}

static void stored(struct store_call *call)
{
    struct resolved_task *task = container_of(call, struct resolved_task, call.call);

    set_failed(task, call->err == ERR_STORAGE_UNAVAILABLE);
    if (!call->err)
        apply(task);
    task->done(task, call->err);
}

void resolved_task_post(struct resolved_task *task, struct results *results,
                        const struct lost_task *lost, const struct task_end *end)
{
    task->results = results;
    task->result = result_of_task_end(results, lost->question, end);
    results->n_resolved++;
    snprintf(task->tracking_id, sizeof task->tracking_id, "%s", lost->tracking_id);
    snprintf(task->lookup_id, sizeof task->lookup_id, "%s", lost->lookup_id);
    snprintf(task->task_id, sizeof task->task_id, "%s", end->task_id);
    task->call = (struct store_resolve_task_call){
        .call.done = stored,
        .tracking_id = task->tracking_id,
        .end = {.state = journal_state_of(end),
                .task_id = task->task_id,
                .err = end->err,
                .detail = task->result->detail,
                .wall_ms = results->clock->wall_ms},
        .keep = task->result,
    };
    resolved_task_repeat(task);
}

void resolved_task_repeat(struct resolved_task *task)
{
    store_post_resolve_task(task->results->calls, &task->call);
}

void resolved_task_release(struct resolved_task *task)
{
    if (!task->result)
        return;
    set_failed(task, false);
    task->results->n_resolved--;
    result_unref(TAKE(task->result));
}
