/* SPDX-License-Identifier: MIT */
/* engine.c - the loop, the mailbox and the border: asks come in by letter, ends go out by callback.
 *
 * The life of an ask: engine_ask() posts it; the engine opens it, looks once more into the cache
 * (another lookup may have ended since the worker looked), else joins the lookup of its question;
 * its end, its deadline, its leaving or the draining - whichever comes first - settles it, once. */
#include "lookup/engine.h"

#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define IDLE_MS 60000 /* longest sleep; only a bound, everything that happens wakes the engine */

struct engine {
    struct clock clock;
    struct timers timers;
    struct mailbox *inbox;
    struct cache *cache;
    struct transport *transport;
    struct secret *key; /* may be NULL */
    struct batches *batches;
    struct lookups *lookups;
    struct ask *asks; /* not settled, by number */
    atomic_uint_fast64_t next_number;
    bool draining, stopping;
    struct letter drain_letter, stop_letter;
    pthread_t thread;
};

/* A leaver's letter; on the heap because its ask may be gone before it is opened. */
struct leave {
    struct letter letter;
    struct engine *engine;
    uint64_t number;
};

enum err engine_new(const struct engine_options *options, struct clock clock, struct cache *cache,
                    struct openmart *openmart, struct transport *transport,
                    struct engine **ret_engine)
{
    struct mailbox *inbox;
    enum err err = mailbox_new(&inbox);

    if (err)
        return err;
    struct engine *engine = xcalloc(1, sizeof *engine);
    engine->clock = clock;
    engine->inbox = inbox;
    engine->cache = cache;
    engine->transport = transport;
    engine->key = options->batch.key;
    atomic_init(&engine->next_number, 1);
    timers_init(&engine->timers);
    engine->batches = batches_new(&options->batch, &engine->clock, &engine->timers, openmart);
    engine->lookups =
        lookups_new(&options->lookup, &engine->clock, &engine->timers, cache, engine->batches);
    *ret_engine = engine;
    return ERR_OK;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    assert(!engine->asks);
    lookups_free(engine->lookups);
    batches_free(engine->batches);
    timers_done(&engine->timers);
    mailbox_free(engine->inbox);
    free(engine);
}

/* ---- asks ---- */

static void settle(struct ask *ask, const struct outcome *outcome)
{
    HASH_DEL(ask->engine->asks, ask);
    ask->done(ask, outcome);
}

static void settle_with(struct ask *ask, enum err err)
{
    const struct outcome outcome = outcome_of(err);

    question_free(TAKE(ask->question));
    settle(ask, &outcome);
}

static void waiter_done(struct waiter *waiter, const struct outcome *outcome)
{
    settle(container_of(waiter, struct ask, waiter), outcome);
}

static bool settle_from_cache(struct ask *ask)
{
    struct engine *engine = ask->engine;
    const struct result *result = cache_find(engine->cache, ask->question->key);
    bool fresh = result && engine->clock.wall_ms < result->expires_ms &&
                 result->fetched_ms >= ask->not_before_ms;

    if (fresh) {
        const struct outcome outcome = {.err = result->err,
                                        .result = result,
                                        .detail = result->detail,
                                        .charged = result->charged,
                                        .from_cache = true};
        question_free(TAKE(ask->question));
        settle(ask, &outcome);
    }
    result_unref(result);
    return fresh;
}

static void open_ask(struct letter *letter)
{
    struct ask *ask = container_of(letter, struct ask, letter);
    struct engine *engine = ask->engine;

    HASH_ADD(hh, engine->asks, number, sizeof ask->number, ask);
    if (engine->draining) {
        settle_with(ask, ERR_DRAINING);
        return;
    }
    if (settle_from_cache(ask))
        return;
    struct outcome refusal;
    if (lookup_join(engine->lookups, TAKE(ask->question), ask->client,
                    engine->clock.now_ms + ask->wait_ms, waiter_done, &ask->waiter, &refusal))
        settle(ask, &refusal);
}

void engine_ask(struct engine *engine, struct ask *ask)
{
    ask->engine = engine;
    ask->number = atomic_fetch_add_explicit(&engine->next_number, 1, memory_order_relaxed);
    mailbox_post(engine->inbox, &ask->letter, open_ask);
}

