/* SPDX-License-Identifier: MIT */
/* lookups.c - the table of lookups in flight, by question.
 *
 * A lookup is in the table from the first join until it is dropped or delivered. When its task
 * ends, the end is recorded (lookup_ending.h). Once that is durable, or the store is known to be
 * unavailable, its requests are moved to a local list, and the lookup is freed. The requests end
 * last, so that one of them may start a lookup for the same question. */
#include "lookup/lookups.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "lookup/batching/batch.h"
#include "lookup/batching/batcher.h"
#include "lookup/batching/circuit_breaker.h"
#include "lookup/lookups_state.h"
#include "lookup/records/results.h"
#include "lookup/waiter_limit.h"
#include "model/question.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define REQUEST_LIMIT_DETAIL "the request's own limit (max_credits)"
#define FIRST_GUESS_MS       30000 /* first estimate of a lookup's time: the submit takes about 26 s */

/* Two results arrived for one tracking id. The lookup has ended with the first, which may still be
 * being stored. */
static void conflict(void *arg, const unsigned char key[HASH_SIZE])
{
    struct lookups *lookups = arg;

    results_invalidate(lookups->results, key, "the upstream sent two results for this lookup");
}

struct lookups *lookups_new(const struct lookup_tools *tools)
{
    struct lookups *lookups = xcalloc(1, sizeof *lookups);

    lookups->clock = tools->clock;
    lookups->timers = tools->timers;
    lookups->results = tools->results;
    lookups->batcher = tools->batcher;
    lookups->end = tools->end;
    lookups->waiters = tools->waiters;
    lookups->expected_ms[false] = lookups->expected_ms[true] = FIRST_GUESS_MS;
    batcher_on_conflict(tools->batcher, conflict, lookups);
    return lookups;
}

static void lookup_free(struct lookup *lookup)
{
    lookup_watches_end(lookup, ERR_NOT_FOUND, NULL);
    lookup_ending_done(&lookup->ending);
    question_free(lookup->question);
    free(lookup);
}

static void add_to_table(struct lookup *lookup)
{
    HASH_ADD_KEYPTR(hh, lookup->owner->table, lookup->question->key, HASH_SIZE, lookup);
    HASH_ADD_KEYPTR(hh_id, lookup->owner->by_id, lookup->id, ID_LEN, lookup);
}

static void remove_and_free(struct lookup *lookup)
{
    HASH_DEL(lookup->owner->table, lookup);
    HASH_DELETE(hh_id, lookup->owner->by_id, lookup);
    lookup_free(lookup);
}

void lookups_free(struct lookups *lookups)
{
    struct lookup *lookup, *next;

    if (!lookups)
        return;
    assert(!lookups->waiting);
    HASH_ITER (hh, lookups->table, lookup, next)
        remove_and_free(lookup);
    free(lookups);
}

/* ---- the lookups ---- */

/* A lookup of a list waits until single ones have left. So it has an average of its own, and one
 * that a single request has joined meanwhile has none. */
static void note_time(struct lookup *lookup, int64_t took_ms)
{
    int64_t *average_ms = &lookup->owner->expected_ms[lookup->was_listed];

    if (lookup->was_listed == lookup->task.is_listed)
        *average_ms += (took_ms - *average_ms) / 8;
}

static void deliver(struct lookup *lookup)
{
    struct lookups *lookups = lookup->owner;
    int64_t took_ms = lookups->clock->now_ms - lookup->started_ms;

    lookup_ending_conclude(&lookup->ending, took_ms, lookup->n_requests);
    struct outcome outcome = lookup->ending.outcome;
    const struct result *result = result_ref(outcome.result);
    outcome.timing = task_timing(&lookup->task, lookups->clock->now_ms);
    if (!outcome.err)
        note_time(lookup, took_ms);
    lookup_watches_end(lookup, ERR_OK, result);
    struct lookup_request *list = lookup_detach_all(lookup);
    remove_and_free(lookup);
    lookup_end_all(lookups, list, outcome);
    result_unref(result);
}

