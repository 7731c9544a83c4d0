/* SPDX-License-Identifier: MIT */
/* raw_results.c - see raw_results.h. A step reads rows, parses them, and writes what came of them
 * in one transaction. At the start, it waits for the store; later, both are calls. */
#include "lookup/raw_results.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "client/openmart/openmart_parse.h"
#include "lookup/records/results.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_STEPS  5
#define STEP_MS      INT64_C(200)
#define UNWRITTEN_MS INT64_C(60000)

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
    struct raw_step *step = arg;
    struct store_parsed *parsed = &step->parsed[step->n];
    struct openmart_task_answer answer = {0};

    snprintf(step->lookup_ids[step->n++], ID_TEXT, "%s", raw->lookup_id);
    *parsed = (struct store_parsed){.tracking_id = xstrdup(raw->tracking_id)};
    if (!openmart_parse_task(raw->body, raw->len, &answer) && is_understood(&answer.task, raw)) {
        parsed->result = result_of_raw(step->results, raw, &answer.task);
        step->n_understood++;
    }
    openmart_task_done(&answer);
}

static void drop(struct raw_step *step)
{
    for (size_t i = 0; i < step->n; i++) {
        free((char *)(uintptr_t)step->parsed[i].tracking_id);
        result_unref(step->parsed[i].result);
    }
    step->n = step->n_understood = 0;
}

/* Ends a step that has been written. Returns false if it was the last one. A result of the question
 * that is newer than the raw one is in the store, and memory may keep what it has. */
static bool apply(struct raw_results *raw_results)
{
    struct raw_step *step = &raw_results->step;
    size_t n = step->n;

    for (size_t i = 0; i < n; i++)
        if (step->parsed[i].is_stored)
            results_resolved(raw_results->results, step->parsed[i].result->key,
                             step->lookup_ids[i]);
    raw_results->n_understood += step->n_understood;
    raw_results->n_kept += n - step->n_understood;
    drop(step);
    raw_results->results->n_parsed = 0;
    return n == RAW_STEP_ROWS;
}

static void log_finished(const struct raw_results *raw_results)
{
    if (raw_results->n_understood || raw_results->n_kept)
        log_event(LOG_INFO, "raw_results_parsed", LOG_INT("understood", raw_results->n_understood),
                  LOG_INT("kept", raw_results->n_kept));
}

/* ---- steps by calls ---- */

static void step_is_due(struct timer *timer);

static void next_step(struct raw_results *raw_results, enum err err)
{
    timer_arm(raw_results->timers, &raw_results->timer,
              raw_results->results->clock->now_ms + (err ? UNWRITTEN_MS : STEP_MS), step_is_due);
}

static void write_step(struct raw_results *raw_results);

/* The store does not accept what was understood, and never will: the step is written as if nothing
 * was. The bytes stay for a later version, and the next rows are not kept back. If that is not
 * accepted either, nothing more is parsed. */
static void give_up(struct raw_results *raw_results, enum err err)
{
    struct raw_step *step = &raw_results->step;

    log_event(LOG_ERROR, "raw_results_not_stored", LOG_STR("error", err_words(err)),
              LOG_INT("understood", step->n_understood));
    raw_results->results->n_parsed = 0;
    if (step->n_understood == 0) {
        drop(step);
        log_finished(raw_results);
        return;
    }
    for (size_t i = 0; i < step->n; i++)
        result_unref(TAKE(step->parsed[i].result));
    step->n_understood = 0;
    write_step(raw_results);
}

/* If the store failed, it may have been written, and the rows are gone. So the same is written
 * again until it is known what is stored. */
static void written(struct store_call *call)
{
    struct raw_results *raw_results = container_of(call, struct raw_results, put.call);

    if (call->err && call->err != ERR_STORAGE_UNAVAILABLE)
        give_up(raw_results, call->err);
    else if (call->err || apply(raw_results))
        next_step(raw_results, call->err);
    else
        log_finished(raw_results);
}

/* Until it is known what is stored, a deletion with a precondition cannot be decided for these
 * questions. */
static void write_step(struct raw_results *raw_results)
{
    raw_results->results->parsed = raw_results->step.parsed;
    raw_results->results->n_parsed = raw_results->step.n;
    raw_results->put = (struct store_put_parsed_call){.call.done = written,
                                                      .parser = OPENMART_PARSER_VERSION,
                                                      .parsed = raw_results->step.parsed,
                                                      .n = raw_results->step.n};
    store_post_put_parsed(raw_results->results->calls, &raw_results->put);
}

static void rows_read(struct store_call *call)
{
    struct raw_results *raw_results = container_of(call, struct raw_results, read.call);

    for (size_t i = 0; i < raw_results->read.n && !call->err; i++)
        parse(&raw_results->step, &raw_results->read.rows[i]);
    arena_free(&raw_results->read.arena);
    if (call->err)
        next_step(raw_results, call->err);
    else if (raw_results->step.n)
        write_step(raw_results);
    else
        log_finished(raw_results);
}

/* While the journal has newer results queued, they are in memory only, and results_resolved() would
 * drop them. */
static void step_is_due(struct timer *timer)
{
    struct raw_results *raw_results = container_of(timer, struct raw_results, timer);

    if (journal_check(raw_results->results->journal)) {
        next_step(raw_results, ERR_STORAGE_UNAVAILABLE);
        return;
    }
    if (raw_results->step.n) {
        write_step(raw_results);
        return;
    }
    raw_results->read.call.done = rows_read;
    raw_results->read.parser = OPENMART_PARSER_VERSION;
    raw_results->read.limit = RAW_STEP_ROWS;
    store_post_read_raw(raw_results->results->calls, &raw_results->read);
}

/* ---- the first steps ---- */

static enum err take_step(struct raw_results *raw_results)
{
    struct store *store = raw_results->results->store;
    struct raw_step *step = &raw_results->step;
    enum err err = store_each_raw(store, OPENMART_PARSER_VERSION, RAW_STEP_ROWS, parse, step);

    if (err)
        drop(step);
    else if (step->n)
        err = store_put_parsed(store, OPENMART_PARSER_VERSION, step->parsed, step->n);
    return err;
}

void raw_results_start(struct raw_results *raw_results)
{
    enum err err = ERR_OK;
    bool has_more = true;

    raw_results->step.results = raw_results->results;
    for (int i = 0; i < FIRST_STEPS && has_more && !err; i++)
        if (!(err = take_step(raw_results)))
            has_more = apply(raw_results);
    if (err || has_more)
        next_step(raw_results, err);
    else
        log_finished(raw_results);
}

void raw_results_stop(struct raw_results *raw_results)
{
    timer_disarm(raw_results->timers, &raw_results->timer);
    drop(&raw_results->step);
}
