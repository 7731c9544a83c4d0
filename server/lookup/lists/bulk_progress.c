/* SPDX-License-Identifier: MIT */
/* bulk_progress.c - what is known about a bulk while it runs: counts, and estimates.
 *
 * The estimate assumes that each entry without a request needs a lookup, and that the upstream
 * takes them at the rate of the submit slots that a list may use, or of the reads, if that is
 * lower. The last one takes as long as recent lookups did. It is too long if many results are
 * known. */
#include "base/clock.h"
#include "lookup/lists/bulk_state.h"
#include "lookup/lookups.h"

#include <string.h>
#include <utlist.h>

#define RETRY_MAX_S 60
#define FREE_MIN_S  5
#define FREE_MAX_S  600

static int64_t now_ms(const struct bulk *bulk)
{
    return bulk->owner->engine->clock.now_ms;
}

/* Returns the estimated time from now until all entries have ended. */
static int64_t left_ms(const struct bulk *bulk)
{
    size_t n_open = bulk->n - bulk->n_ended, n_sent = 0;
    const struct bulk_lookup *lookup;
    int64_t started_ms = now_ms(bulk), rest_ms;

    if (n_open == 0)
        return 0;
    DL_FOREACH (bulk->lookups, lookup) {
        n_sent += lookup->phase == TASK_PROCESSING || lookup->phase == TASK_FETCHING;
        if (lookup->started_ms < started_ms)
            started_ms = lookup->started_ms;
    }
    /* Repetitions end with their first. */
    n_open = n_open < bulk->n_unique ? n_open : bulk->n_unique;
    size_t n_unsent = n_open > n_sent ? n_open - n_sent : 0;
    rest_ms = (int64_t)n_unsent * 1000000 / bulk->owner->options.per_1000_s;
    int64_t last_ms = lookups_expected_ms(bulk->owner->engine->lookups);
    if (!n_unsent)
        last_ms -= now_ms(bulk) - started_ms;
    return rest_ms + (last_ms > 1000 ? last_ms : 1000);
}

static int64_t mean(int64_t sum, size_t n)
{
    return n ? sum / (int64_t)n : 0;
}

static struct lookup_timing mean_timing(const struct bulk *bulk)
{
    const struct lookup_timing *sum = &bulk->timing;
    size_t n = bulk->n_timed;

    return (struct lookup_timing){.queue_ms = mean(sum->queue_ms, n),
                                  .submit_ms = mean(sum->submit_ms, n),
                                  .upstream_ms = mean(sum->upstream_ms, n),
                                  .read_ms = mean(sum->read_ms, n)};
}

static int clamp_s(int64_t ms, int min_s, int max_s)
{
    int64_t s = clock_ceil_s(ms);

    return s < min_s ? min_s : s > max_s ? max_s : (int)s;
}

static bool is_drained(const struct bulk *bulk)
{
    bool any = false;

    for (size_t i = 0; bulk->stop == ERR_DRAINING && !any && i < bulk->n; i++)
        any = bulk->records[i].err == ERR_DRAINING;
    return any;
}

struct bulk_progress bulk_progress_of(const struct bulk *bulk)
{
    int64_t rest_ms = bulk->is_over ? 0 : left_ms(bulk);
    int64_t elapsed_ms = (bulk->is_over ? bulk->ended_ms : now_ms(bulk)) - bulk->started_ms;
    struct bulk_progress progress = {
        .run = bulk->run,
        .state = bulk->state,
        .total = bulk->n,
        .unique = bulk->n_unique,
        .done = bulk->n_ended,
        .ok = bulk->n_ok,
        .failed = bulk->n_ended - bulk->n_ok,
        .charged_yes = bulk->n_charged[CHARGED_YES],
        .charged_maybe = bulk->n_charged[CHARGED_MAYBE],
        .is_drained = bulk->is_over && is_drained(bulk),
        .waiting_for = bulk->is_over ? ERR_OK : bulk_waits_for(bulk),
        .started_wall_ms = bulk->started_wall_ms,
        .ended_wall_ms = bulk->ended_wall_ms,
        .elapsed_ms = elapsed_ms,
        .expected_ms = elapsed_ms + rest_ms,
        .retry_after_s = bulk->is_over ? 0 : clamp_s(rest_ms, 1, RETRY_MAX_S),
        .timing = mean_timing(bulk),
    };

    memcpy(progress.id, bulk->id, sizeof progress.id);
    return progress;
}

int bulks_free_s(const struct bulks *bulks)
{
    int64_t least_ms = FREE_MAX_S * INT64_C(1000);
    const struct bulk *bulk;

    DL_FOREACH (bulks->kept, bulk)
        if (bulk->readers) /* that finish soon */
            least_ms = 0;
    DL_FOREACH (bulks->running, bulk) {
        int64_t ms = left_ms(bulk);
        if (ms < least_ms)
            least_ms = ms;
    }
    return clamp_s(least_ms, FREE_MIN_S, FREE_MAX_S);
}
