/* SPDX-License-Identifier: MIT */
/* engine.c - the loop, the inbox and the thread boundary: requests arrive as messages, outcomes
 * leave by callback.
 *
 * The life of a request: engine_lookup() posts it. The engine first looks for a stored result, in
 * the cache (another lookup may have ended since the worker looked) and in the store. If none
 * satisfies the request, it joins the lookup of its question. The end of the lookup, the deadline,
 * the client's departure or the drain, whichever comes first, ends the request, exactly once. */
#include "lookup/engine.h"

#include "base/mem.h"
#include "base/thread.h"
#include "lookup/maintenance.h"
#include "lookup/money/budget.h"
#include "lookup/money/upstream_balance.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define IDLE_MS 60000 /* longest sleep; only a bound, every event wakes the engine */

/* While draining, nothing is paid for and waiters keep waiting; once drained, no waiter is left. */
enum engine_stage { ENGINE_RUNNING, ENGINE_DRAINING, ENGINE_DRAINED };

struct engine {
    struct clock clock;
    struct timers timers;
    struct inbox *inbox;
    struct transport *transport;
    struct secret *key; /* may be NULL */
    struct housekeeping housekeeping;
    struct balance balance;
    struct journal *journal;
    struct budget *budget;
    struct batcher *batcher;
    struct lookups *lookups;
    struct lookup_request *requests; /* not ended, by ticket */
    atomic_uint_fast64_t next_ticket;
    enum engine_stage stage;
    int64_t drain_until_ms;
    struct timer patience;
    bool stopping;
    int64_t idle_ms;
    struct status_board board;
    pthread_t thread;
};

/* ---- start and stop ---- */

static void make_core(struct engine *engine, const struct engine_options *options,
                      const struct engine_tools *tools)
{
    const struct clock *clock = &engine->clock;
    struct timers *timers = &engine->timers;

    engine->journal = journal_new(tools->store, clock, timers);
    engine->budget = budget_new(options->credits_per_day, clock);
    engine->batcher =
        batcher_new(&options->batch, &(struct batcher_tools){clock, timers, tools->openmart,
                                                             engine->journal, engine->budget});
    const struct lookup_tools lookup = {clock,        timers,          tools->cache,
                                        tools->store, engine->journal, engine->batcher};
    engine->lookups = lookups_new(&options->lookup, &lookup);
}

static void publish(struct engine *engine)
{
    status_publish_metrics(engine->lookups, engine->batcher, engine->journal, engine->budget);
    status_publish(&engine->board, engine->lookups, engine->batcher, engine->journal,
                   engine->budget);
}

enum err engine_new(const struct engine_options *options, const struct engine_tools *tools,
                    struct clock clock, struct engine **ret_engine, struct recovery *ret_recovery)
{
    struct inbox *inbox;
    enum err err = inbox_new(&inbox);

    if (err)
        return err;
    struct engine *engine = xcalloc(1, sizeof *engine);
    engine->clock = clock;
    engine->inbox = inbox;
    engine->transport = tools->transport;
    engine->key = options->batch.key;
    engine->idle_ms = options->idle_ms ? options->idle_ms : IDLE_MS;
    atomic_init(&engine->next_ticket, 1);
    timers_init(&engine->timers);
    make_core(engine, options, tools);
    const struct recover_tools recovery = {&engine->clock, tools->store, engine->lookups,
                                           engine->batcher,
                                           options->lookup.results.unknown_hold_ms};
    err = recover(&recovery, ret_recovery);
    if (!err)
        err = budget_load(engine->budget, tools->store);
    if (err) {
        engine_free(engine);
        return err;
    }
    engine->housekeeping = (struct housekeeping){.clock = &engine->clock,
                                                 .timers = &engine->timers,
                                                 .store = tools->store,
                                                 .lookups = engine->lookups,
                                                 .batcher = engine->batcher,
                                                 .keep_expired_ms = options->keep_expired_ms};
    housekeeping_start(&engine->housekeeping);
    engine->balance = (struct balance){
        &engine->clock, &engine->timers, tools->openmart, options->balance_every_ms, {0}, NULL};
    balance_start(&engine->balance);
    status_publish(&engine->board, engine->lookups, engine->batcher, engine->journal,
                   engine->budget);
    *ret_engine = engine;
    return ERR_OK;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    assert(!engine->requests);
    housekeeping_stop(&engine->housekeeping);
    balance_stop(&engine->balance);
    lookups_free(engine->lookups);
    batcher_free(engine->batcher);
    journal_free(engine->journal);
    budget_free(engine->budget);
    timers_done(&engine->timers);
    inbox_free(engine->inbox);
    free(engine);
}

