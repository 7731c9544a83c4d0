/* SPDX-License-Identifier: MIT */
/* engine_messages.c - the messages to the engine: any thread posts one by a function of engine.h,
 * and the engine's thread handles it here.
 *
 * The life of a request: engine_lookup() posts it. The engine first looks for a stored result, in
 * the cache (another lookup may have ended since the worker looked) and then in the store
 * (recalls.c). If none satisfies the request, it joins the lookup of its question. The end of the
 * lookup, the deadline, the client's departure or the drain, whichever comes first, ends the
 * request. */
#include "lookup/engine_state.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/secret.h"
#include "lookup/lists/bulks.h"
#include "lookup/lookup_watch.h"
#include "lookup/lookups.h"
#include "model/question.h"

#include <stdio.h>
#include <stdlib.h>

/* Notifications that wait, for the engine or for the store. Any client can send them, and each may
 * cost a query of the store. */
#define NOTIFICATIONS_MAX 64

/* ---- requests ---- */

void engine_end_request(struct lookup_request *request, const struct outcome *outcome)
{
    struct engine *engine = request->engine;
    const struct result *fallback = request->fallback;
    bool has_failed = outcome->err && outcome->err != ERR_STILL_PROCESSING;
    struct outcome full = *outcome;

    full.miss = request->miss;
    full.fallback = has_failed ? fallback : NULL;
    full.allowance = budget_allowance(engine->budget, &request->account);
    waiter_limit_release(&engine->waiters, request);
    if (outcome->err == ERR_CANCELLED && !request->is_listed) {
        engine->n_abandoned++;
        metrics_add(&metrics_mine()->waiters_abandoned, 1);
    }
    lookup_request_end_watches(request);
    request->done(request, &full);
    result_unref(fallback);
}

/* Ends the request with the stored result, and returns true, if that satisfies the request. */
static bool serve_stored(struct lookup_request *request, const struct result *stored)
{
    struct freshness verdict = freshness_judge(stored, &request->directives, &request->limits,
                                               request->asked_wall_ms, &request->engine->clock);

    request->miss = verdict.reason;
    if (verdict.is_fallback)
        request->fallback = result_ref(stored);
    if (verdict.disposition == DISPOSITION_MISS)
        return false;
    engine_end_request(request, &(struct outcome){.err = stored->err,
                                                  .result = stored,
                                                  .detail = stored->detail,
                                                  .charged = stored->charged,
                                                  .disposition = verdict.disposition});
    return true;
}

/* If the store cannot be read, nothing may be paid for either. */
void engine_continue_request(struct lookup_request *request, enum err err,
                             const struct result *stored)
{
    struct engine *engine = request->engine;
    struct outcome outcome;

    if (!err && serve_stored(request, stored))
        return;
    if (err && err != ERR_NO_ENTRY)
        outcome = (struct outcome){.err = err, .charged = CHARGED_NO};
    else if (request->directives.only_cached)
        outcome = outcome_of(ERR_NOT_CACHED);
    else if (engine->stage == ENGINE_DRAINED)
        outcome = outcome_of(ERR_DRAINING);
    else if (!lookups_join(engine->lookups, request, &outcome))
        return; /* it ends later */
    engine_end_request(request, &outcome);
}

/* Looks for a stored result, first in memory. */
static void run_request(struct lookup_request *request)
{
    struct engine *engine = request->engine;
    const unsigned char *key = request->question->key;
    const struct result *cached = cache_find(engine->results.cache, key);

    if (cached)
        engine_continue_request(request, ERR_OK, cached);
    else if (lookups_finds_first(engine->lookups, key))
        engine_continue_request(request, ERR_NO_ENTRY, NULL);
    else
        recalls_add(engine->recalls, request);
    result_unref(cached);
}

static void run_posted(struct message *message)
{
    run_request(container_of(message, struct lookup_request, message));
}

static void enter(struct engine *engine, struct lookup_request *request)
{
    request->engine = engine;
    request->ticket = atomic_fetch_add_explicit(&engine->next_ticket, 1, memory_order_relaxed);
}

void engine_lookup(struct engine *engine, struct lookup_request *request)
{
    enter(engine, request);
    inbox_post(engine->inbox, &request->message, run_posted);
}

void engine_lookup_now(struct engine *engine, struct lookup_request *request)
{
    enter(engine, request);
    run_request(request);
}

/* ---- refreshes ---- */

/* A request without a client. */
struct refresh {
    struct lookup_request request;
    struct question *question;
    char account[ACCOUNT_NAME_MAX + 1];
    const struct result *expired; /* owned reference; its refresh is claimed */
};

/* The wait has ended immediately; a lookup that was started or joined continues. */
static void refresh_is_started(struct lookup_request *request, const struct outcome *outcome)
{
    struct refresh *refresh = container_of(request, struct refresh, request);
    bool is_bought = outcome->err == ERR_STILL_PROCESSING && !outcome->collapsed;

    metrics_add(&metrics_mine()->cache_outcomes[is_bought ? CACHE_REFRESHING : CACHE_STALE], 1);
    if (outcome->err == ERR_QUOTA_EXCEEDED)
        result_unclaim_refresh(refresh->expired);
    result_unref(refresh->expired);
    question_free(refresh->question);
    free(refresh);
}

