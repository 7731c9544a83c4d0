/* SPDX-License-Identifier: MIT */
/* engine.c - the engine's parts, its loop and its thread. */
#include "lookup/engine_state.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "client/transport.h"
#include "lookup/lists/bulks.h"
#include "lookup/lookups.h"
#include "lookup/recovery.h"
#include "store/calls.h"

#include <stdlib.h>
#include <string.h>

#define IDLE_MS 60000 /* longest sleep; only a bound, every event wakes the engine */

/* ---- start and stop ---- */

static void make_bulks(struct engine *engine, const struct engine_options *options)
{
    const struct batcher_options *batch = &options->batch;
    const struct bulks_options bulks = {
        .max = options->max_bulks,
        .window = batch->size * (size_t)batch->slots,
        .per_1000_s = batcher_list_rate(batch),
    };

    engine->bulks = bulks_new(engine, &bulks);
    engine->results.forgotten = bulks_forget;
    engine->results.forgotten_arg = engine->bulks;
}

static void make_core(struct engine *engine, const struct engine_options *options,
                      const struct engine_tools *tools)
{
    const struct clock *clock = &engine->clock;
    struct timers *timers = &engine->timers;

    engine->calls = store_calls_new(tools->store);
    store_calls_use_spool(engine->calls, tools->spool);
    engine->journal = journal_new(engine->calls, clock, timers);
    engine->results = (struct results){.options = options->results,
                                       .clock = clock,
                                       .cache = tools->cache,
                                       .store = tools->store,
                                       .calls = engine->calls,
                                       .journal = engine->journal};
    results_init(&engine->results, timers);
    make_bulks(engine, options);
    engine->budget = budget_new(options->credits_per_day, clock);
    engine->batcher =
        batcher_new(&options->batch, &(struct batcher_tools){clock, timers, tools->openmart,
                                                             engine->journal, engine->budget});
    engine->waiters.max = options->max_waiters;
    engine->recalls = recalls_new(&(struct recall_tools){
        clock, timers, engine->results.reads, &engine->waiters, engine_continue_request});
    engine->lookups = lookups_new(&(struct lookup_tools){
        clock, timers, &engine->results, engine->batcher, &engine->waiters, engine_end_request});
}

static void publish(struct engine *engine)
{
    struct journal_state journal = journal_state(engine->journal);
    struct budget_state budget = budget_state(engine->budget);
    struct batcher_stats batcher = batcher_stats(engine->batcher);
    struct lookup_stats lookups = lookups_stats(engine->lookups);
    const struct status status = {
        .store_usable = journal.is_usable,
        .journal_backlog = (int64_t)journal.backlog,
        .circuit = batcher.circuit,
        .paused = batcher.paused,
        .throttled = batcher.throttled,
        .blocked_by = batcher.stopped_by,
        .credits_spent = budget.spent,
        .credits_limit = budget.limit,
        .waiters = (int64_t)(lookups.waiters + recalls_count(engine->recalls)),
        .lookups = (int64_t)lookups.lookups,
        .queue_tasks = (int64_t)batcher.queued,
        .queue_oldest_ms = batcher.oldest_queued_ms,
        .batches = (int64_t)batcher.batches,
        .submits = (int64_t)batcher.submitting,
        .bulks = (int64_t)bulks_count(engine->bulks),
    };

    status_publish(&engine->board, &status);
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
    engine->raw_results =
        (struct raw_results){.timers = &engine->timers, .results = &engine->results};
    const struct recover_tools recovery = {.clock = &engine->clock,
                                           .store = tools->store,
                                           .results = &engine->results,
                                           .lookups = engine->lookups,
                                           .batcher = engine->batcher,
                                           .raw_results = &engine->raw_results};
    engine->resolver = resolver_new(
        &(struct resolver_tools){recovery, &engine->timers, tools->openmart, engine->budget,
                                 options->batch.lifetime_ms, &engine->n_notifications});
    err = recover(&recovery, ret_recovery);
    if (!err)
        err = budget_load(engine->budget, tools->store);
    if (err) {
        engine_free(engine);
        return err;
    }
    engine->maintenance = (struct maintenance){.clock = &engine->clock,
                                               .timers = &engine->timers,
                                               .store = tools->store,
                                               .calls = engine->calls,
                                               .results = &engine->results,
                                               .batcher = engine->batcher,
                                               .resolver = engine->resolver,
                                               .keep_expired_ms = options->keep_expired_ms};
    maintenance_start(&engine->maintenance);
    engine->balance = (struct upstream_balance){
        &engine->clock, &engine->timers, tools->openmart, options->balance_every_ms, {0}, NULL};
    upstream_balance_start(&engine->balance);
    publish(engine);
    *ret_engine = engine;
    return ERR_OK;
}

