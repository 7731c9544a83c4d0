/* SPDX-License-Identifier: MIT */
/* lookup_waiting.c - the requests that wait for a lookup: each ends with it, at its own deadline,
 * when its client leaves, or by the drain. */
#include "lookup/lookups_state.h"

#include "base/clock.h"
#include "base/mem.h"
#include "lookup/batching/batch.h"
#include "lookup/batching/batcher.h"
#include "lookup/lookup_promise.h"
#include "lookup/records/results.h"

#include <string.h>
#include <utlist.h>

int lookups_seconds_until(const struct lookups *lookups, int64_t until_ms)
{
    return (int)clock_ceil_s(until_ms - lookups->clock->now_ms);
}

int64_t lookups_expected_ms(const struct lookups *lookups, bool is_listed)
{
    return lookups->expected_ms[is_listed];
}

struct lookup_progress lookup_progress(const struct lookup *lookup)
{
    const struct lookups *lookups = lookup->owner;
    int64_t expected_ms = lookups_expected_ms(lookups, lookup->task.is_listed);
    int left_s = lookups_seconds_until(lookups, lookup->started_ms + expected_ms);

    left_s = left_s < 1 ? 1 : left_s > 60 ? 60 : left_s;
    return (struct lookup_progress){.phase = lookup->task.phase,
                                    .elapsed_ms = lookups->clock->now_ms - lookup->started_ms,
                                    .expected_ms = expected_ms,
                                    .retry_after_s = left_s,
                                    .timing = task_timing(&lookup->task, lookups->clock->now_ms)};
}

struct outcome lookups_refusal(enum err err, int retry_after_s)
{
    struct outcome outcome = outcome_of(err);

    outcome.retry_after_s = retry_after_s;
    return outcome;
}

static void detach(struct lookup_request *request)
{
    struct lookup *lookup = request->lookup;

    HASH_DEL(lookup->owner->waiting, request);
    DL_DELETE(lookup->requests, request);
    lookup->n_requests--;
    lookup->owner->n_listed -= request->is_listed;
    timer_disarm(lookup->owner->timers, &request->deadline);
    request->lookup = NULL;
}

/* Returns whether a lookup that the upstream has accepted is collected after a kill. */
static bool is_recorded(const struct lookups *lookups)
{
    return store_is_durable(lookups->results->store) &&
           journal_is_written(lookups->results->journal);
}

/* Returns whether a client that leaves now was or may be charged for the lookup. */
static enum charged charged_so_far(const struct lookup *lookup)
{
    if (lookup->ending.has_begun)
        return lookup->ending.outcome.err ? lookup->ending.outcome.charged : CHARGED_YES;
    return batch_task_is_unsent(&lookup->task) ? CHARGED_NO : CHARGED_MAYBE;
}

enum charged lookups_charged(const struct lookup_request *request)
{
    return !request->lookup || request->collapsed ? CHARGED_NO : charged_so_far(request->lookup);
}

static struct lookup_timing timing_of(const struct lookup *lookup)
{
    return task_timing(&lookup->task, lookup->owner->clock->now_ms);
}

/* Drops a lookup without requests, unless it was promised or its task has ended. */
static void drop_unwanted(struct lookup *lookup)
{
    if (!lookup->requests && !lookup->promised && !lookup->ending.has_begun)
        batcher_abandon(lookup->owner->batcher, &lookup->task); /* may free the lookup */
}

static struct outcome promise(const struct lookup *lookup)
{
    struct outcome outcome = outcome_of(ERR_STILL_PROCESSING);

    outcome.detail = lookup_promise(lookup->task.phase, is_recorded(lookup->owner));
    outcome.charged = charged_so_far(lookup);
    outcome.progress = lookup_progress(lookup);
    outcome.retry_after_s = outcome.progress.retry_after_s;
    memcpy(outcome.lookup_id, lookup->id, ID_TEXT);
    return outcome;
}