static void end_is_recorded(struct results_put *put)
{
    deliver(container_of(put, struct lookup, ending.put));
}

/* A lookup that was dropped unsent leaves no trace: nothing was paid. */
static void lookup_ended(struct task *task, const struct task_end *end)
{
    struct lookup *lookup = container_of(task, struct lookup, task);

    if (end->err == ERR_CANCELLED)
        remove_and_free(lookup);
    else if (!lookup_ending_begin(&lookup->ending, lookup->owner->results, task, end,
                                  end_is_recorded))
        deliver(lookup);
}

/* Creates a lookup that is not in the table yet. Takes ownership of the question. */
static struct lookup *lookup_new(struct lookups *lookups, struct question *question)
{
    struct lookup *lookup = xcalloc(1, sizeof *lookup);

    lookup->owner = lookups;
    lookup->question = question;
    lookup->started_ms = lookups->clock->now_ms;
    lookup->task = (struct task){.question = question,
                                 .lookup_id = lookup->id,
                                 .payer = {lookup->account, ACCOUNT_NO_QUOTA, 1},
                                 .done = lookup_ended,
                                 .moved = lookup_moved};
    return lookup;
}

/* Says whose credits are exhausted. */
static const char *credits_detail(const struct lookups *lookups)
{
    return batcher_stats(lookups->batcher).stopped_by == ERR_CREDITS_EXHAUSTED
               ? UPSTREAM_CREDITS_DETAIL
               : "the server has reached its own limit for this UTC day (--credits-per-day); it "
                 "did not ask the upstream";
}

/* Returns ERR_OK if this question may be paid for now; else fills *ret_refusal. */
static enum err check_cooldown(const struct lookups *lookups, const struct question *question,
                               struct outcome *ret_refusal)
{
    const char *detail;
    int64_t until_ms;
    enum err err = cooldown_check(lookups->results->cooldowns, question->key, &detail, &until_ms);

    if (err) {
        *ret_refusal = lookups_refusal(err, lookups_seconds_until(lookups, until_ms));
        ret_refusal->detail = detail;
        ret_refusal->charged = CHARGED_MAYBE;
    } else if (cooldowns_count(lookups->results->cooldowns) >= COOLDOWNS_MAX) {
        err = ERR_OVERLOADED;
        *ret_refusal = lookups_refusal(err, batcher_overloaded_s(lookups->batcher));
    }
    return err;
}

static enum err start(struct lookups *lookups, const struct lookup_request *request,
                      struct lookup **ret_lookup, struct outcome *ret_refusal)
{
    enum err err = check_cooldown(lookups, request->question, ret_refusal);
    /* With an older result to fall back on, a request does not wait for an open circuit. */
    int64_t wait_ms =
        request->fallback ? 0 : lookup_request_left_ms(request, lookups->clock->now_ms);
    int retry_after_s = 0;

    if (err)
        return err;
    struct lookup *lookup =
        lookup_new(lookups, question_restore(request->question->key, &request->question->parts));
    id_new(lookup->id);
    snprintf(lookup->account, sizeof lookup->account, "%s", request->account.name);
    lookup->is_first = request->miss == MISS_ABSENT;
    lookup->task.payer.quota = request->account.quota;
    lookup->task.payer.weight = request->account.weight;
    lookup->task.pays_once = request->pays_once;
    lookup->was_listed = lookup->task.is_listed = request->is_listed;
    err = batcher_add(lookups->batcher, &lookup->task, wait_ms, &retry_after_s);
    if (err) {
        *ret_refusal = lookups_refusal(err, retry_after_s);
        if (err == ERR_CREDITS_EXHAUSTED)
            ret_refusal->detail = credits_detail(lookups);
        lookup_free(lookup);
        return err;
    }
    add_to_table(lookup);
    *ret_lookup = lookup;
    return ERR_OK;
}

static struct lookup *find(const struct lookups *lookups, const unsigned char *key)
{
    struct lookup *lookup;

