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
};

struct resolver *resolver_new(const struct resolver_tools *tools)
{
    struct resolver *resolver = xcalloc(1, sizeof *resolver);

    resolver->tools = *tools;
    resolver->store = tools->recovery.store;
    resolver->batcher = tools->recovery.batcher;
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

static void note_unknown(void *arg, const struct store_batch *batch)
{
    bool *any_unknown = arg;

    for (size_t i = 0; i < batch->n; i++)
        *any_unknown = *any_unknown || batch->tasks[i].task_state == STORE_UNKNOWN;
}

/* Returns whether the store has a batch with that token whose outcome is unknown. */
static bool is_lost(const struct resolver *resolver, const char *token)
{
    bool any_unknown = false;

    return !store_find_batch(resolver->store, token, note_unknown, &any_unknown) && any_unknown;
}

/* Adds the ids to the inquiry about that token, and opens it if there is none. */
static void keep_ids(struct resolver *resolver, const char *token,
                     const struct openmart_found *found, const char *state)
{
    struct inquiry *inquiry = find(resolver, token);

    if (!inquiry)
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
    bool is_known = notice != NOTICE_NOT_OURS || find(resolver, token) || is_lost(resolver, token);
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

static void search_response(void *arg, const struct store_batch *batch)
{
    struct resolver *resolver = arg;
    struct openmart_found found = {0};
    struct inquiry *inquiry;

    openmart_find_ids(batch->response, batch->response_len, &found);
    if (found.n == 0)
        return;
    DL_FOREACH (resolver->inquiries.first, inquiry)
        if (inquiry->number == batch->number)
            break;
    if (!inquiry)
        inquiry = inquiry_open(&resolver->inquiries, batch->notify_token, batch->number);
    if (inquiry)
        inquiry_add(inquiry, &found, "response");
}

/* ---- by the operator ---- */

static void resume(void *arg, const struct store_batch *batch)
{
    const struct resolver *resolver = arg;

    recover_resolved(&resolver->tools.recovery, batch, "operator");
}

static void resolved_elsewhere(void *arg, const struct store_resolved *resolved)
{
    struct resolver *resolver = arg;

    if (!resolved->key) {
        store_read_batch(resolver->store, resolved->batch, resume, resolver);
        return;
    }
    budget_note_refund(resolver->tools.budget, resolved->client, resolved->day);
    results_restored(resolver->tools.recovery.results, resolved->key);
    metrics_add(&metrics_mine()->tasks_resolved, 1);
    log_event(LOG_INFO, "task_resolved", LOG_STR("outcome", "not-taken"),
              LOG_STR("by", "operator"));
}

void resolver_read_store(struct resolver *resolver)
{
    store_poll_resolved(resolver->store, resolved_elsewhere, resolver);
    store_take_responses(resolver->store, OPENMART_FOUND_VERSION, RESPONSES_AT_ONCE,
                         search_response, resolver);
}
