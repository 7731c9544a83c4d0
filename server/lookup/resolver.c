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

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define UNCHECKED_MAX 64 /* inquiries whose token was not found yet */

struct resolver {
    struct resolver_tools tools;
    struct batcher *batcher;
    struct inquiries inquiries;
    int64_t last_not_taken; /* number of the last record that was applied */
    size_t n_searches;
};

/* A notification whose token is looked up in the store. */
struct search {
    struct resolver *resolver;
    char token[ID_TEXT];
    struct openmart_found found;
    struct store_read_batch_call call;
};

struct resolver *resolver_new(const struct resolver_tools *tools)
{
    struct resolver *resolver = xcalloc(1, sizeof *resolver);

    resolver->tools = *tools;
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
    assert(resolver->n_searches == 0);
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

/* Ends the handling of a notification. */
static void notified(struct resolver *resolver, const char *token,
                     const struct openmart_found *found, enum metrics_notification outcome)
{
    atomic_fetch_sub_explicit(resolver->tools.n_notifications, 1, memory_order_relaxed);
    metrics_add(&metrics_mine()->notifications[outcome], 1);
    if (outcome == NOTIFICATION_IN_FLIGHT)
        keep_ids(resolver, token, found, "submitting");
    else if (outcome == NOTIFICATION_LOST)
        keep_ids(resolver, token, found, "unknown");
}

/* Handles a notification whose batch is in memory. Returns false if the batch is not. */
static bool notify_batch(struct resolver *resolver, const char *token,
                         const struct openmart_found *found)
{
    enum batcher_notice notice = batcher_notify(resolver->batcher, token);

    if (notice == NOTICE_NOT_OURS)
        return false;
    notified(resolver, token, found,
             notice == NOTICE_POLLED ? NOTIFICATION_POLLED : NOTIFICATION_IN_FLIGHT);
    return true;
}

/* The token of such an inquiry may be a stranger's. They are few, so that strangers leave capacity
 * for the inquiries about tokens that are known. */
static bool may_open_unchecked(const struct resolver *resolver)
{
    const struct inquiry *inquiry;
    size_t n = 0;

    DL_FOREACH (resolver->inquiries.first, inquiry)
        n += inquiry->number == 0;
    return n < UNCHECKED_MAX;
}

/* Returns whether an inquiry about that token may wait until the store can be read. It ends then if
 * no batch has the token. */
static bool may_wait(const struct search *search)
{
    const struct resolver *resolver = search->resolver;

    return find(resolver, search->token) || (search->found.n > 0 && may_open_unchecked(resolver));
}

/* Returns whether the batch that was read has a task without a result. A task is still open there
 * if its batch has ended and the end is not stored yet. If the store cannot be read, that is not
 * known. */
static bool is_lost(const struct search *search)
{
    const struct store_batch *batch = &search->call.batch;
    bool is_lost = false;

    if (search->call.call.err == ERR_STORAGE_UNAVAILABLE)
        return may_wait(search);
    for (size_t i = 0; i < batch->n; i++)
        is_lost = is_lost || batch->tasks[i].task_state == STORE_UNKNOWN ||
                  batch->tasks[i].task_state == STORE_OPEN;
    return is_lost;
}

/* The batch may have been resumed since the call was posted. */
static void found_batch(struct store_call *call)
{
    struct search *search = container_of(call, struct search, call.call);
    struct resolver *resolver = search->resolver;

    resolver->n_searches--;
    if (!notify_batch(resolver, search->token, &search->found))
        notified(resolver, search->token, &search->found,
                 is_lost(search) ? NOTIFICATION_LOST : NOTIFICATION_IGNORED);
    arena_free(&search->call.arena);
    free(search);
}

/* A stranger's token costs one query of an index. The notifications that wait are limited, and so
 * are the searches. */
void resolver_notify(struct resolver *resolver, const char *token,
                     const struct openmart_found *found)
{
    if (notify_batch(resolver, token, found))
        return;
    struct search *search = xcalloc(1, sizeof *search);
    search->resolver = resolver;
    search->found = *found;
    snprintf(search->token, sizeof search->token, "%s", token);
    search->call.call.done = found_batch;
    search->call.notify_token = search->token;
    resolver->n_searches++;
    store_post_read_batch(resolver->tools.recovery.results->calls, &search->call);
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

static void search_response(struct resolver *resolver, const struct store_response *response)
{
    struct openmart_found found = {0};

    if (!response->is_lost)
        return;
    openmart_find_ids(response->bytes, response->len, &found);
    struct inquiry *inquiry =
        found.n ? inquiry_of(resolver, response->notify_token, response->batch) : NULL;
    if (inquiry)
        inquiry_add(inquiry, &found, "response");
}

/* ---- by the operator ---- */

/* Returns false if the upstream has rejected it. Otherwise it is looked at again in a second. */
static bool check_proposal(struct resolver *resolver, const struct store_proposal *proposal)
{
    struct inquiry *inquiry = inquiry_of(resolver, "", proposal->batch);

    if (!inquiry || inquiry_propose(inquiry, proposal->batch_id))
        return true;
    log_event(LOG_WARN, "proposal_rejected", LOG_STR("batch", proposal->batch_id));
    return false;
}

/* A record is read again if it could not be confirmed. */
static void note_not_taken(struct resolver *resolver, const struct store_not_taken *task)
{
    if (task->number <= resolver->last_not_taken)
        return;
    resolver->last_not_taken = task->number;
    budget_note_refund(resolver->tools.budget, task);
    results_resolved(resolver->tools.recovery.results, task->key, task->lookup_id);
    metrics_add(&metrics_mine()->tasks_resolved, 1);
    log_event(LOG_INFO, "task_resolved", LOG_STR("outcome", "not-taken"),
              LOG_STR("by", "operator"));
}

void resolver_read_news(struct resolver *resolver, const struct store_news *news,
                        struct arena *arena, struct store_confirm_news_call *confirm)
{
    struct store_proposal *rejected = NULL;
    size_t n = 0;

    for (size_t i = 0; i < news->n_not_taken; i++)
        note_not_taken(resolver, &news->not_taken[i]);
    for (size_t i = 0; i < news->n_proposals; i++) {
        if (check_proposal(resolver, &news->proposals[i]))
            continue;
        rejected = arena_grow(arena, rejected, n, sizeof *rejected);
        rejected[n++] = news->proposals[i];
    }
    for (size_t i = 0; i < news->n_responses; i++)
        search_response(resolver, &news->responses[i]);
    confirm->rejected = rejected;
    confirm->n_rejected = n;
}
