/* SPDX-License-Identifier: MIT */
/* engine.h - the one thread that owns all mutable state: lookups, waiters, batches, deadlines,
 * credits.
 *
 * Other threads send requests through its inbox and get the outcome through the callback they
 * passed. Inside, everything is single-threaded: a loop iteration runs the messages, the transfers,
 * the timers that are due, and what the store has returned, all at one instant of its clock. Tests
 * run the iterations themselves on a fake clock. */
#ifndef LOOKUP_ENGINE_H
#define LOOKUP_ENGINE_H

#include "base/clock.h"
#include "base/err.h"
#include "base/errmsg.h"
#include "base/id.h"
#include "base/inbox.h"
#include "lookup/batching/batcher.h"
#include "lookup/lookup_request.h"
#include "lookup/lookup_watch.h"
#include "lookup/money/budget.h"
#include "lookup/records/results.h"
#include "lookup/status.h"
#include "model/domain.h"
#include "model/precondition.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache;
struct engine;
struct heartbeat;
struct openmart;
struct recovery;
struct spool;
struct transport;

struct engine_options {
    size_t max_waiters; /* requests that wait, over all lookups */
    size_t max_bulks;   /* lists that run concurrently; a quarter of them, at least 1, for one
                           account. Their windows follow from `batch` */
    struct results_options results;
    struct batcher_options batch;
    int64_t credits_per_day;  /* 0 = no limit */
    int64_t keep_expired_ms;  /* how long an expired result stays in the store */
    int64_t balance_every_ms; /* interval for reading the upstream's balance; 0 = never */
    int64_t idle_ms;          /* longest sleep of the loop; 0 = only the built-in bound */
};

/* What the engine uses; borrowed for its lifetime. */
struct engine_tools {
    struct cache *cache;
    struct store *store;
    struct openmart *openmart;
    struct transport *transport;
    struct spool *spool; /* NULL = none */
};

/* Creates the engine and restores in-flight batches from the journal; *ret_recovery says what was
 * found. `clock` becomes the engine's. Returns ERR_SYSTEM with errno set if there can be no inbox,
 * else the error of recover() or of loading the budget. */
enum err engine_new(const struct engine_options *options, const struct engine_tools *tools,
                    struct clock clock, struct engine **ret_engine, struct recovery *ret_recovery);

/* After engine_join(); in tests without a thread, at any time. No request may be left. Returns how
 * many entries of the journal the store has not taken; each is in the log. NULL is a no-op. */
size_t engine_free(struct engine *engine);

/* Start and end the thread, and those of the store (calls.h); before, the store is used inline.
 * engine_start() returns the error of store_calls_start(), or ERR_SYSTEM if there can be no thread.
 * engine_stop() (any thread, once, after engine_drain()) ends it when all messages posted before
 * are handled, no submit is in flight, and the journal is written; at the latest when the drain's
 * `patience_ms` are over. It waits because an interrupted submit has an unknown outcome and may be
 * paid for, and because the store may be back soon. engine_join() waits at most `within_ms` and
 * returns true if the thread has ended. */
enum err engine_start(struct engine *engine, struct errmsg *why);
void engine_stop(struct engine *engine);
bool engine_join(struct engine *engine, int64_t within_ms);

/* Main thread, after engine_join(): ends the threads of the store when they have executed what was
 * posted. Returns false if the time is over first, because the disk hangs; may be called again.
 * Until it returns true, those threads use the engine, the store and what both have, so none of
 * them may be freed. True, too, if they were not started. */
bool engine_stop_store(struct engine *engine, int64_t within_ms);

/* In place of engine_free(), if the process ends although engine_stop_store() has returned false.
 * Logs what has happened and may not be in the store, such as a batch id, and returns how many
 * lines. Frees nothing. */
size_t engine_log_unwritten(const struct engine *engine);

/* Any thread, from engine_new() to engine_free(), without blocking: status, and heartbeat of the
 * loop. */
struct status engine_status(const struct engine *engine);
const struct heartbeat *engine_heartbeat(const struct engine *engine);

/* Any thread, as above. How the store is reached, and its threads: all 0 if they were not
 * started. */
struct engine_store {
    enum store_link link;
    int64_t lag_ms;  /* how long the current call has lasted, if one of them is inside a call */
    int64_t pending; /* calls that were posted and have not been executed */
    int64_t spool_pending; /* batch ids and confirmations that are not in the spool yet */
};
struct engine_store engine_store(const struct engine *engine, int64_t now_ms);

/* Any thread. Sends the request to the engine; its `done` runs exactly once. */
void engine_lookup(struct engine *engine, struct lookup_request *request);

/* Any thread. The client of that request has gone: if its `done` has not run, it runs soon, with
 * ERR_CANCELLED; otherwise nothing happens. Takes the ticket and not a pointer, because the request
 * may end, and its memory be reused, before the engine handles the message. */
void engine_abandon(struct engine *engine, uint64_t ticket);

/* Any thread, after result_claim_refresh(). Starts or joins a lookup in the background that
 * replaces the `expired` result, unless a newer one was fetched since `asked_wall_ms`. No client
 * waits for it, and it is not dropped. If the account has no quota left, the claim is given back,
 * so that the next client can start the refresh; any other failure leaves it, and the refresh is
 * tried again RESULT_REFRESH_MS later. Counts the request that was served the expired result:
 * `refreshing` if a paid lookup started, else `stale`. Takes ownership of `question`; copies the
 * account's name. */
