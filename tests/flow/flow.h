/* SPDX-License-Identifier: MIT */
/* flow.h - the fixture of the flow tests: a real engine, cache and openmart client on a fake
 * clock, with a fake transport and the simulator's model of the upstream.
 *
 * Time moves only by flow_advance(), from event to event. An hour of the engine's life takes
 * microseconds, and every run is the same. Each test begins with a started `flow` with the
 * options of flow_options() and a working disk. flow.c stops it after the test. */
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include "base/err.h"
#include "cache/cache.h"
#include "fake_upstream.h"
#include "lookup/engine.h"
#include "lookup/recovery.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOW_WALL_MS INT64_C(1795432804000) /* 2026-11-23T11:20:04Z */

#define MINUTE_MS 60000
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (INT64_C(24) * HOUR_MS)
#define WAIT_MS   (5 * MINUTE_MS) /* of a caller that waits until the lookup ends */

/* Serves no expired result, not even in the millisecond in which it expires. */
#define FLOW_NEVER_STALE ((struct freshness_limits){-1, -1})

/* One caller, and the result that it received. */
struct caller {
    struct lookup_request request;
    struct question *question;
    int answers; /* number of results received: must be 1 */
    enum err err;
    bool collapsed, from_cache, has_fallback;
    enum disposition disposition;
    enum charged charged;
    int retry_after_s;
    struct lookup_progress progress;
    struct lookup_timing timing;
    char lookup_id[ID_TEXT];
    char *body, *detail;
    int64_t asked_ms, answered_ms;
};

struct flow {
    struct engine *engine;
    struct inbox *inbox; /* of the test: where calls return */
    struct engine_options options;
    struct recovery recovery; /* what the last start recovered */
    struct store *store;
    struct cache *cache;
    struct transport *transport;
    struct openmart *openmart;
    struct secret *key;
    struct fake_upstream *upstream;
    struct caller *callers[3000];
    size_t n_callers;
    bool is_dying;       /* see flow_die() */
    bool start_may_fail; /* by the disk; then it is repeated with one that works */
    /* Runs for each result that a caller receives; NULL = nothing. */
    void (*on_answer)(struct caller *caller, const struct outcome *outcome);
};

extern struct flow flow;

/* Returns the daemon's default options, without jitter. */
struct engine_options flow_options(void);

/* Sets the size of the cache from the next start on; 64 MiB at first. */
void flow_set_cache_bytes(size_t bytes);

/* Starts with `options`. Stops a running flow first, as flow_end() does. */
void flow_start(struct engine_options options);

/* Simulates a kill of the process and a restart. State in memory and on the wire is lost; the
 * store and the upstream remain. Waiting callers get no result and are not counted from then on. */
void flow_restart(void);

/* The process is killed now: until flow_restart(), which must follow, nothing is written, and no
 * caller receives a result. */
void flow_die(void);

/* Drains and frees everything. Fails the test if a caller did not get exactly one result. */
void flow_end(void);

/* Starts a request; a later iteration delivers the result. The caller lives until flow_end(). */
struct caller *flow_request(const char *domain, int64_t wait_ms);
struct caller *flow_request_about(const char *domain, const char *company_name, int64_t wait_ms);

/* The same with all that `request` says, except the question and what it returns. */
struct caller *flow_request_with(struct lookup_request request, const char *domain);

/* Starts requests for the companies first..first+n-1, each with WAIT_MS. */
void flow_request_companies(int first, int n);

/* Starts lookups for the companies first..first+n-1 without a caller. */
void flow_refresh_companies(int first, int n);

/* Returns the domain of the i-th company; valid until the next call. */
const char *flow_company(int i);

struct caller *flow_request_as(const char *client, const char *domain, int64_t wait_ms);

/* Starts a request of a client with that daily quota. */
struct caller *flow_request_with_quota(const char *client, int64_t quota, const char *domain,
                                       int64_t wait_ms);

/* Returns a request of a list of that client. */
struct lookup_request flow_listed(const char *client, int64_t wait_ms);

/* Starts such requests for the companies first..first+n-1, each with WAIT_MS. */
void flow_list_companies(const char *client, int first, int n);

/* Posts a call to the engine and runs until it has returned, exactly once. */
void flow_call(struct engine_call *call);

/* Posts a call that may return later, when inbox_run_all(flow.inbox) runs; counts that in
 * *returns. */
void flow_post(struct engine_call *call, int *returns);

/* Runs until nothing more happens at this instant. */
void flow_settle(void);

/* Advances the clock and stops at every event on the way. */
void flow_advance(int64_t ms);

int64_t flow_now_ms(void);

#endif
