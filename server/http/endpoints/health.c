/* SPDX-License-Identifier: MIT */
/* health.c - GET /livez and /readyz; see health.h. */
#include "http/endpoints/health.h"

#include "base/heartbeat.h"
#include "http/core/app.h"
#include "http/core/problem.h"
#include "http/endpoints/endpoints.h"
#include "http/protocol/query.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#define DOCUMENT_MAX 1024
#define LAG_DETAIL   "the engine or a worker makes no progress"
#define STORE_DETAIL "a call to the store hangs"
#define LOST_DETAIL  "another process owns the store now; this one must be restarted"

struct status health_engine(const struct service *service)
{
    const struct engine *engine = service_engine(service);

    return engine ? engine_status(engine) : (struct status){0};
}

struct engine_store health_store(const struct service *service, int64_t now_ms)
{
    const struct engine *engine = service_engine(service);

    return engine ? engine_store(engine, now_ms)
                  : (struct engine_store){.link = STORE_DISCONNECTED};
}

static int64_t engine_lag_ms(const struct service *service, int64_t now_ms)
{
    const struct engine *engine = service_engine(service);

    return engine ? heartbeat_lag_ms(engine_heartbeat(engine), now_ms) : 0;
}

int64_t health_lag_ms(const struct service *service, int64_t now_ms)
{
    int64_t longest_ms = engine_lag_ms(service, now_ms);

    for (size_t i = 0; i < service->n_workers; i++) {
        int64_t lag_ms = heartbeat_lag_ms(&service->workers[i], now_ms);
        if (lag_ms > longest_ms)
            longest_ms = lag_ms;
    }
    return longest_ms;
}

static int64_t lag_of(const struct request *request)
{
    return health_lag_ms(request_service(request), request_clock(request)->now_ms);
}

void health_live(struct request *request)
{
    struct reply reply;

    if (lag_of(request) >= HEALTH_LIVE_MS) {
        problem_send(request, ERR_OVERLOADED, LAG_DETAIL);
        return;
    }
    reply_init(&reply, 200);
    reply_text(&reply, "Content-Type", "text/plain; charset=utf-8");
    reply_text(&reply, "Cache-Control", "no-store");
    reply_body_static(&reply, "ok\n", 3);
    request_reply(request, &reply);
}

/* ---- the response ---- */

/* What decides. */
struct checks {
    enum health_stage stage;
    struct status engine;
    struct engine_store store;
    int64_t engine_lag_ms;
    int64_t lag_ms; /* the longest of the engine and the workers */
};

static struct checks checks_of(const struct request *request)
{
    const struct service *service = request_service(request);
    int64_t now_ms = request_clock(request)->now_ms;

    return (struct checks){
        .stage = (enum health_stage)atomic_load(&service->health->stage),
        .engine = health_engine(service),
        .store = health_store(service, now_ms),
        .engine_lag_ms = engine_lag_ms(service, now_ms),
        .lag_ms = lag_of(request),
    };
}

static bool store_hangs(const struct checks *checks)
{
    return checks->store.lag_ms >= HEALTH_READY_MS;
}

/* Returns whether calls to the store can succeed. */
static bool store_works(const struct checks *checks)
{
    enum store_link link = checks->store.link;

    return checks->engine.store_usable && !store_hangs(checks) &&
           (link == STORE_LOCAL || link == STORE_CONNECTED);
}

/* Returns whether requests should go elsewhere because of the store. */
static bool store_fails(const struct checks *checks)
{
    bool is_away =
        checks->store.link == STORE_CONNECTED || checks->store.link == STORE_DISCONNECTED;

    return !store_works(checks) && (!is_away || store_hangs(checks));
}

/* ERR_OK = ready. */
static enum err judge(const struct checks *checks)
{
    switch (checks->stage) {
    case HEALTH_STARTING:
        return ERR_STARTING;
    case HEALTH_DRAINING:
        return ERR_DRAINING;
    case HEALTH_RUNNING:
        break;
    }
    if (checks->lag_ms >= HEALTH_READY_MS)
        return ERR_OVERLOADED;
    return store_fails(checks) ? ERR_STORAGE_UNAVAILABLE : ERR_OK;
}

