/* SPDX-License-Identifier: MIT */
/* resolver.c - see resolver.h. Finds what a notify token belongs to; inquiry.c tries the ids. */
#include "lookup/resolver.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "lookup/batching/batcher.h"
#include "lookup/inquiry.h"
#include "lookup/money/budget.h"
#include "lookup/records/results.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define RESPONSES_AT_ONCE 20 /* searched per second, so that the engine is not delayed */

struct resolver {
    struct resolver_tools tools;
    struct store *store;
    struct batcher *batcher;
    struct inquiries inquiries;
    int64_t started_ms; /* wall time */
};

struct resolver *resolver_new(const struct resolver_tools *tools)
{
    struct resolver *resolver = xcalloc(1, sizeof *resolver);

    resolver->tools = *tools;
    resolver->store = tools->recovery.store;
    resolver->batcher = tools->recovery.batcher;
    resolver->started_ms = tools->recovery.clock->wall_ms;
    resolver->inquiries.tools.recovery = tools->recovery;
    resolver->inquiries.tools.timers = tools->timers;
    resolver->inquiries.tools.openmart = tools->openmart;
    resolver->inquiries.tools.limiter = batcher_read_limiter(tools->recovery.batcher);
    resolver->inquiries.tools.lifetime_ms = tools->lifetime_ms;
    return resolver;
}

void resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return;
    while (resolver->inquiries.first)
        inquiry_close(resolver->inquiries.first);
    free(resolver);
}

static struct inquiry *find(const struct resolver *resolver, const char *token)
{
    struct inquiry *inquiry;

    DL_FOREACH (resolver->inquiries.first, inquiry)
        if (strcmp(inquiry->token, token) == 0)
            return inquiry;
    return NULL;
}

/* A task is still open here if its batch has ended and the journal waits for the disk. */
static void note_lost(void *arg, const struct store_batch *batch)
{
    bool *is_lost = arg;

    for (size_t i = 0; i < batch->n; i++) {
        enum store_task_state state = batch->tasks[i].task_state;
        *is_lost = *is_lost || state == STORE_UNKNOWN || state == STORE_OPEN;
    }
}

/* Returns whether the token is of a batch without the result of a task. A stranger's token costs
 * one query of an index. */
static bool is_lost(const struct resolver *resolver, const char *token)
{
    bool is_lost = false;
    enum err err = store_find_batch(resolver->store, token, note_lost, &is_lost);

    return err == ERR_STORAGE_UNAVAILABLE ? find(resolver, token) != NULL : is_lost;
}

/* Adds the ids to the inquiry about that token; opens one if there is none, and an id to try. */
static void keep_ids(struct resolver *resolver, const char *token,
                     const struct openmart_found *found, const char *state)
{
    struct inquiry *inquiry = find(resolver, token);

    if (!inquiry && found->n)
        inquiry = inquiry_open(&resolver->inquiries, token, 0);
    log_event(LOG_INFO, "notify_received", LOG_STR("batch_state", state), LOG_INT("ids", found->n),
              LOG_BOOL("kept", inquiry != NULL));
    if (inquiry)
        inquiry_add(inquiry, found, "notification");
}

void resolver_notify(struct resolver *resolver, const char *token,
                     const struct openmart_found *found)
{
    enum batcher_notice notice = batcher_notify(resolver->batcher, token);
    bool is_known = notice != NOTICE_NOT_OURS || is_lost(resolver, token);
    enum metrics_notification outcome = notice == NOTICE_POLLED      ? NOTIFICATION_POLLED
                                        : notice == NOTICE_IN_FLIGHT ? NOTIFICATION_IN_FLIGHT
                                        : is_known                   ? NOTIFICATION_LOST
                                                                     : NOTIFICATION_IGNORED;

    metrics_add(&metrics_mine()->notifications[outcome], 1);
    if (outcome == NOTIFICATION_IN_FLIGHT)
        keep_ids(resolver, token, found, "submitting");
    else if (outcome == NOTIFICATION_LOST)
        keep_ids(resolver, token, found, "unknown");
}

/* ---- by stored responses ---- */

/* Returns the inquiry about that batch, a new one if there is none; NULL if there are too many. */
static struct inquiry *inquiry_of(struct resolver *resolver, const char *token, int64_t number)
{
    struct inquiry *inquiry;

    DL_FOREACH (resolver->inquiries.first, inquiry)
        if (inquiry->number == number)
            return inquiry;
    return inquiry_open(&resolver->inquiries, token, number);
}

static void search_response(void *arg, const struct store_batch *batch)
{
    struct resolver *resolver = arg;
    struct openmart_found found = {0};

    openmart_find_ids(batch->response, batch->response_len, &found);
    struct inquiry *inquiry =
        found.n ? inquiry_of(resolver, batch->notify_token, batch->number) : NULL;
    if (inquiry)
        inquiry_add(inquiry, &found, "response");
}

/* ---- by the operator ---- */

static void check_proposal(void *arg, const struct store_proposal *proposal)
{
    struct resolver *resolver = arg;
    struct inquiry *inquiry = inquiry_of(resolver, "", proposal->batch);

    if (!inquiry || inquiry_propose(inquiry, proposal->batch_id))
        return; /* it is looked at again in a second */
    store_drop_proposal(resolver->store, proposal->batch, proposal->batch_id);
    log_event(LOG_WARN, "proposal_rejected", LOG_STR("batch", proposal->batch_id));
}

static void note_not_taken(void *arg, const struct store_not_taken *task)
{
    const struct resolver *resolver = arg;

    budget_note_refund(resolver->tools.budget, task->client, task->day);
    results_restored(resolver->tools.recovery.results, task->key);
    metrics_add(&metrics_mine()->tasks_resolved, 1);
    log_event(LOG_INFO, "task_resolved", LOG_STR("outcome", "not-taken"),
              LOG_STR("by", "operator"));
}

void resolver_read_store(struct resolver *resolver)
{
    store_poll_not_taken(resolver->store, note_not_taken, resolver);
    store_each_proposal(resolver->store, check_proposal, resolver);
    store_take_responses(resolver->store, resolver->started_ms, RESPONSES_AT_ONCE, search_response,
                         resolver);
}
