/* SPDX-License-Identifier: MIT */
/* flow.h - the fixture of the flow tests: a real engine, cache and openmart on a fake clock, a fake
 * transport and the upstream in memory.
 *
 * Time moves only by flow_advance(), from event to event, so an hour of the engine's life takes
 * microseconds and every run is the same. Each test begins with a started `flow`, with the options
 * of flow_options(), and a disk that works; flow.c ends it. */
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include "base/err.h"
#include "cache/cache.h"
#include "lookup/engine.h"
#include "vendor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOW_WALL_MS INT64_C(1795432804000) /* 2026-11-23T11:20:04Z */

#define MINUTE_MS 60000
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (INT64_C(24) * HOUR_MS)
#define WAIT_MS   (5 * MINUTE_MS) /* of a caller who waits until the lookup ends */

/* One asker, and what it was told. */
struct asker {
    struct lookup_request ask;
    int64_t not_before_ms; /* wall time: what was fetched earlier will not do */
    int answers;           /* times it was told an end: must be 1 */
    enum err err;
    bool collapsed, from_cache;
    enum charged charged;
    int retry_after_s;
    char lookup_id[ID_TEXT];
    char *body, *detail;
    int64_t answered_ms;
};

struct flow {
    struct engine *engine;
    struct engine_options options;
    struct recovery recovery; /* what the last start found */
    struct store *store;
    struct cache *cache;
    struct transport *transport;
    struct openmart *openmart;
    struct secret *key;
    struct vendor *vendor;
    struct asker *askers[3000];
    size_t n_askers;
};

extern struct flow flow;

/* Defaults of the daemon, without jitter. */
struct engine_options flow_options(void);

/* Starts with `options`; ends what is started, as flow_end() does. */
void flow_start(struct engine_options options);

/* The process is killed and starts again: what is in memory and on the wire is gone, the store and
 * the vendor stay. Askers who were waiting hear nothing; they are not counted any more. */
void flow_restart(void);

/* Drains and frees everything; fails the test when an asker was not told exactly once. */
void flow_end(void);

/* Asks; the answer comes in later turns. Lives until flow_end(). */
struct asker *flow_ask(const char *domain, int64_t wait_ms);
struct asker *flow_ask_about(const char *domain, const char *company_name, int64_t wait_ms);

/* Asks about the companies first..first+n-1, each with WAIT_MS. */
void flow_ask_companies(int first, int n);
const char *flow_company(int i); /* the domain of the i-th; static, until the next call */

struct asker *flow_ask_as(const char *client, const char *domain, int64_t wait_ms);

/* By a client who may buy so many a day. */
struct asker *flow_ask_paid(const char *client, int64_t quota, const char *domain, int64_t wait_ms);

/* Runs until nothing more happens at this instant. */
void flow_settle(void);

/* Moves the clock on, stopping at everything that is due on the way. */
void flow_advance(int64_t ms);

int64_t flow_now_ms(void);

#endif
