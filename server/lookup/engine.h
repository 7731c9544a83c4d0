/* SPDX-License-Identifier: MIT */
/* engine.h - the one thread that owns all that changes: lookups, waiters, batches, deadlines,
 * money.
 *
 * Other threads ask through its inbox and hear back through the function they gave. Inside, it is
 * plain single-threaded C: a turn opens the messages, moves the transfers and fires the timers that
 * are due, all at one instant of its clock. Tests run the turns themselves on a fake clock. */
#ifndef LOOKUP_ENGINE_H
#define LOOKUP_ENGINE_H

#include "base/clock.h"
#include "base/err.h"
#include "base/heartbeat.h"
#include "base/id.h"
#include "base/inbox.h"
#include "cache/cache.h"
#include "client/openmart/openmart.h"
#include "client/transport.h"
#include "lookup/batching/batcher.h"
#include "lookup/batching/fair_queue.h"
#include "lookup/lookups.h"
#include "lookup/recovery.h"
#include "lookup/status.h"
#include "model/question.h"
#include "model/result.h"
#include "store/store.h"

#include "base/hashtable.h"
#include <stdint.h>

struct engine;
struct lookup_request;

/* Engine thread; exactly once per engine_lookup(). The ask is the asker's again from here on, and
 * may be freed inside. `outcome` is borrowed for the call (result_ref() its result to keep it). */
typedef void lookup_done_fn(struct lookup_request *ask, const struct outcome *outcome);

/* Will this result do, which is kept for the question? Engine thread; at most once per ask, before
 * its `done`. `wall_ms` is the engine's. */
typedef bool lookup_takes_fn(struct lookup_request *ask, const struct result *kept,
                             int64_t wall_ms);

/* One question of one asker, embedded in the asker's own struct. The engine's from engine_lookup()
 * until `done` runs. */
struct lookup_request {
    /* Handed over with the ask. Given back when the outcome is `from_cache`, else NULL afterwards.
     */
    struct question *question;
    int64_t wait_ms;          /* how long the asker may be held, from the moment of asking */
    struct account_ref payer; /* who asks */
    bool only_kept; /* nothing may be bought: ERR_NOT_CACHED when what is kept will not do */
    bool no_store;  /* see struct waiter */
    lookup_takes_fn *takes;
    lookup_done_fn *done;
    uint64_t number; /* set by engine_lookup(), never used twice; what engine_abandon() takes */
    /* The engine's: */
    struct engine *engine;
    struct waiter waiter;
    struct message message;
    UT_hash_handle hh;
};

struct engine_options {
    struct lookup_options lookup;
    struct batcher_options batch;
    int64_t credits_per_day;  /* 0 = no limit */
    int64_t keep_expired_ms;  /* how long an expired answer stays in the store */
    int64_t balance_every_ms; /* how often the vendor's balance is read; 0 = never */
    int64_t idle_ms;          /* the loop turns at least this often; 0 = when there is something */
};

/* What the engine works with; borrowed for its life. */
struct engine_tools {
    struct cache *cache;
    struct store *store;
    struct openmart *openmart;
    struct transport *transport;
};

/* Goes on where the journal in the store stopped; *ret_recovery says what was found there. `clock`
 * is the engine's from now on. ERR_SYSTEM, or recover()'s. */
enum err engine_new(const struct engine_options *options, const struct engine_tools *tools,
                    struct clock clock, struct engine **ret_engine, struct recovery *ret_recovery);

/* After engine_join(); in tests, where no thread was started, at any time. Every ask must have been
 * answered. */
void engine_free(struct engine *engine);

/* Starts and ends the thread. engine_stop() (any thread, once, after engine_drain()) ends it as
 * soon as every message posted before is opened and no submit is under way any more, for one that
 * is cut off is paid for and unknown; but not later than the patience of the drain. engine_join()
 * waits for that, for `within_ms` at most: true when the thread has ended. ERR_SYSTEM when there
 * can be no thread. */
enum err engine_start(struct engine *engine);
void engine_stop(struct engine *engine);
bool engine_join(struct engine *engine, int64_t within_ms);

/* Any thread, from engine_new() to engine_free(): how it stands, and whether its loop turns. */
struct status engine_status(const struct engine *engine);
const struct heartbeat *engine_heartbeat(const struct engine *engine);

/* Any thread. */
void engine_lookup(struct engine *engine, struct lookup_request *ask);

/* Any thread: the asker of that number has gone. If its `done` has not run yet, it runs soon, with
 * ERR_GONE; otherwise nothing happens. Takes a number and no pointer, because the ask may be over,
 * and its memory somebody else's, before the engine hears of it. */
void engine_abandon(struct engine *engine, uint64_t number);

/* ---- looking at a lookup ---- */

struct inquiry;

/* Engine thread; exactly once. The inquiry is the asker's again; `state` is borrowed and NULL when
 * there is no such lookup. */
typedef void inquiry_done_fn(struct inquiry *inquiry, const struct lookup_state *state);

/* Embedded in the asker's own struct. The engine's from engine_inquire() until `done` runs. */
struct inquiry {
    char id[ID_TEXT];
    inquiry_done_fn *done;
    struct engine *engine; /* the engine's, as is: */
    struct message message;
};

/* Any thread. */
void engine_inquire(struct engine *engine, struct inquiry *inquiry);

/* ---- forgetting ---- */

struct forgetting;

/* Engine thread; exactly once. The forgetting is the asker's again. */
typedef void forgotten_fn(struct forgetting *forgetting, enum err err, size_t n);

/* All answers about a domain, in memory and in the store. Embedded in the asker's own struct; the
 * engine's from engine_forget() until `done` runs. */
struct forgetting {
    char domain[DOMAIN_MAX + 1];
    forgotten_fn *done;
    struct engine *engine; /* the engine's, as is: */
    struct message message;
};

/* Any thread. */
void engine_forget(struct engine *engine, struct forgetting *forgetting);

/* ---- accounts ---- */

struct statement;

/* Engine thread; exactly once. The statement is the asker's again. */
typedef void statement_fn(struct statement *statement);

/* What one client has spent today, and what remains. Embedded in the asker's own struct; the
 * engine's from engine_state_account() until `done` runs. */
struct statement {
    char name[ACCOUNT_NAME_MAX + 1];
    int64_t quota; /* ACCOUNT_NO_QUOTA */
    statement_fn *done;
    struct budget_account account; /* filled */
    struct engine *engine;         /* the engine's, as is: */
    struct message message;
};

/* Any thread. */
void engine_state_account(struct engine *engine, struct statement *statement);

/* ---- the operator ---- */

/* What may change while it runs; see struct engine_options. */
struct engine_settings {
    int64_t credits_per_day, keep_expired_ms;
};

/* Any thread: look at the key file again, let submits be tried again, and go by these rules. */
void engine_reload(struct engine *engine, const struct engine_settings *rules);

/* Any thread: buys nothing from now on, or buys again, over restarts too. */
void engine_set_paused(struct engine *engine, bool paused);

/* Any thread: nothing is bought any more. What waits to be submitted ends with ERR_DRAINING, and so
 * do new questions; but what is kept is served, a lookup under way may be joined, and those who
 * wait for one get its end if that comes within `patience_ms`, else ERR_DRAINING and its id. */
void engine_drain(struct engine *engine, int64_t patience_ms);

/* Engine thread, or a test in its place: one turn, without waiting. */
void engine_turn(struct engine *engine);

/* Engine thread, or a test: when the next timer is due, on the engine's clock. */
int64_t engine_next_ms(const struct engine *engine);
struct clock *engine_clock(struct engine *engine);

#endif