void engine_refresh(struct engine *engine, struct question *question,
                    const struct account_ref *account, const struct result *expired,
                    int64_t asked_wall_ms);

/* Any thread. The upstream called the notify URL with this well-formed token; `text` is what it
 * sent: `len` bytes, in which ids are looked for on the calling thread. Returns false if too many
 * notifications wait already: then this one is lost, unless the upstream repeats it. */
bool engine_notify(struct engine *engine, const char *token, const char *text, size_t len);

/* ---- calls ---- */

#define ENGINE_CALL_MS INT64_C(5000)

struct engine_call;
typedef void engine_call_fn(struct engine *engine, struct engine_call *call);
typedef void engine_call_done_fn(struct engine_call *call);

/* A short call, which the engine returns within one loop iteration, or when the store has answered;
 * after ENGINE_CALL_MS without an answer, it returns ERR_STORAGE_UNAVAILABLE. First member of one
 * of the structs below. Owned by the engine from engine_post() until `done` runs. */
struct engine_call {
    engine_call_fn *run;       /* engine thread: the function declared with the struct. It passes
                                  the call to engine_call_return(), later or immediately */
    struct inbox *reply_to;    /* of the caller's thread */
    engine_call_done_fn *done; /* runs there, exactly once; the caller owns the call again */
    void *arg;                 /* for `done` */
    /* Private to the engine: */
    struct engine *engine;
    struct message message;
};

/* Any thread. Sends the call to the engine. */
void engine_post(struct engine *engine, struct engine_call *call);

/* Engine thread, for the functions below: sends the call back. */
void engine_call_return(struct engine_call *call);

/* Finds a lookup by its id, in flight or finished. */
struct find_lookup_call {
    struct engine_call call;
    char id[ID_TEXT];
    /* Results: */
    enum err err;                /* ERR_NOT_FOUND: unknown or expired; ERR_STORAGE_UNAVAILABLE */
    const struct result *result; /* of a finished lookup; the caller releases it. Else NULL, and: */
    char domain[DOMAIN_MAX + 1];
    struct lookup_progress progress;
};
engine_call_fn engine_find_lookup;

/* Watches a lookup: returns when it enters another phase than `seen`, when it ends or is dropped,
 * when the engine has drained, or at `until_ms`, whichever comes first; but not before the store
 * has answered, if memory does not know the id. TASK_ENDED does not count as a phase. The lookup is
 * the one that the request with `ticket` waits for, or, if `ticket` is 0, the one with `id`. */
struct watch_lookup_call {
    struct engine_call call;
    uint64_t ticket;
    char id[ID_TEXT];
    enum task_phase seen; /* TASK_IDLE returns as soon as there is a lookup */
    int64_t until_ms;     /* monotonic */
    /* Results: */
    enum err err;                /* ERR_NOT_FOUND: unknown or expired, or the request has ended;
                                    ERR_DRAINING, by the id; ERR_STORAGE_UNAVAILABLE */
    const struct result *result; /* of a finished lookup, found by its id; the caller releases it.
                                    Else NULL, and: */
    char found_id[ID_TEXT];      /* "" = the request waits for the store, and has no lookup yet */
    char domain[DOMAIN_MAX + 1];
    struct lookup_progress progress; /* also of a lookup that has ended while it was watched */
    /* Private to engine_find.c: */
    struct lookup_watch watch;
};
engine_call_fn engine_watch_lookup;

/* Deletes all results of a domain, in memory and in the store; see results_forget_domain(). Deletes
 * nothing, with ERR_PRECONDITION_FAILED, if the stored result of the question with that key fails
 * the precondition. After ERR_STORAGE_UNAVAILABLE, results may have been deleted, or still be. */
struct forget_domain_call {
    struct engine_call call;
    char domain[DOMAIN_MAX + 1];
    unsigned char key[HASH_SIZE]; /* of the question that has only the domain */
    struct precondition precondition;
    /* Results: */
    enum err err;
    size_t n; /* results deleted */
};
engine_call_fn engine_forget_domain;

/* Returns what an account has spent today, and what remains. */
struct account_call {
    struct engine_call call;
    char name[ACCOUNT_NAME_MAX + 1];
    int64_t quota; /* paid lookups per UTC day, or ACCOUNT_NO_QUOTA */
    /* Result: */
    struct budget_account account;
};
engine_call_fn engine_read_account;

/* ---- operator ---- */

/* Settings that can be reloaded; see struct engine_options. */
struct engine_settings {
    int64_t credits_per_day, keep_expired_ms;
};

/* Any thread. Re-reads the key file and the pause, closes the circuit, and applies the settings. */
void engine_reload(struct engine *engine, const struct engine_settings *settings);

/* Any thread. Pauses or resumes paid lookups, also over restarts. */
void engine_set_paused(struct engine *engine, bool paused);

/* Any thread, once. Stops paid lookups. Tasks that are not submitted end with ERR_DRAINING, and so
 * do new lookups. Stored results are still served, and lookups in flight can be joined. Their
 * waiters get the result if it arrives within `patience_ms`, else ERR_DRAINING and the lookup
 * id. */
void engine_drain(struct engine *engine, int64_t patience_ms);

/* Engine thread, or a test in its place: runs one loop iteration, without waiting. */
void engine_turn(struct engine *engine);

/* Engine thread, or a test: returns when the next timer is due, on the engine's clock. */
int64_t engine_next_ms(const struct engine *engine);
struct clock *engine_clock(struct engine *engine);

#endif