void engine_refresh(struct engine *engine, struct question *question,
                    const struct account_ref *account, const struct result *expired,
                    int64_t asked_wall_ms)
{
    struct refresh *refresh = xcalloc(1, sizeof *refresh);

    refresh->question = question;
    refresh->expired = result_ref(expired);
    snprintf(refresh->account, sizeof refresh->account, "%s", account->name);
    refresh->request = (struct lookup_request){
        .question = question,
        .account = {refresh->account, account->quota, account->weight},
        .directives = {.refresh = true, .max_age_s = -1, .max_stale_s = -1},
        .asked_wall_ms = asked_wall_ms,
        .done = refresh_is_started,
    };
    engine_lookup(engine, &refresh->request);
}

/* ---- commands ---- */

static void run_command(struct message *message)
{
    struct engine_call *call = container_of(message, struct engine_call, message);

    call->run(call->engine, call);
    free(call);
}

/* Sends a call on the heap that has no reply. */
static void post_without_reply(struct engine *engine, struct engine_call *call)
{
    call->engine = engine;
    inbox_post(engine->inbox, &call->message, run_command);
}

/* A call without a reply. Each command uses one of the values. */
struct command {
    struct engine_call call;
    uint64_t ticket;
    bool paused;
    int64_t patience_ms;
    struct engine_settings settings;
};

static void post_command(struct engine *engine, engine_call_fn *run, struct command values)
{
    struct command *command = xcalloc(1, sizeof *command);

    *command = values;
    command->call.run = run;
    post_without_reply(engine, &command->call);
}

void engine_abandon_now(struct engine *engine, uint64_t ticket)
{
    recalls_abandon(engine->recalls, ticket);
    lookups_abandon(engine->lookups, ticket);
}

static void abandon(struct engine *engine, struct engine_call *call)
{
    engine_abandon_now(engine, container_of(call, struct command, call)->ticket);
}

void engine_abandon(struct engine *engine, uint64_t ticket)
{
    post_command(engine, abandon, (struct command){.ticket = ticket});
}

/* ---- notifications ---- */

struct notification {
    struct engine_call call;
    char token[ID_TEXT];
    struct openmart_found found;
};

static void notified(struct engine *engine, struct engine_call *call)
{
    const struct notification *sent = container_of(call, struct notification, call);

    resolver_notify(engine->resolver, sent->token, &sent->found);
}

bool engine_notify(struct engine *engine, const char *token, const char *text, size_t len)
{
    unsigned before = atomic_fetch_add_explicit(&engine->n_notifications, 1, memory_order_relaxed);

    if (before >= NOTIFICATIONS_MAX) {
        atomic_fetch_sub_explicit(&engine->n_notifications, 1, memory_order_relaxed);
        metrics_add(&metrics_mine()->notifications[NOTIFICATION_REJECTED], 1);
        return false;
    }
    struct notification *sent = xcalloc(1, sizeof *sent);
    sent->call.run = notified;
    snprintf(sent->token, sizeof sent->token, "%s", token);
    openmart_find_ids(text, len, &sent->found);
    post_without_reply(engine, &sent->call);
    return true;
}

/* ---- settings and shutdown ---- */

static void reload(struct engine *engine, struct engine_call *call)
{
    const struct command *command = container_of(call, struct command, call);

    if (engine->key)
        secret_refresh(engine->key);
    budget_set_limit(engine->budget, command->settings.credits_per_day);
    engine->maintenance.keep_expired_ms = command->settings.keep_expired_ms;
    batcher_reset_circuit(engine->batcher);
    maintenance_read_pause(&engine->maintenance);
}

void engine_reload(struct engine *engine, const struct engine_settings *settings)
{
    post_command(engine, reload, (struct command){.settings = *settings});
}

static void set_paused(struct engine *engine, struct engine_call *call)
{
    maintenance_set_paused(&engine->maintenance, container_of(call, struct command, call)->paused);
}

void engine_set_paused(struct engine *engine, bool paused)
{
    post_command(engine, set_paused, (struct command){.paused = paused});
}

static void patience_is_over(struct timer *timer)
{
    struct engine *engine = container_of(timer, struct engine, patience);

    engine->stage = ENGINE_DRAINED;
    recalls_drain(engine->recalls, ERR_DRAINING);
    lookups_drain(engine->lookups, ERR_DRAINING);
}

static void drain(struct engine *engine, struct engine_call *call)
{
    int64_t patience_ms = container_of(call, struct command, call)->patience_ms;
    struct lookup_stats stats = lookups_stats(engine->lookups);

    engine->stage = ENGINE_DRAINING;
    engine->drain_until_ms = engine->clock.now_ms + patience_ms;
    timer_arm(&engine->timers, &engine->patience, engine->drain_until_ms, patience_is_over);
    log_event(LOG_INFO, "engine_drain_started",
              LOG_INT("waiters", stats.waiters + recalls_count(engine->recalls)),
              LOG_INT("lookups", stats.lookups),
              LOG_INT("cooldowns", cooldowns_count(engine->results.cooldowns)),
              LOG_INT("waiters_abandoned", engine->n_abandoned));
    batcher_drain(engine->batcher);
    bulks_drain(engine->bulks);
}

void engine_drain(struct engine *engine, int64_t patience_ms)
{
    post_command(engine, drain, (struct command){.patience_ms = patience_ms});
}

static void stop(struct engine *engine, struct engine_call *call)
{
    (void)call;
    engine->stopping = true;
    if (engine->stage != ENGINE_RUNNING)
        return;
    batcher_drain(engine->batcher); /* nothing is to be paid for after the loop */
    bulks_drain(engine->bulks);
}

void engine_stop(struct engine *engine)
{
    post_command(engine, stop, (struct command){0});
}
