/* SPDX-License-Identifier: MIT */
/* engine_setup.c - see engine_setup.h. */
#include "daemon/engine_setup.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "daemon/store_opening.h"
#include "daemon/store_setup.h"
#include "lookup/recovery.h"

#include <errno.h>
#include <string.h>

#define FIRST_MS           INT64_C(3000) /* for a server, before the daemon listens without it */
#define CANCEL_MS          INT64_C(3000) /* for the last attempt to open the store */
#define MAX_QUEUED         10000
#define MAX_FINISHED       10000 /* finished lookups that /lookups/{id} serves from memory, */
#define MAX_FINISHED_BYTES ((size_t)16 << 20) /* and the size of their results */
#define JITTER_PERCENT     10

/* ---- options ---- */

static struct engine_options options_of(const struct config *c, struct secret *key, int64_t idle_ms)
{
    return (struct engine_options){
        .max_waiters = (size_t)c->max_waiters,
        .max_bulks = (size_t)c->max_bulks,
        .results = {.ttl_found_ms = c->ttl_found_ms,
                    .ttl_empty_ms = c->ttl_empty_ms,
                    .ttl_failed_ms = c->ttl_failed_ms,
                    .ttl_jitter_percent = JITTER_PERCENT,
                    .unknown_hold_ms = c->unknown_hold_ms,
                    .max_finished = MAX_FINISHED,
                    .max_finished_bytes = MAX_FINISHED_BYTES},
        .batch = {.size = (size_t)c->batch_size,
                  .linger_ms = c->batch_linger_ms,
                  .slots = (int)c->submit_slots,
                  .max_queued = MAX_QUEUED,
                  .lifetime_ms = c->batch_lifetime_ms,
                  .reads_per_second = (int)c->reads_per_second,
                  .retry_unknown = c->submit_retry_unknown,
                  .notify_url = c->notify_url,
                  .key = key},
        .credits_per_day = c->credits_per_day,
        .keep_expired_ms = c->stale_if_error_ms,
        .balance_every_ms = c->balance_every_ms,
        .idle_ms = idle_ms,
    };
}

static void log_recovery(const struct recovery *found)
{
    if (!found->resumed_batches && !found->unknown_batches && !found->held)
        return;
    log_event(found->unknown_batches ? LOG_WARN : LOG_INFO, "recovery_finished",
              LOG_INT("batches", found->resumed_batches), LOG_INT("tasks", found->resumed_tasks),
              LOG_INT("unknown_batches", found->unknown_batches),
              LOG_INT("unknown_tasks", found->unknown_tasks), LOG_INT("cooldowns", found->held));
}

/* ---- with an open store ---- */

static enum err explain(enum err err, struct errmsg *why)
{
    if (err == ERR_SYSTEM)
        errmsg_set(why, "engine: cannot create eventfd: %s", strerror(errno));
    else
        errmsg_set(why, "engine: cannot read or write the journal");
    return err;
}

static enum err open_store(struct engine_setup *setup, struct errmsg *why)
{
    enum err err = store_setup_open(setup->config, &setup->store, why);

    if (err)
        errmsg_prefix(why, "--store");
    return err;
}

static enum err restore(struct engine_setup *setup, struct engine **ret_engine, struct errmsg *why)
{
    struct engine_tools tools = setup->tools;
    struct recovery found;
    enum err err = store_setup_hand_in(setup->spool, setup->store, why);

    if (err)
        return err;
    tools.store = setup->store;
    tools.spool = setup->spool;
    err = engine_new(&setup->options, &tools, clock_real(), ret_engine, &found);
    if (err)
        return explain(err, why);
    log_recovery(&found);
    return ERR_OK;
}

static enum err start_engine(struct engine_setup *setup, struct errmsg *why)
{
    struct engine *engine;
    enum err err = restore(setup, &engine, why);

    if (err)
        return err;
    err = engine_start(engine, why);
    if (err) {
        engine_free(engine);
        errmsg_prefix(why, "engine");
        return err;
    }
    setup->started = engine;
    return ERR_OK;
}

/* On the thread that opens the store. */
static enum err attempt(void *arg, struct errmsg *why)
{
    struct engine_setup *setup = arg;
    enum err err = open_store(setup, why);

    if (err)
        return err;
    err = start_engine(setup, why);
    if (err)
        store_close(TAKE(setup->store));
    return err;
}

/* ---- the main thread ---- */

static void reload(const struct engine_setup *setup)
{
    engine_reload(setup->engine, &(struct engine_settings){setup->config->credits_per_day,
                                                           setup->config->stale_if_error_ms});
}

static void publish(struct engine_setup *setup)
{
    setup->engine = TAKE(setup->started);
    if (setup->engine && setup->is_outdated)
        reload(setup);
}

enum err engine_setup_begin(struct engine_setup *setup, struct errmsg *why)
{
    metrics_set(&metrics_mine()->bulks_max, (uint64_t)setup->config->max_bulks);
    if (!store_is_on_server(setup->config->store))
        return open_store(setup, why);
    enum err err = store_setup_check(setup->config, why); /* changes the environment */
    if (err)
        errmsg_prefix(why, "--store");
    else
        setup->spool = store_setup_open_spool(setup->config);
    return err;
}

static enum err await_store(struct engine_setup *setup, struct errmsg *why)
{
    enum err err = store_opening_start(attempt, setup, &setup->opening);

    if (err) {
        errmsg_set(why, "--store: cannot create thread: %s", strerror(errno));
        return err;
    }
    store_opening_await_first(setup->opening, FIRST_MS);
    return engine_setup_continue(setup, why);
}

enum err engine_setup_start(struct engine_setup *setup, struct errmsg *why)
{
    setup->options = options_of(setup->config, setup->key, setup->idle_ms);
    if (store_is_on_server(setup->config->store))
        return await_store(setup, why);
    enum err err = start_engine(setup, why);
    publish(setup);
    return err;
}

enum err engine_setup_continue(struct engine_setup *setup, struct errmsg *why)
{
    if (!setup->opening || !store_opening_is_over(setup->opening))
        return ERR_OK;
    enum err err = store_opening_end(TAKE(setup->opening), why);
    publish(setup);
    return err;
}

void engine_setup_reload(struct engine_setup *setup)
{
    setup->is_outdated = !setup->engine;
    if (setup->engine)
        reload(setup);
}

bool engine_setup_cancel(struct engine_setup *setup)
{
    if (!setup->opening)
        return true;
    if (!store_opening_cancel(setup->opening, CANCEL_MS))
        return false;
    setup->opening = NULL;
    publish(setup);
    return true;
}
