/* SPDX-License-Identifier: MIT */
/* lookup_log.c - see lookup_log.h. */
#include "lookup/lookup_log.h"

#include "base/log.h"
#include "base/metrics.h"

#include <stdio.h>

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
    char ms[24], n[24];

    count(end, result);
    snprintf(ms, sizeof ms, "%lld", (long long)took_ms);
    snprintf(n, sizeof n, "%zu", waiters);
    log_event(LOG_INFO, "lookup_finished", "lookup", task->lookup_id, "batch", end->batch_id,
              "domain", task->question->domain.name, "client", task->payer.name, "outcome", outcome,
              "charged", charged_word(charged), "ms", ms, "waiters", n, NULL);
}
