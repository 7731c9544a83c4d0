/* SPDX-License-Identifier: MIT */
/* recovery.c - see recovery.h. The store must not change while it is read, so batches to close are
 * collected first. */
#include "lookup/recovery.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "lookup/batching/batcher.h"
#include "lookup/lookups.h"
#include "lookup/raw_results.h"
#include "lookup/records/results.h"

#include <stdlib.h>

#define AGE_MAX_MS    INT64_C(604800000) /* a week: the longest lifetime of a batch */
#define UNSENT_DETAIL "the server stopped while submitting the lookup"

/* A batch to close. */
struct closing {
    int64_t number;
    bool unknown;
    bool refunds_last; /* see struct store_end */
};

struct reading {
    const struct recover_tools *tools;
    struct recovery found;
    struct closing *closing;
    size_t n_closing;
};

/* Returns the time since then, at most a week, by the wall clock, which may have jumped. */
static int64_t age_ms(const struct recover_tools *tools, int64_t then_ms)
{
    int64_t age_ms = tools->clock->wall_ms - then_ms;

    return age_ms < 0 ? 0 : age_ms > AGE_MAX_MS ? AGE_MAX_MS : age_ms;
}

size_t recover_batch(const struct recover_tools *tools, const struct store_batch *batch)
{
    struct task *open[OPENMART_BATCH_MAX];
    size_t n = 0;

    for (size_t i = 0; i < batch->n && n < OPENMART_BATCH_MAX; i++) {
        struct task *task =
            batch->tasks[i].task_state == STORE_OPEN
                ? lookups_adopt(tools->lookups, &batch->tasks[i], age_ms(tools, batch->intended_ms))
                : NULL;
        if (!task)
            continue;
        cooldown_end(tools->results->cooldowns, batch->tasks[i].key);
        open[n++] = task;
    }
    if (n > 0)
        batcher_resume(tools->batcher, batch, open, n);
    return n;
}

void recover_resolved(const struct recover_tools *tools, const struct store_batch *batch,
                      const char *by)
{
    size_t n = recover_batch(tools, batch);

    metrics_add(&metrics_mine()->batches_resolved, 1);
    log_event(LOG_INFO, "batch_resolved", LOG_STR("batch", batch->batch_id), LOG_INT("tasks", n),
              LOG_STR("by", by));
}

/* What was recorded before the start is part of what the start reads. */
static void ignore_not_taken(void *arg, const struct store_not_taken *task)
{
    (void)arg;
    (void)task;
}

/* Returns false if the batch has no open task to collect. */
static bool resume(struct reading *reading, const struct store_batch *batch)
{
    size_t n = recover_batch(reading->tools, batch);

    reading->found.resumed_batches += n > 0;
    reading->found.resumed_tasks += n;
    return n > 0;
}

static void close_later(struct reading *reading, const struct store_batch *batch, bool unknown)
{
    bool refunds_last = unknown && batch->state == STORE_RESTING;
    size_t n = reading->n_closing;

    reading->closing = xrealloc(reading->closing, (n + 1) * sizeof *reading->closing);
    reading->closing[reading->n_closing++] = (struct closing){batch->number, unknown, refunds_last};
    if (unknown) {
        reading->found.unknown_batches++;
        for (size_t i = 0; i < batch->n; i++)
            reading->found.unknown_tasks += batch->tasks[i].task_state == STORE_OPEN;
    } else {
        reading->found.closed_batches++;
    }
}

static void open_batch(void *arg, const struct store_batch *batch)
{
    struct reading *reading = arg;

    switch (batch->state) {
    case STORE_SUBMITTED:
        if (!resume(reading, batch))
            close_later(reading, batch, true);
        break;
    case STORE_SENDING:
        close_later(reading, batch, true);
        break;
    case STORE_RESTING:
        close_later(reading, batch, batch->risked); /* an earlier submit may have been accepted */
        break;
    case STORE_DONE:
        break;
    }
}

static enum err close_batches(struct reading *reading)
{
    struct store *store = reading->tools->store;
    int64_t wall_ms = reading->tools->clock->wall_ms;

    for (size_t i = 0; i < reading->n_closing; i++) {
        const struct closing *closing = &reading->closing[i];
        struct store_end end = {
            .state = STORE_NOT_CREATED, .err = ERR_DRAINING, .wall_ms = wall_ms};
        if (closing->unknown)
            end = (struct store_end){.state = STORE_UNKNOWN,
                                     .err = ERR_UPSTREAM_OUTCOME_UNKNOWN,
                                     .detail = UNSENT_DETAIL,
                                     .wall_ms = wall_ms,
                                     .refunds_last = closing->refunds_last};
        enum err err = store_end_batch(store, closing->number, &end);
        if (err)
            return err;
    }
    return ERR_OK;
}

static void unknown_task(void *arg, const struct store_task *task, const char *batch_id)
{
    struct reading *reading = arg;
    const struct results *results = reading->tools->results;
    int64_t left_ms =
        results_hold_ms(results, *task->task_id) - age_ms(reading->tools, task->ended_ms);

    (void)batch_id;
    if (left_ms <= 0)
        return;
    results_cool_down(results, task->key, task->err ? task->err : ERR_UPSTREAM_OUTCOME_UNKNOWN,
                      *task->detail ? task->detail : UNSENT_DETAIL, left_ms);
    reading->found.held++;
}

enum err recover(const struct recover_tools *tools, struct recovery *ret_recovery)
{
    struct reading reading = {.tools = tools};
    enum err err = store_poll_not_taken(tools->store, ignore_not_taken, NULL);

    if (!err)
        err = store_for_each_open_batch(tools->store, open_batch, &reading);
    if (!err)
        err = close_batches(&reading);
    if (!err) {
        raw_results_start(tools->raw_results); /* those that are understood are not unknown now */
        /* If the clock was set back, tasks may have ended in the future; they count as ended now.
         */
        err = store_each_unknown(tools->store,
                                 tools->clock->wall_ms - results_hold_ms(tools->results, true),
                                 COOLDOWNS_MAX, unknown_task, &reading);
    }
    free(reading.closing);
    if (!err)
        *ret_recovery = reading.found;
    return err;
}
