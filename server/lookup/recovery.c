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

#include <stdio.h>
#include <stdlib.h>

#define AGE_MAX_MS    INT64_C(604800000) /* a week: the longest lifetime of a batch */
#define UNSENT_DETAIL "the server stopped while submitting the lookup"
#define LEFT_OVER_DETAIL                                                                           \
    "the batch was resumed while another lookup of the question was in progress"

/* A batch to close. */
struct closing {
    int64_t number;
    bool unknown;
    bool refunds_last; /* see struct store_end */
};

/* Tasks to end because their question is in flight in another batch. */
struct left_over {
    char (*tracking_ids)[ID_TEXT];
    size_t n;
};

struct reading {
    const struct recover_tools *tools;
    struct recovery found;
    struct closing *closing;
    size_t n_closing;
    struct left_over left_over;
};

/* Returns the time since then, at most a week, by the wall clock, which may have jumped. */
static int64_t age_ms(const struct recover_tools *tools, int64_t then_ms)
{
    int64_t age_ms = tools->clock->wall_ms - then_ms;

    return age_ms < 0 ? 0 : age_ms > AGE_MAX_MS ? AGE_MAX_MS : age_ms;
}

static void leave_over(struct left_over *left_over, const char *tracking_id)
{
    left_over->tracking_ids = xrealloc(left_over->tracking_ids, (left_over->n + 1) * ID_TEXT);
    snprintf(left_over->tracking_ids[left_over->n++], ID_TEXT, "%s", tracking_id);
}

/* They may have been paid for. Otherwise their batch would stay open until the next start. */
static void end_left_over(const struct recover_tools *tools, const struct left_over *left_over)
{
    const struct task_end end = {
        .err = ERR_UPSTREAM_OUTCOME_UNKNOWN, .detail = LEFT_OVER_DETAIL, .charged = CHARGED_MAYBE};
    struct task task = {0};

    for (size_t i = 0; i < left_over->n; i++) {
        snprintf(task.tracking_id, sizeof task.tracking_id, "%s", left_over->tracking_ids[i]);
        journal_end_task(tools->results->journal, &task, &end, NULL);
    }
}

/* Resumes an open task. Returns NULL if it is in flight already, or is left over. */
static struct task *recover_task(const struct recover_tools *tools, const struct store_task *stored,
                                 int64_t age, struct left_over *left_over)
{
    struct task *task = lookups_adopt(tools->lookups, stored, age);
    struct lookup_progress unused;

    if (task)
        cooldown_end(tools->results->cooldowns, stored->key, stored->lookup_id);
    else if (!lookups_find(tools->lookups, stored->lookup_id, &unused))
        leave_over(left_over, stored->tracking_id);
    return task;
}

/* Polls the open tasks of a SUBMITTED batch. Returns their number. */
static size_t recover_batch(const struct recover_tools *tools, const struct store_batch *batch,
                            struct left_over *left_over)
{
    struct task *open[OPENMART_BATCH_MAX];
    size_t n = 0;

    for (size_t i = 0; i < batch->n && n < OPENMART_BATCH_MAX; i++)
        if (batch->tasks[i].task_state == STORE_OPEN &&
            (open[n] = recover_task(tools, &batch->tasks[i], age_ms(tools, batch->intended_ms),
                                    left_over)))
            n++;
    if (n > 0)
        batcher_resume(tools->batcher, batch, open, n);
    return n;
}

void recover_resolved(const struct recover_tools *tools, const struct store_batch *batch,
                      const char *by)
{
    struct left_over left_over = {0};
    size_t n = recover_batch(tools, batch, &left_over);

    metrics_add(&metrics_mine()->batches_resolved, 1);
    log_event(LOG_INFO, "batch_resolved", LOG_STR("batch", batch->batch_id), LOG_INT("tasks", n),
              LOG_STR("by", by));
    end_left_over(tools, &left_over);
    free(left_over.tracking_ids);
}

/* Returns false if the batch has no open task to collect. */
static bool resume(struct reading *reading, const struct store_batch *batch)
{
    size_t n_before = reading->left_over.n;
    size_t n = recover_batch(reading->tools, batch, &reading->left_over);

    if (n == 0)
        reading->left_over.n = n_before; /* the whole batch is closed */
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
    const struct cooldown_cause cause = {task->lookup_id,
                                         task->err ? task->err : ERR_UPSTREAM_OUTCOME_UNKNOWN,
                                         *task->detail ? task->detail : UNSENT_DETAIL};
    results_cool_down(results, task->key, &cause, left_ms);
    reading->found.held++;
}

/* Discards the tasks that were recorded as not taken before the start: it reads the same from the
 * tasks themselves, and from the accounts. A record whose task was deleted has only a number. */
static enum err discard_not_taken(struct store *store)
{
    struct arena arena = {0};
    struct store_news news = {0};
    enum err err;

    do {
        err = store_read_news(store, INT64_MIN, &arena, &news);
        const struct store_news read = {.last_not_taken = news.last_not_taken};
        if (!err && news.last_not_taken)
            err = store_confirm_news(store, &read);
    } while (!err && news.last_not_taken);
    arena_free(&arena);
    return err;
}

enum err recover(const struct recover_tools *tools, struct recovery *ret_recovery)
{
    struct reading reading = {.tools = tools};
    enum err err = discard_not_taken(tools->store);

    if (!err)
        err = store_for_each_open_batch(tools->store, open_batch, &reading);
    if (!err)
        err = close_batches(&reading);
    if (!err) {
        end_left_over(tools, &reading.left_over);
        raw_results_start(tools->raw_results); /* those that are understood are not unknown now */
        /* If the clock was set back, tasks may have ended in the future; they count as ended now.
         */
        err = store_each_unknown(tools->store,
                                 tools->clock->wall_ms - results_hold_ms(tools->results, true),
                                 COOLDOWNS_MAX, unknown_task, &reading);
    }
    free(reading.closing);
    free(reading.left_over.tracking_ids);
    if (!err)
        *ret_recovery = reading.found;
    return err;
}
