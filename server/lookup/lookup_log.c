/* SPDX-License-Identifier: MIT */
/* lookup_log.c - see lookup_log.h. */
#include "lookup/lookup_log.h"

#include "base/log.h"
#include "base/metrics.h"

static void count(const struct task_end *end, const struct result *result)
{
    struct metrics *metrics = metrics_mine();

    if (end->err)
        metrics_add(&metrics->lookups_failed[err_row(end->err)->err], 1);
    else
        metrics_add(result->n_emails ? &metrics->lookups_found : &metrics->lookups_empty, 1);
    if (end->err == ERR_UPSTREAM_OUTCOME_UNKNOWN)
        metrics_add(&metrics->unknown_outcomes, 1);
}

void lookup_log_finished(const struct task *task, const struct task_end *end,
                         const struct result *result, int64_t took_ms, size_t waiters)
{
    const char *outcome = end->err ? err_row(end->err)->code : result->n_emails ? "found" : "empty";
    enum charged charged = end->err ? end->charged : CHARGED_YES;

    count(end, result);
    log_event(LOG_INFO, "lookup_finished", LOG_STR("lookup", task->lookup_id),
              LOG_STR("batch", end->batch_id), LOG_STR("domain", task->question->parts.domain),
              LOG_STR("client", task->payer.name), LOG_STR("outcome", outcome),
              LOG_STR("charged", charged_word(charged)), LOG_INT("ms", took_ms),
              LOG_INT("waiters", waiters));
}