/* ---- requests ---- */

static void end_request(struct lookup_request *request, struct outcome outcome)
{
    const struct result *fallback = request->fallback;
    bool has_failed = outcome.err && outcome.err != ERR_STILL_PROCESSING;

    HASH_DEL(request->engine->requests, request);
    outcome.miss = request->miss;
    outcome.fallback = has_failed ? fallback : NULL;
    outcome.allowance = budget_allowance(request->engine->budget, &request->account);
    request->done(request, &outcome);
    result_unref(fallback);
}

static void waiter_done(struct waiter *waiter, const struct outcome *outcome)
{
    end_request(container_of(waiter, struct lookup_request, waiter), *outcome);
}

/* Ends the request with a stored result. Returns ERR_OK if it did, ERR_NO_ENTRY if no stored result
 * satisfies the request, ERR_STORAGE_UNAVAILABLE if the store cannot be read: then nothing may be
 * paid for either. */
static enum err serve_stored(struct lookup_request *request)
{
    struct engine *engine = request->engine;
    const struct result *stored;
    enum err err = lookup_recall(engine->lookups, request->question->key, &stored);

    if (err)
        return err;
    struct freshness verdict = freshness_judge(stored, &request->directives, &request->limits,
                                               request->asked_wall_ms, engine->clock.wall_ms);
    request->miss = verdict.reason;
    if (verdict.is_fallback)
        request->fallback = result_ref(stored);
    if (verdict.disposition == DISPOSITION_MISS)
        err = ERR_NO_ENTRY;
    else
        end_request(request, (struct outcome){.err = stored->err,
                                              .result = stored,
                                              .detail = stored->detail,
                                              .charged = stored->charged,
                                              .disposition = verdict.disposition});
    result_unref(stored);
    return err;
}

static void join(struct lookup_request *request)
{
    struct engine *engine = request->engine;
    struct outcome refusal;

    request->waiter = (struct waiter){.done = waiter_done,
                                      .deadline_ms = engine->clock.now_ms + request->wait_ms,
                                      .account = request->account,
                                      .no_store = request->directives.no_store};
    if (lookup_join(engine->lookups, request->question, &request->waiter, &refusal))
        end_request(request, refusal);
}

static void run_request(struct message *message)
{
    struct lookup_request *request = container_of(message, struct lookup_request, message);
    struct engine *engine = request->engine;

    HASH_ADD(hh, engine->requests, ticket, sizeof request->ticket, request);
    enum err err = serve_stored(request);
    if (err == ERR_NO_ENTRY && request->directives.only_cached)
        end_request(request, outcome_of(ERR_NOT_CACHED));
    else if (err == ERR_NO_ENTRY && engine->stage == ENGINE_DRAINED)
        end_request(request, outcome_of(ERR_DRAINING));
    else if (err == ERR_NO_ENTRY)
        join(request);
    else if (err)
        end_request(request, outcome_of(err));
}

void engine_lookup(struct engine *engine, struct lookup_request *request)
{
    request->engine = engine;
    request->ticket = atomic_fetch_add_explicit(&engine->next_ticket, 1, memory_order_relaxed);
    inbox_post(engine->inbox, &request->message, run_request);
}

struct prefetch {
    struct lookup_request request;
    struct question *question;
    char account[ACCOUNT_NAME_MAX + 1];
};

static void prefetch_started(struct lookup_request *request, const struct outcome *outcome)
{
    struct prefetch *prefetch = container_of(request, struct prefetch, request);

    (void)outcome;
    question_free(prefetch->question);
    free(prefetch);
}

void engine_prefetch(struct engine *engine, struct question *question,
                     const struct account_ref *account, int64_t asked_wall_ms)
{
    struct prefetch *prefetch = xcalloc(1, sizeof *prefetch);

    prefetch->question = question;
    snprintf(prefetch->account, sizeof prefetch->account, "%s", account->name);
    /* The wait ends immediately. The lookup continues, because such a client may ask again. */
    prefetch->request = (struct lookup_request){
        .question = question,
        .account = {prefetch->account, account->quota, account->weight},
        .wait_ms = 0,
        .directives = {.no_cache = true, .max_age_s = -1, .max_stale_s = -1},
        .asked_wall_ms = asked_wall_ms,
        .done = prefetch_started,
    };
    engine_lookup(engine, &prefetch->request);
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

    find->err = lookup_find(engine->lookups, find->id, &find->state);
    if (!find->err && find->state.result)
        result_ref(find->state.result);
}

