/* SPDX-License-Identifier: MIT */
/* raw_results.c - see raw_results.h. The store must not change while it is read, so a step first
 * parses its rows and then writes them, in one transaction. */
#include "lookup/raw_results.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "client/openmart/openmart_parse.h"
#include "lookup/records/results.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#define STEP_ROWS    20
#define FIRST_STEPS  5
#define STEP_MS      INT64_C(200)
#define UNWRITTEN_MS INT64_C(60000)

/* One step. Owns the tracking ids and references to the results. */
struct step {
    const struct results *results;
    struct store_parsed parsed[STEP_ROWS];
    size_t n, n_understood;
};

/* A final state with a list of addresses, perhaps an empty one. The tracking id may be missing: the
 * bytes were assigned to the task when they were stored. */
static bool is_understood(const struct openmart_task *task, const struct store_raw *raw)
{
    bool is_ours = !*task->tracking_id || strcmp(task->tracking_id, raw->tracking_id) == 0;
    bool is_final = task->state == OPENMART_COMPLETED ||
                    (task->state == OPENMART_STATE_OTHER && task->n_emails > 0);

    return is_ours && is_final && !task->unreadable && (task->n_emails > 0 || task->n_dropped == 0);
}

static void parse(void *arg, const struct store_raw *raw)
{
    struct step *step = arg;
    struct store_parsed *parsed = &step->parsed[step->n++];
    struct openmart_task_answer answer = {0};

    *parsed = (struct store_parsed){.tracking_id = xstrdup(raw->tracking_id)};
    if (!openmart_parse_task(raw->body, raw->len, &answer) && is_understood(&answer.task, raw)) {
        parsed->result = result_of_raw(step->results, raw, &answer.task);
        step->n_understood++;
    }
    openmart_task_done(&answer);
}

static void drop(struct step *step)
{
    for (size_t i = 0; i < step->n; i++) {
        free((char *)(uintptr_t)step->parsed[i].tracking_id);
        result_unref(step->parsed[i].result);
    }
}

/* Returns ERR_NO_ENTRY if this was the last step. While the journal has newer results queued, they
 * are in memory only, and results_restored() would drop them. */
static enum err take_step(struct raw_results *raw_results)
{
    struct store *store = raw_results->results->store;
    struct step step = {.results = raw_results->results};
    enum err err = journal_check(raw_results->results->journal);

    if (!err)
        err = store_each_raw(store, OPENMART_PARSER_VERSION, STEP_ROWS, parse, &step);
    if (!err && step.n)
        err = store_put_parsed(store, OPENMART_PARSER_VERSION, step.parsed, step.n);
    for (size_t i = 0; i < step.n && !err; i++)
        if (step.parsed[i].result)
            results_restored(raw_results->results, step.parsed[i].result->key);
    drop(&step);
    if (err)
        return err;
    raw_results->n_understood += step.n_understood;
    raw_results->n_kept += step.n - step.n_understood;
    return step.n < STEP_ROWS ? ERR_NO_ENTRY : ERR_OK;
}

static void log_finished(const struct raw_results *raw_results)
{
    if (raw_results->n_understood || raw_results->n_kept)
        log_event(LOG_INFO, "raw_results_parsed", LOG_INT("understood", raw_results->n_understood),
                  LOG_INT("kept", raw_results->n_kept));
}

static void step_is_due(struct timer *timer);

/* Runs at most `steps`, and plans what is left. */
static void run(struct raw_results *raw_results, int steps)
{
    enum err err = ERR_OK;

    for (int i = 0; i < steps && !err; i++)
        err = take_step(raw_results);
    if (err == ERR_NO_ENTRY) {
        log_finished(raw_results);
        return;
    }
    timer_arm(raw_results->timers, &raw_results->timer,
              raw_results->results->clock->now_ms + (err ? UNWRITTEN_MS : STEP_MS), step_is_due);
}

static void step_is_due(struct timer *timer)
{
    run(container_of(timer, struct raw_results, timer), 1);
}

void raw_results_start(struct raw_results *raw_results)
{
    run(raw_results, FIRST_STEPS);
}

void raw_results_stop(struct raw_results *raw_results)
{
    timer_disarm(raw_results->timers, &raw_results->timer);
}