static void open_leave(struct letter *letter)
{
    autofree struct leave *leave = container_of(letter, struct leave, letter);
    struct ask *ask;

    HASH_FIND(hh, leave->engine->asks, &leave->number, sizeof leave->number, ask);
    if (!ask)
        return; /* its end was faster */
    lookup_leave(&ask->waiter);
    settle_with(ask, ERR_GONE);
}

void engine_leave(struct engine *engine, uint64_t number)
{
    struct leave *leave = xcalloc(1, sizeof *leave);

    leave->engine = engine;
    leave->number = number;
    mailbox_post(engine->inbox, &leave->letter, open_leave);
}

/* ---- inquiries ---- */

static void open_inquiry(struct letter *letter)
{
    struct inquiry *inquiry = container_of(letter, struct inquiry, letter);
    struct lookup_state state;
    enum err err = lookup_find(inquiry->engine->lookups, inquiry->id, &state);

    inquiry->done(inquiry, err ? NULL : &state);
}

void engine_inquire(struct engine *engine, struct inquiry *inquiry)
{
    inquiry->engine = engine;
    mailbox_post(engine->inbox, &inquiry->letter, open_inquiry);
}

/* ---- the operator ---- */

/* On the heap, because a second reload may be asked for before the first was opened. */
struct reload {
    struct letter letter;
    struct engine *engine;
};

static void open_reload(struct letter *letter)
{
    autofree struct reload *reload = container_of(letter, struct reload, letter);
    struct engine *engine = reload->engine;

    if (engine->key)
        secret_refresh(engine->key);
    batches_open_gate(engine->batches);
}

void engine_reload(struct engine *engine)
{
    struct reload *reload = xcalloc(1, sizeof *reload);

    reload->engine = engine;
    mailbox_post(engine->inbox, &reload->letter, open_reload);
}

static void log_state(const struct engine *engine)
{
    struct lookup_stats stats = lookups_stats(engine->lookups);
    char waiters[24], lookups[24], held[24], gone[24];

    snprintf(waiters, sizeof waiters, "%zu", stats.waiters);
    snprintf(lookups, sizeof lookups, "%zu", stats.lookups);
    snprintf(held, sizeof held, "%zu", stats.held);
    snprintf(gone, sizeof gone, "%llu", (unsigned long long)stats.gone);
    log_event(LOG_INFO, "engine-draining", "waiters", waiters, "lookups", lookups, "held", held,
              "clients_gone", gone, NULL);
}

static void open_drain(struct letter *letter)
{
    struct engine *engine = container_of(letter, struct engine, drain_letter);

    engine->draining = true;
    log_state(engine);
    lookups_drain(engine->lookups, ERR_DRAINING);
}

void engine_drain(struct engine *engine)
{
    mailbox_post(engine->inbox, &engine->drain_letter, open_drain);
}

static void open_stop(struct letter *letter)
{
    container_of(letter, struct engine, stop_letter)->stopping = true;
}

void engine_stop(struct engine *engine)
{
    mailbox_post(engine->inbox, &engine->stop_letter, open_stop);
}

void engine_join(struct engine *engine)
{
    pthread_join(engine->thread, NULL);
}

/* ---- the loop ---- */

void engine_turn(struct engine *engine)
{
    clock_turn(&engine->clock);
    mailbox_open_all(engine->inbox);
    transport_run(engine->transport);
    timers_run(&engine->timers, engine->clock.now_ms);
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
    if (next <= engine->clock.now_ms)
        return 0;
    return next - engine->clock.now_ms < IDLE_MS ? next - engine->clock.now_ms : IDLE_MS;
}

static void *run(void *arg)
{
    struct engine *engine = arg;

    while (!engine->stopping) {
        transport_wait(engine->transport, mailbox_fd(engine->inbox), sleep_ms(engine));
        engine_turn(engine);
    }
    return NULL;
}

enum err engine_start(struct engine *engine)
{
    if (pthread_create(&engine->thread, NULL, run, engine) != 0)
        return ERR_SYSTEM;
    pthread_setname_np(engine->thread, "engine");
    return ERR_OK;
}
