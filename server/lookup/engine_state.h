/* SPDX-License-Identifier: MIT */
/* engine_state.h - private state of the engine, shared by engine.c, engine_messages.c,
 * engine_calls.c, engine_find.c and the bulks in lists/.
 *
 * engine_new() fills the members before the thread runs. Then only that thread touches them, with
 * these exceptions: any thread may post to `inbox`, draw from `next_ticket`, count a message in
 * `n_notifications`, and read `heartbeat` and `board`; the main thread uses `thread` to join. */
#ifndef LOOKUP_ENGINE_STATE_H
#define LOOKUP_ENGINE_STATE_H

#include "base/heartbeat.h"
#include "base/timer.h"
#include "lookup/engine.h"
#include "lookup/maintenance.h"
#include "lookup/money/upstream_balance.h"
#include "lookup/raw_results.h"
#include "lookup/recalls.h"
#include "lookup/resolver.h"
#include "lookup/waiter_limit.h"

#include <pthread.h>
#include <stdatomic.h>

struct bulks;

/* While draining, nothing is paid for and waiters keep waiting; once drained, no waiter is left. */
enum engine_stage { ENGINE_RUNNING, ENGINE_DRAINING, ENGINE_DRAINED };

struct engine {
    struct clock clock;
    struct timers timers;
    struct inbox *inbox;
    struct transport *transport;
    struct secret *key; /* may be NULL */
    struct maintenance maintenance;
    struct raw_results raw_results;
    struct upstream_balance balance;
    struct store_calls *calls;
    struct journal *journal;
    struct results results;
    struct budget *budget;
    struct batcher *batcher;
    struct waiter_limit waiters; /* in recalls and lookups */
    struct recalls *recalls;
    struct lookups *lookups;
    struct resolver *resolver;
    struct bulks *bulks;
    atomic_uint_fast64_t next_ticket;
    atomic_uint n_notifications; /* that wait in the inbox, or for the store */
    uint64_t n_abandoned;        /* requests whose client left while they waited, since the start */
    enum engine_stage stage;
    int64_t drain_until_ms;
    struct timer patience;
    bool stopping;
    int64_t idle_ms;
    struct heartbeat heartbeat; /* of the loop, written by the loop */
    struct status_board board;
    pthread_t thread;
};

/* Like engine_lookup() and engine_abandon(), inside the call: `done` may run before it returns. */
void engine_lookup_now(struct engine *engine, struct lookup_request *request);
void engine_abandon_now(struct engine *engine, uint64_t ticket);

/* Ends a request, exactly once: completes the outcome, releases its waiter slot and runs `done`. */
void engine_end_request(struct lookup_request *request, const struct outcome *outcome);

/* Continues with a request when it is known what is stored about its question; see
 * recall_done_fn. */
recall_done_fn engine_continue_request;

#endif