/* While the journal is unusable, only a lookup that was sent or promised continues. */
static void deadline_is_over(struct timer *timer)
{
    struct lookup_request *request = container_of(timer, struct lookup_request, deadline);
    struct lookup *lookup = request->lookup;
    struct lookups *lookups = lookup->owner;
    bool continues = lookup->promised || journal_state(lookups->results->journal).is_usable ||
                     !batch_task_is_unsent(&lookup->task);
    struct outcome outcome =
        continues ? promise(lookup) : lookups_refusal(ERR_STORAGE_UNAVAILABLE, JOURNAL_RETRY_S);

    outcome.collapsed = request->collapsed;
    outcome.timing = timing_of(lookup);
    lookup->promised = lookup->promised || continues;
    detach(request);
    drop_unwanted(lookup);
    lookups->end(request, &outcome);
}

static void request_has_moved(struct lookup_request *request)
{
    enum task_phase phase = request->lookup->task.phase;

    if (request->moved && phase != TASK_ENDED) /* its end follows */
        request->moved(request, phase);
    lookup_watches_check(request->watches);
}

void lookup_attach(struct lookup *lookup, struct lookup_request *request, bool collapsed)
{
    struct lookups *lookups = lookup->owner;

    request->lookup = lookup;
    lookup->task.is_abandoned = false; /* it may not have been dropped yet */
    request->collapsed = collapsed;
    request->deadline = (struct timer){0};
    DL_APPEND(lookup->requests, request);
    lookup->n_requests++;
    lookups->n_listed += request->is_listed;
    HASH_ADD(hh, lookups->waiting, ticket, sizeof request->ticket, request);
    timer_arm(lookups->timers, &request->deadline, request->wait_until_ms, deadline_is_over);
    request_has_moved(request);
}

void lookup_moved(struct task *task)
{
    struct lookup *lookup = container_of(task, struct lookup, task);
    struct lookup_request *request;

    DL_FOREACH (lookup->requests, request)
        request_has_moved(request);
    lookup_watches_check(lookup->watches);
}

struct lookup_request *lookups_find_request(const struct lookups *lookups, uint64_t ticket)
{
    struct lookup_request *request;

    HASH_FIND(hh, lookups->waiting, &ticket, sizeof ticket, request);
    return request;
}

void lookups_abandon(struct lookups *lookups, uint64_t ticket)
{
    struct outcome outcome = outcome_of(ERR_CANCELLED);
    struct lookup_request *request = lookups_find_request(lookups, ticket);

    if (!request)
        return;
    struct lookup *lookup = request->lookup;
    outcome.charged = charged_so_far(lookup);
    outcome.collapsed = request->collapsed;
    outcome.timing = timing_of(lookup);
    memcpy(outcome.lookup_id, lookup->id, ID_TEXT);
    detach(request);
    if (!outcome.charged && (lookup->requests || lookup->promised))
        outcome.charged = CHARGED_MAYBE; /* it continues, and its account pays */
    drop_unwanted(lookup);
    lookups->end(request, &outcome);
}

struct lookup_request *lookup_detach_all(struct lookup *lookup)
{
    struct lookup_request *list = NULL, *request;

    while ((request = lookup->requests)) {
        detach(request);
        DL_APPEND(list, request);
    }
    return list;
}

void lookup_end_all(struct lookups *lookups, struct lookup_request *list, struct outcome outcome)
{
    struct lookup_request *request, *next;

    DL_FOREACH_SAFE (list, request, next) {
        outcome.collapsed = request->collapsed;
        lookups->end(request, &outcome);
    }
}

void lookups_drain(struct lookups *lookups, enum err err)
{
    struct outcome outcome = outcome_of(err);
    struct lookup *lookup, *next;

    lookups->is_drained = true;
    HASH_ITER (hh, lookups->table, lookup, next) {
        outcome.charged = charged_so_far(lookup);
        outcome.detail = lookup_promise_at_stop(lookup->task.phase, is_recorded(lookups));
        outcome.timing = timing_of(lookup);
        memcpy(outcome.lookup_id, lookup->id, ID_TEXT);
        lookup_watches_end(lookup, err, NULL);
        lookup_end_all(lookups, lookup_detach_all(lookup), outcome);
    }
}
