/* SPDX-License-Identifier: MIT */
/* status.c - see status.h. Ten relaxed stores per loop iteration are cheaper than detecting
 * changes. */
#include "lookup/status.h"

#include "base/log.h"
#include "base/metrics.h"

#include <stdio.h>

#define PUT(field, value) atomic_store_explicit(&board->field, value, memory_order_relaxed)
#define GET(field)        atomic_load_explicit(&board->field, memory_order_relaxed)

void status_publish(struct status_board *board, const struct lookups *lookups,
                    const struct batcher *batcher, const struct journal *journal,
                    struct budget *budget)
{
    struct lookup_stats asked = lookups_stats(lookups);
    struct batcher_stats sent = batcher_stats(batcher);
    struct journal_state books = journal_state(journal);
    struct budget_state money = budget_state(budget);

    PUT(store_usable, books.is_usable);
    PUT(journal_backlog, books.backlog);
    PUT(circuit, (int)sent.circuit);
    PUT(paused, sent.paused);
    PUT(credits_spent, money.spent);
    PUT(credits_limit, money.limit);
    PUT(waiters, asked.waiters);
    PUT(lookups, asked.lookups);
    PUT(queue, sent.queued);
    PUT(submits, sent.submitting);
}

void status_publish_metrics(const struct lookups *lookups, const struct batcher *batcher,
                            const struct journal *journal, struct budget *budget)
{
    struct metrics *metrics = metrics_mine();
    struct lookup_stats flight = lookups_stats(lookups);
    struct batcher_stats waiting = batcher_stats(batcher);
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

void log_drain_started(const struct lookups *all, size_t cooldowns)
{
    struct lookup_stats stats = lookups_stats(all);
    char waiters[24], lookups[24], held[24], gone[24];

    snprintf(waiters, sizeof waiters, "%zu", stats.waiters);
    snprintf(lookups, sizeof lookups, "%zu", stats.lookups);
    snprintf(held, sizeof held, "%zu", cooldowns);
    snprintf(gone, sizeof gone, "%llu", (unsigned long long)stats.abandoned);
    log_event(LOG_INFO, "engine_drain_started", "waiters", waiters, "lookups", lookups, "cooldowns",
              held, "waiters_abandoned", gone, NULL);
}

struct status status_read(const struct status_board *board)
{
    return (struct status){.store_usable = GET(store_usable),
                           .journal_backlog = GET(journal_backlog),
                           .circuit = (enum err)GET(circuit),
                           .paused = GET(paused),
                           .credits_spent = GET(credits_spent),
                           .credits_limit = GET(credits_limit),
                           .waiters = GET(waiters),
                           .lookups = GET(lookups),
                           .queue = GET(queue),
                           .submits = GET(submits)};
}
