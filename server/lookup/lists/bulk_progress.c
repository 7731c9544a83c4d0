/* SPDX-License-Identifier: MIT */
/* bulk_progress.c - what is known about a bulk while it runs: counts, and estimates.
 *
 * The estimate assumes that each entry without a request needs a lookup, as far as the bulk may
 * spend, and that the upstream takes them at the rate of the submit slots that a list may use, or
 * of the reads, if that is lower. The last one takes as long as recent lookups did. It is too long
 * if many results are known. */
#include "base/clock.h"
#include "lookup/lists/bulk_state.h"
#include "lookup/lookups.h"

#include <string.h>
#include <utlist.h>

#define ADVICE_MAX_S 60 /* when to ask for the progress again */
#define FREE_MIN_S   5
#define FREE_MAX_S   600
#define LAST_MIN_MS  INT64_C(1000) /* of the last entry */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The requests of a bulk. */
struct in_flight {
    size_t n_sent;      /* lookups that the upstream has accepted */
    size_t n_started;   /* others that may be paid for */
    bool any;           /* lookups */
    int64_t started_ms; /* the first of them */
};

static struct in_flight count_in_flight(const struct bulk *bulk)
{
    struct in_flight in_flight = {.started_ms = bulk_now_ms(bulk)};
    const struct bulk_lookup *lookup;

    DL_FOREACH (bulk->lookups, lookup) {
        bool is_sent = lookup->phase == TASK_PROCESSING || lookup->phase == TASK_FETCHING;
        in_flight.n_sent += is_sent;
        in_flight.n_started += !is_sent && lookup->may_pay;
        in_flight.any = in_flight.any || lookup->phase != TASK_IDLE;
        if (lookup->started_ms < in_flight.started_ms)
            in_flight.started_ms = lookup->started_ms;
    }
    return in_flight;
}

/* Returns how many lookups are still to be submitted, if no result is known. */
static size_t lookups_to_come(const struct bulk *bulk, const struct in_flight *in_flight)
{
    /* Repetitions end with their first. */
    size_t n_open = least(bulk->n - bulk->n_ended, bulk->n_unique);
    size_t n_unsent = n_open > in_flight->n_sent ? n_open - in_flight->n_sent : 0;
    bool may_start = !bulk->stopped_by && !bulk->list->directives.only_cached;
    size_t credits = may_start ? bulk_credits_left(bulk) : 0;

    return credits < n_unsent ? least(n_unsent, in_flight->n_started + credits) : n_unsent;
}

/* Returns the estimated time from now until all entries have ended. */
static int64_t left_ms(const struct bulk *bulk)
{
    struct in_flight in_flight = count_in_flight(bulk);
    size_t n = lookups_to_come(bulk, &in_flight);
    int64_t last_ms = 0;

    if (bulk->n_ended == bulk->n)
        return 0;
    if (n || in_flight.any)
        last_ms = lookups_expected_ms(bulk->owner->engine->lookups, true);
    if (!n)
        last_ms -= bulk_now_ms(bulk) - in_flight.started_ms;
    return (int64_t)n * 1000000 / bulk->owner->options.per_1000_s +
           (last_ms > LAST_MIN_MS ? last_ms : LAST_MIN_MS);
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

    for (size_t i = 0; bulk->stopped_by == ERR_DRAINING && !any && i < bulk->n; i++)
        any = bulk->records[i].err == ERR_DRAINING;
    return any;
}

struct bulk_progress bulk_progress_of(const struct bulk *bulk)
{
    int64_t rest_ms = bulk->is_over ? 0 : left_ms(bulk);
    int64_t elapsed_ms = (bulk->is_over ? bulk->ended_ms : bulk_now_ms(bulk)) - bulk->started_ms;
    const struct account_ref account = {.name = bulk->account, .quota = bulk->quota};
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
        .has_lookups = bulk->has_lookups,
        .phase = bulk->lookups ? bulk->lookups->phase : TASK_IDLE,
        .waiting_for = bulk->is_over ? ERR_OK : bulk_waits_for(bulk),
        .started_wall_ms = bulk->started_wall_ms,
        .ended_wall_ms = bulk->ended_wall_ms,
        .elapsed_ms = elapsed_ms,
        .expected_ms = elapsed_ms + rest_ms,
        .retry_after_s = bulk->is_over ? 0 : clamp_s(rest_ms, 1, ADVICE_MAX_S),
        .timing = mean_timing(bulk),
        .allowance = budget_allowance(bulk->owner->engine->budget, &account),
    };

    memcpy(progress.id, bulk->id, sizeof progress.id);
    return progress;
}

int bulks_retry_after_s(const struct bulks *bulks)
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
