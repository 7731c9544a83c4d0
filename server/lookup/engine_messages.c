/* SPDX-License-Identifier: MIT */
/* engine_messages.c - the messages to the engine: any thread posts one by a function of engine.h,
 * and the engine's thread handles it here.
 *
 * The life of a request: engine_lookup() posts it. The engine first looks for a stored result, in
 * the cache (another lookup may have ended since the worker looked) and in the store. If none
 * satisfies the request, it joins the lookup of its question. The end of the lookup, the deadline,
 * the client's departure or the drain, whichever comes first, ends the request. */
#include "lookup/engine_state.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/secret.h"
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
    const struct result *fallback = request->fallback;
    bool has_failed = outcome->err && outcome->err != ERR_STILL_PROCESSING;
    struct outcome full = *outcome;

    full.miss = request->miss;
    full.fallback = has_failed ? fallback : NULL;
    full.allowance = budget_allowance(request->engine->budget, &request->account);
    request->done(request, &full);
    result_unref(fallback);
}

/* Ends the request with a stored result, and returns ERR_OK. Returns ERR_NO_ENTRY if no stored
 * result satisfies the request, ERR_STORAGE_UNAVAILABLE if the store cannot be read: then nothing
 * may be paid for either. */
static enum err serve_stored(struct lookup_request *request)
{
    struct engine *engine = request->engine;
    const struct result *stored;
    enum err err = results_find(&engine->results, request->question->key, &stored);

    if (err)
        return err;
    struct freshness verdict = freshness_judge(stored, &request->directives, &request->limits,
                                               request->asked_wall_ms, &engine->clock);
    request->miss = verdict.reason;
    if (verdict.is_fallback)
        request->fallback = result_ref(stored);
    if (verdict.disposition == DISPOSITION_MISS)
        err = ERR_NO_ENTRY;
    else
        engine_end_request(request, &(struct outcome){.err = stored->err,
                                                      .result = stored,
                                                      .detail = stored->detail,
                                                      .charged = stored->charged,
                                                      .disposition = verdict.disposition});
    result_unref(stored);
    return err;
}

static void run_request(struct message *message)
{
    struct lookup_request *request = container_of(message, struct lookup_request, message);
    struct engine *engine = request->engine;
    struct outcome outcome;

    enum err err = serve_stored(request);
    if (!err)
        return;
    if (err != ERR_NO_ENTRY)
        outcome = outcome_of(err);
    else if (request->directives.only_cached)
        outcome = outcome_of(ERR_NOT_CACHED);
    else if (engine->stage == ENGINE_DRAINED)
        outcome = outcome_of(ERR_DRAINING);
    else if (!lookups_join(engine->lookups, request, &outcome))
        return; /* it ends later */
    engine_end_request(request, &outcome);
}

void engine_lookup(struct engine *engine, struct lookup_request *request)
{
    request->engine = engine;
    request->ticket = atomic_fetch_add_explicit(&engine->next_ticket, 1, memory_order_relaxed);
    inbox_post(engine->inbox, &request->message, run_request);
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

/* ---- calls ---- */

static void return_call(struct message *message)
{
    struct engine_call *call = container_of(message, struct engine_call, message);

    call->done(call);
}

static void run_call(struct message *message)
{
    struct engine_call *call = container_of(message, struct engine_call, message);

    call->run(call->engine, call);
    if (call->reply_to)
        inbox_post(call->reply_to, &call->message, return_call);
    else
        free(call); /* a struct command */
}

void engine_post(struct engine *engine, struct engine_call *call)
{
    call->engine = engine;
    inbox_post(engine->inbox, &call->message, run_call);
}

void engine_find_lookup(struct engine *engine, struct engine_call *call)
{
    struct find_lookup_call *find = container_of(call, struct find_lookup_call, call);
    const char *domain = lookups_find(engine->lookups, find->id, &find->progress);

    find->err = ERR_OK;
    if (domain)
        snprintf(find->domain, sizeof find->domain, "%s", domain);
    else if ((find->result = results_find_lookup(&engine->results, find->id)))
        result_ref(find->result);
    else
        find->err = ERR_NOT_FOUND;
}

static enum err check_precondition(const struct results *results,
                                   const struct forget_domain_call *forget)
{
    const struct result *result = NULL;

    if (!precondition_is_given(&forget->precondition))
        return ERR_OK;
    enum err err = results_find(results, forget->key, &result);
    if (err && err != ERR_NO_ENTRY)
        return err;
    bool holds = precondition_holds(&forget->precondition, result, RESULT_FORMATS);
    result_unref(result);
    return holds ? ERR_OK : ERR_PRECONDITION_FAILED;
}

void engine_forget_domain(struct engine *engine, struct engine_call *call)
{
    struct forget_domain_call *forget = container_of(call, struct forget_domain_call, call);

    forget->err = check_precondition(&engine->results, forget);
    if (!forget->err)
        forget->err = results_forget_domain(&engine->results, forget->domain, &forget->n);
}

void engine_read_account(struct engine *engine, struct engine_call *call)
{
    struct account_call *read = container_of(call, struct account_call, call);

    read->account =
        budget_account(engine->budget, &(struct account_ref){read->name, read->quota, 1});
}

/* ---- commands ---- */

/* A call without a reply, on the heap. Each command uses one of the values. */
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
    engine_post(engine, &command->call);
}

static void abandon(struct engine *engine, struct engine_call *call)
{
    lookups_abandon(engine->lookups, container_of(call, struct command, call)->ticket);
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
    engine_post(engine, &sent->call);
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
    lookups_drain(engine->lookups, ERR_DRAINING);
}

static void drain(struct engine *engine, struct engine_call *call)
{
    int64_t patience_ms = container_of(call, struct command, call)->patience_ms;
    struct lookup_stats stats = lookups_stats(engine->lookups);

    engine->stage = ENGINE_DRAINING;
    engine->drain_until_ms = engine->clock.now_ms + patience_ms;
    timer_arm(&engine->timers, &engine->patience, engine->drain_until_ms, patience_is_over);
    log_event(LOG_INFO, "engine_drain_started", LOG_INT("waiters", stats.waiters),
              LOG_INT("lookups", stats.lookups),
              LOG_INT("cooldowns", cooldowns_count(engine->results.cooldowns)),
              LOG_INT("waiters_abandoned", stats.abandoned));
    batcher_drain(engine->batcher);
}

void engine_drain(struct engine *engine, int64_t patience_ms)
{
    post_command(engine, drain, (struct command){.patience_ms = patience_ms});
}

static void stop(struct engine *engine, struct engine_call *call)
{
    (void)call;
    engine->stopping = true;
}

void engine_stop(struct engine *engine)
{
    post_command(engine, stop, (struct command){0});
}