size_t engine_free(struct engine *engine)
{
    if (!engine)
        return 0;
    inbox_run_all(engine->inbox);   /* the last calls that the threads of the store have returned */
    store_calls_run(engine->calls); /* for requests that have ended since */
    raw_results_stop(&engine->raw_results);
    maintenance_stop(&engine->maintenance);
    upstream_balance_stop(&engine->balance);
    bulks_free(engine->bulks);
    resolver_free(engine->resolver);
    recalls_free(engine->recalls);
    lookups_free(engine->lookups);
    batcher_free(engine->batcher);
    size_t n_unwritten = journal_free(engine->journal);
    results_done(&engine->results);
    store_calls_free(engine->calls);
    budget_free(engine->budget);
    timers_done(&engine->timers);
    inbox_free(engine->inbox);
    free(engine);
    return n_unwritten;
}

/* ---- status ---- */

struct status engine_status(const struct engine *engine)
{
    return status_read(&engine->board);
}

const struct heartbeat *engine_heartbeat(const struct engine *engine)
{
    return &engine->heartbeat;
}

struct engine_store engine_store(const struct engine *engine, int64_t now_ms)
{
    struct store_health health = store_calls_health(engine->calls, now_ms);
    int64_t writes_ms = health.writes.busy_ms, reads_ms = health.reads.busy_ms;

    return (struct engine_store){
        .link = health.link,
        .lag_ms = writes_ms > reads_ms ? writes_ms : reads_ms,
        .pending = (int64_t)(health.writes.waiting + health.reads.waiting),
        .spool_pending = (int64_t)health.spool_pending,
    };
}

/* ---- the loop ---- */

/* Every thread's clock notices a jump; this is the one that logs it. */
static void turn_clock(struct engine *engine)
{
    if (clock_turn(&engine->clock))
        log_event(LOG_WARN, "clock_jumped", LOG_INT("seconds", engine->clock.jump_ms / 1000));
}

void engine_turn(struct engine *engine)
{
    turn_clock(engine);
    heartbeat_busy(&engine->heartbeat, engine->clock.now_ms);
    inbox_run_all(engine->inbox);
    transport_run(engine->transport);
    timers_run(&engine->timers, engine->clock.now_ms);
    store_calls_run(engine->calls);
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

    turn_clock(engine);
    heartbeat_idle(&engine->heartbeat, engine->clock.now_ms);
    int64_t left_ms = next - engine->clock.now_ms;
    return left_ms <= 0 ? 0 : left_ms < engine->idle_ms ? left_ms : engine->idle_ms;
}

static bool is_finished(const struct engine *engine)
{
    bool is_idle = batcher_slots_used(engine->batcher) == 0 &&
                   !journal_is_writing(engine->journal) && journal_is_written(engine->journal);

    return engine->stopping && (is_idle || engine->clock.now_ms >= engine->drain_until_ms);
}

static void *run(void *arg)
{
    struct engine *engine = arg;

    pthread_setname_np(pthread_self(), "engine");
    while (!is_finished(engine)) {
        transport_wait(engine->transport, inbox_fd(engine->inbox), sleep_ms(engine));
        engine_turn(engine);
    }
    /* Refreshes, which have no client, may be left. */
    recalls_drain(engine->recalls, ERR_DRAINING);
    lookups_drain(engine->lookups, ERR_DRAINING);
    heartbeat_stop(&engine->heartbeat);
    return NULL;
}

static enum err start_thread(struct engine *engine, struct errmsg *why)
{
    int reason = pthread_create(&engine->thread, NULL, run, engine);

    if (!reason)
        return ERR_OK;
    errmsg_set(why, "cannot create thread: %s", strerror(reason));
    while (!store_calls_stop(engine->calls, IDLE_MS)) /* they are idle */
        ;
    return ERR_SYSTEM;
}

enum err engine_start(struct engine *engine, struct errmsg *why)
{
    heartbeat_idle(&engine->heartbeat, engine->clock.now_ms);
    store_calls_run(engine->calls); /* what recovery has written */
    enum err err = store_calls_start(engine->calls, engine->inbox, why);

    return err ? err : start_thread(engine, why);
}

bool engine_join(struct engine *engine, int64_t within_ms)
{
    return thread_join_within(engine->thread, within_ms);
}

bool engine_stop_store(struct engine *engine, int64_t within_ms)
{
    return store_calls_stop(engine->calls, within_ms);
}

size_t engine_log_unwritten(const struct engine *engine)
{
    return journal_log_unwritten(engine->journal);
}