/* Returns what a problem says in addition; NULL = nothing. */
static const char *detail_of(const struct checks *checks, enum err err)
{
    if (err == ERR_OVERLOADED)
        return LAG_DETAIL;
    if (err != ERR_STORAGE_UNAVAILABLE)
        return NULL;
    if (checks->store.link == STORE_LOST)
        return LOST_DETAIL;
    return store_hangs(checks) ? STORE_DETAIL : NULL;
}

static const char *store_word(const struct checks *checks)
{
    if (store_works(checks))
        return "usable";
    if (checks->store.link == STORE_LOST)
        return "lost";
    return checks->store.link == STORE_LOCAL && !store_hangs(checks) ? "unusable" : "unavailable";
}

static const char *upstream_word(const struct status *status)
{
    if (status->circuit)
        return err_row((enum err)status->circuit)->code;
    return status->throttled ? "throttled" : "ok";
}

static void write_checks(const struct checks *checks, struct buf *out)
{
    const struct status *status = &checks->engine;
    bool is_spent = status->credits_limit && status->credits_spent >= status->credits_limit;

    buf_addf(out, "\"store\":\"%s\",\"journal_backlog\":%" PRId64, store_word(checks),
             status->journal_backlog);
    buf_addf(out, ",\"upstream\":\"%s\",\"budget\":\"%s\"", upstream_word(status),
             is_spent ? "credits-exhausted" : "ok");
    buf_addf(out, ",\"credits_spent\":%" PRId64, status->credits_spent);
    if (status->credits_limit)
        buf_addf(out, ",\"credits_limit\":%" PRId64, status->credits_limit);
    buf_addf(out, ",\"paused\":%s,\"draining\":%s", status->paused ? "true" : "false",
             checks->stage == HEALTH_DRAINING ? "true" : "false");
    buf_addf(out, ",\"waiters\":%" PRId64 ",\"lookups\":%" PRId64, status->waiters,
             status->lookups);
    buf_addf(out, ",\"queue\":%" PRId64 ",\"submits\":%" PRId64, status->queue_tasks,
             status->submits);
    buf_addf(out, ",\"engine_lag_ms\":%" PRId64 ",\"store_lag_ms\":%" PRId64, checks->engine_lag_ms,
             checks->store.lag_ms);
}

static void reply_document(struct request *request, enum err err, struct buf *out)
{
    struct reply reply;

    reply_init(&reply, err ? err_row(err)->status : 200);
    reply_text(&reply, "Content-Type", "application/json");
    reply_text(&reply, "Cache-Control", "no-store");
    if (err)
        reply_text(&reply, "Retry-After", "1");
    reply_body_take(&reply, out);
    request_reply(request, &reply);
}

static const struct query_parameter ready_parameters[] = {
    {"verbose", QUERY_SWITCH, 0, "'verbose' must be 0 or 1, or have no value"},
};

void health_ready(struct request *request)
{
    struct checks checks = checks_of(request);
    enum err err = judge(&checks);
    struct buf autobuf out = BUF_INIT(DOCUMENT_MAX);
    bool verbose = false;
    struct errmsg why;
    struct query query = {.table = ready_parameters,
                          .n_parameters = ARRAY_LEN(ready_parameters),
                          .values = &verbose,
                          .errmsg = &why};

    enum err fault = request_each_argument(request, query_take, &query);
    if (fault) {
        problem_send(request, fault, why.text);
        return;
    }
    if (err && !verbose) {
        problem_send(request, err, detail_of(&checks, err));
        return;
    }
    buf_addf(&out, "{\"status\":\"%s\"", err ? err_row(err)->code : "ready");
    if (verbose) {
        buf_add_str(&out, ",\"checks\":{");
        write_checks(&checks, &out);
        buf_add_str(&out, "}");
    }
    buf_add_str(&out, "}\n");
    reply_document(request, err, &out);
}
