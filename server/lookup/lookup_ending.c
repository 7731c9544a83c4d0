/* SPDX-License-Identifier: MIT */
/* lookup_ending.c - see lookup_ending.h. */
#include "lookup/lookup_ending.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "model/question.h"

#include <stdlib.h>
#include <string.h>

bool lookup_ending_begin(struct lookup_ending *ending, const struct results *results,
                         const struct task *task, const struct task_end *end,
                         void (*done)(struct results_put *put))
{
    ending->has_begun = true;
    ending->task = task;
    ending->batch_id = end->batch_id ? xstrdup(end->batch_id) : NULL;
    ending->outcome = (struct outcome){
        .err = end->err, .charged = end->charged, .retry_after_s = end->retry_after_s};
    if (end->err != ERR_DRAINING) /* a lookup that was not sent is unknown after the restart */
        memcpy(ending->outcome.lookup_id, task->lookup_id, ID_TEXT);
    ending->put.done = done;
    ending->put.result = result_of_task_end(results, task->question, end);
    return ending->is_waiting = results_put(results, &ending->put, task, end);
}

/* Logs and counts a lookup that has ended. Never logs an e-mail address that was found. */
static void log_finished(const struct lookup_ending *ending, int64_t took_ms, size_t n_waiters)
{
    const struct outcome *end = &ending->outcome;
    const struct task *task = ending->task;
    struct metrics *metrics = metrics_mine();
    const char *outcome = end->err                ? err_row(end->err)->code
                          : end->result->n_emails ? "found"
                                                  : "empty";
    enum charged charged = end->err ? end->charged : CHARGED_YES;

    if (end->err)
        metrics_add(&metrics->lookups_failed[err_row(end->err)->err], 1);
    else
        metrics_add(end->result->n_emails ? &metrics->lookups_found : &metrics->lookups_empty, 1);
    if (end->err == ERR_UPSTREAM_OUTCOME_UNKNOWN)
        metrics_add(&metrics->unknown_outcomes, 1);
    log_event(LOG_INFO, "lookup_finished", LOG_STR("lookup", task->lookup_id),
              LOG_STR("batch", ending->batch_id), LOG_STR("domain", task->question->parts.domain),
              LOG_STR("client", task->payer.name), LOG_STR("outcome", outcome),
              LOG_STR("charged", charged_word(charged)), LOG_INT("ms", took_ms),
              LOG_INT("waiters", n_waiters));
}

/* Returns the message for clients. That of a cooldown also says how long it lasts. */
static const char *detail_of(const struct results *results, const struct result *result)
{
    const char *detail;
    int64_t unused_ms;
    enum err err = cooldown_check(results->cooldowns, result->key, &detail, &unused_ms);

    return err && err == result->err ? detail : result->detail;
}

void lookup_ending_conclude(struct lookup_ending *ending, int64_t took_ms, size_t n_waiters)
{
    const struct results_put *put = &ending->put;

    ending->is_waiting = false;
    ending->outcome.err = put->result->err; /* the answer may have become untrusted meanwhile */
    if (put->result->err)
        ending->outcome.charged = put->result->charged;
    ending->outcome.result = put->result;
    ending->outcome.stored = put->is_cached;
    ending->outcome.detail = detail_of(put->results, put->result);
    log_finished(ending, took_ms, n_waiters);
}

void lookup_ending_done(struct lookup_ending *ending)
{
    if (!ending->has_begun)
        return;
    if (ending->is_waiting)
        results_cancel_put(&ending->put);
    result_unref(ending->put.result);
    free(ending->batch_id);
}