void engine_forget_domain(struct engine *engine, struct engine_call *call)
{
    struct forget_domain_call *forget = container_of(call, struct forget_domain_call, call);

    forget->err = lookup_forget_domain(engine->lookups, forget->domain, &forget->n);
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
    const struct command *command = container_of(call, struct command, call);
    struct lookup_request *request;

    HASH_FIND(hh, engine->requests, &command->ticket, sizeof command->ticket, request);
    if (!request)
        return; /* it has ended already */
    lookup_leave(&request->waiter);
    end_request(request, outcome_of(ERR_CANCELLED));
}

void engine_abandon(struct engine *engine, uint64_t ticket)
{
    post_command(engine, abandon, (struct command){.ticket = ticket});
}

static void reload(struct engine *engine, struct engine_call *call)
{
    const struct command *command = container_of(call, struct command, call);

    if (engine->key)
        secret_refresh(engine->key);
    budget_set_limit(engine->budget, command->settings.credits_per_day);
    engine->housekeeping.keep_expired_ms = command->settings.keep_expired_ms;
    batcher_reset_circuit(engine->batcher);
    housekeeping_look_for_pause(&engine->housekeeping);
}

void engine_reload(struct engine *engine, const struct engine_settings *settings)
{
    post_command(engine, reload, (struct command){.settings = *settings});
}

static void set_paused(struct engine *engine, struct engine_call *call)
{
    housekeeping_set_paused(&engine->housekeeping,
                            container_of(call, struct command, call)->paused);
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
    engine->stage = ENGINE_DRAINING;
    engine->drain_until_ms =
        engine->clock.now_ms + container_of(call, struct command, call)->patience_ms;
    timer_arm(&engine->timers, &engine->patience, engine->drain_until_ms, patience_is_over);
    log_drain_started(engine->lookups);
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

bool engine_join(struct engine *engine, int64_t within_ms)
{
    return thread_join_within(engine->thread, within_ms);
}

/* ---- status ---- */

struct status engine_status(const struct engine *engine)
{
    return status_read(&engine->board);
}

const struct heartbeat *engine_heartbeat(const struct engine *engine)
{
    return &engine->board.heartbeat;
}

/* ---- the loop ---- */

void engine_turn(struct engine *engine)
{
    clock_turn(&engine->clock);
    heartbeat_busy(&engine->board.heartbeat, engine->clock.now_ms);
    inbox_run_all(engine->inbox);
    transport_run(engine->transport);
    timers_run(&engine->timers, engine->clock.now_ms);
    publish(engine);
}

int64_t engine_next_ms(const struct engine *engine)
{
    return timers_next_ms(&engine->timers);
}

struct clock *engine_clock(struct engine *engine)
{
    return &engine->clock;
}

static int64_t sleep_ms(struct engine *engine)
{
    int64_t next = timers_next_ms(&engine->timers);

    clock_turn(&engine->clock);
    heartbeat_idle(&engine->board.heartbeat, engine->clock.now_ms);
    int64_t left_ms = next - engine->clock.now_ms;
    return left_ms <= 0 ? 0 : left_ms < engine->idle_ms ? left_ms : engine->idle_ms;
}

static bool is_finished(const struct engine *engine)
{
    return engine->stopping && (batcher_submitting(engine->batcher) == 0 ||
                                engine->clock.now_ms >= engine->drain_until_ms);
}

static void *run(void *arg)
{
    struct engine *engine = arg;

    pthread_setname_np(pthread_self(), "engine");
    publish(engine); /* on this thread, which owns these metrics */
    while (!is_finished(engine)) {
        transport_wait(engine->transport, inbox_fd(engine->inbox), sleep_ms(engine));
        engine_turn(engine);
    }
    heartbeat_stop(&engine->board.heartbeat);
    return NULL;
}

enum err engine_start(struct engine *engine)
{
    heartbeat_idle(&engine->board.heartbeat, engine->clock.now_ms);
    errno = pthread_create(&engine->thread, NULL, run, engine);
    return errno ? ERR_SYSTEM : ERR_OK;
}
