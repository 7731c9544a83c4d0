/* SPDX-License-Identifier: MIT */
/* gauges.c - see gauges.h. */
#include "lookup/gauges.h"

#include "base/metrics.h"

void gauges_publish(const struct lookups *lookups, const struct batches *batches,
                    const struct journal *journal, struct budget *budget)
{
    struct metrics *metrics = metrics_mine();
    struct lookup_stats flight = lookups_stats(lookups);
    struct batches_stats waiting = batches_stats(batches);
    struct budget_state money = budget_state(budget);
    struct journal_state books = journal_state(journal);

    metrics_set(&metrics->lookups, flight.lookups);
    metrics_set(&metrics->waiters, flight.waiters);
    metrics_set(&metrics->queue_tasks, waiting.queued);
    metrics_set(&metrics->queue_oldest_ms, (uint64_t)waiting.oldest_queued_ms);
    metrics_set(&metrics->batches, waiting.batches);
    metrics_set(&metrics->stopped_by, waiting.stopped_by);
    metrics_set(&metrics->credits_spent, (uint64_t)money.spent);
    metrics_set(&metrics->credits_limit, (uint64_t)money.limit);
    metrics_set(&metrics->store_unusable, !books.is_usable);
    metrics_set(&metrics->journal_backlog, books.backlog);
}