    HASH_FIND(hh, lookups->table, key, HASH_SIZE, lookup);
    return lookup;
}

bool lookups_finds_first(const struct lookups *lookups, const unsigned char key[HASH_SIZE])
{
    const struct lookup *lookup = find(lookups, key);

    return lookup && lookup->is_first;
}

/* Returns ERR_OK if the request may wait for a lookup, and start it; else fills *ret_refusal. */
static enum err check_request(struct lookups *lookups, struct lookup_request *request,
                              bool must_start, struct outcome *ret_refusal)
{
    const char *detail;

    if (must_start && request->never_starts) {
        *ret_refusal = lookups_refusal(ERR_CREDITS_EXHAUSTED, 0);
        ret_refusal->detail = REQUEST_LIMIT_DETAIL;
        return ERR_CREDITS_EXHAUSTED;
    }
    enum err err = waiter_limit_acquire(lookups->waiters, request, lookups->clock->now_ms, &detail);
    if (err) {
        /* On average, the next request of an account at its limit ends after half a lookup. */
        *ret_refusal = lookups_refusal(
            err, err == ERR_OVERLOADED ? batcher_overloaded_s(lookups->batcher)
                                       : (int)clock_ceil_s(lookups->expected_ms[false] / 2));
        ret_refusal->detail = detail;
    }
    return err;
}

/* Returns whether the lookup is to be dropped, unpaid, unless another request joins it: then it is
 * as if that request had started it. */
static bool is_unwanted(const struct lookup *lookup)
{
    return lookup->task.is_abandoned && batch_task_is_unsent(&lookup->task);
}

enum err lookups_join(struct lookups *lookups, struct lookup_request *request,
                      struct outcome *ret_refusal)
{
    struct lookup *lookup = find(lookups, request->question->key);
    bool collapsed = lookup && !is_unwanted(lookup);
    enum err err = check_request(lookups, request, !collapsed, ret_refusal);

    if (err)
        return err;
    if (!lookup && (err = start(lookups, request, &lookup, ret_refusal)))
        return err;
    if (!request->is_listed)
        batcher_promote(lookups->batcher, &lookup->task);
    lookup_attach(lookup, request, collapsed);
    if (collapsed)
        metrics_add(&metrics_mine()->lookups_coalesced, 1);
    return ERR_OK;
}

/* ---- recovery ---- */

struct task *lookups_adopt(struct lookups *lookups, const struct store_task *stored, int64_t age_ms)
{
    if (find(lookups, stored->key))
        return NULL;
    struct lookup *lookup = lookup_new(lookups, question_restore(stored->key, &stored->parts));
    snprintf(lookup->id, sizeof lookup->id, "%s", stored->lookup_id);
    snprintf(lookup->account, sizeof lookup->account, "%s", stored->client);
    snprintf(lookup->task.tracking_id, sizeof lookup->task.tracking_id, "%s", stored->tracking_id);
    lookup->started_ms -= age_ms;
    lookup->task.queued_ms = lookup->started_ms;
    lookup->task.timing.upstream_ms = age_ms;
    lookup->promised = true;
    add_to_table(lookup);
    return &lookup->task;
}

/* ---- status ---- */

struct lookup *lookups_by_id(const struct lookups *lookups, const char *id)
{
    struct lookup *lookup;

    HASH_FIND(hh_id, lookups->by_id, id, strlen(id), lookup);
    return lookup;
}

const char *lookups_find(const struct lookups *lookups, const char *id,
                         struct lookup_progress *ret_progress)
{
    const struct lookup *lookup = lookups_by_id(lookups, id);

    if (!lookup)
        return NULL;
    *ret_progress = lookup_progress(lookup);
    return lookup->question->parts.domain;
}

struct lookup_stats lookups_stats(const struct lookups *lookups)
{
    return (struct lookup_stats){HASH_COUNT(lookups->table),
                                 HASH_COUNT(lookups->waiting) - lookups->n_listed};
}
