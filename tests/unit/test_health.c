/* SPDX-License-Identifier: MIT */
/* test_health.c - tests /readyz in each state of the process, over a real listener and an engine
 * that does not run: the response must still arrive. */
#include "base/clock.h"
#include "base/heartbeat.h"
#include "base/mem.h"
#include "base/secret.h"
#include "http/core/app.h"
#include "http/core/router.h"
#include "http/endpoints/endpoints.h"
#include "http/endpoints/health.h"
#include "http/listener.h"
#include "lookup/engine.h"
#include "lookup/recovery.h"
#include "raw_client.h"

#include "tests/support/suite.h"
#include <string.h>
#include <unistd.h>

const struct route routes[] = {{HTTP_GET, "/readyz", health_ready, FOR_ALL, NULL},
                               {HTTP_GET, "/livez", health_live, FOR_ALL, NULL}};
const size_t n_routes = ARRAY_LEN(routes);

static struct {
    struct secret *key;
    struct store *store;
    struct cache *cache;
    struct transport *transport;
    struct openmart *openmart;
    struct engine *engine;
    struct health health;
    struct service service;
    struct listener *listener;
} fixture;

static void start_engine(void)
{
    const struct store_options store = {.url = "memory:", .max_ended = 10};
    const struct transport_options transport = {.connect_timeout_ms = 1000, .user_agent = "test"};
    const struct engine_options options = {.batch = {.size = 100, .slots = 1, .max_queued = 1}};
    struct openmart_options openmart = {.base_url = "http://127.0.0.1:1"};
    struct recovery found;
    struct errmsg why;

    ck_assert_int_eq(secret_from_text("KEY", "test-key", &fixture.key, &why), ERR_OK);
    openmart.key = fixture.key;
    ck_assert_int_eq(store_open(&store, &fixture.store, &why), ERR_OK);
    ck_assert_int_eq(transport_new(&transport, &fixture.transport), ERR_OK);
    fixture.openmart = openmart_new(&openmart, fixture.transport);
    fixture.cache = cache_new(1 << 20);
    const struct engine_tools tools = {fixture.cache, fixture.store, fixture.openmart,
                                       fixture.transport, NULL};
    ck_assert_int_eq(engine_new(&options, &tools, clock_real(), &fixture.engine, &found), ERR_OK);
}

static void set_up(void)
{
    const char *address = "127.0.0.1:0";
    const struct listener_options options = {.addresses = &address,
                                             .n_addresses = 1,
                                             .threads = 1,
                                             .max_connections = 10,
                                             .header_timeout_ms = 60000,
                                             .response_timeout_ms = 60000,
                                             .idle_timeout_ms = 60000,
                                             .drain_ms = 60000};
    struct errmsg why;

    start_engine();
    fixture.service = (struct service){.auth.access = ANONYMOUS_ALL,
                                       .engine = fixture.engine,
                                       .cache = fixture.cache,
                                       .health = &fixture.health};
    ck_assert_int_eq(listener_start(&options, &fixture.service, &fixture.listener, &why), ERR_OK);
}

static void tear_down(void)
{
    listener_drain(fixture.listener);
    listener_stop(fixture.listener);
    engine_free(fixture.engine);
    openmart_free(fixture.openmart);
    transport_free(fixture.transport);
    cache_free(fixture.cache);
    store_close(fixture.store);
    secret_free(fixture.key);
}

FIXTURE(set_up, tear_down);

static void get_path(const char *path, struct raw_answer *answer)
{
    int fd = raw_connect(listener_url(fixture.listener, 0));

    ck_assert_int_ge(fd, 0);
    raw_get(fd, path);
    ck_assert(raw_read(fd, answer));
    close(fd);
}

static const struct {
    enum health_stage stage;
    int status;
    const char *word, *draining;
} states[] = {
    {HEALTH_STARTING, 503, "\"starting\"", "\"draining\":false"},
    {HEALTH_RUNNING, 200, "\"ready\"", "\"draining\":false"},
    {HEALTH_DRAINING, 503, "\"draining\"", "\"draining\":true"},
};

LOOP_TEST(readyz_state_has_its_status, states)
{
    struct raw_answer answer;

    atomic_store(&fixture.health.stage, states[_i].stage);
    get_path("/readyz", &answer);
    ck_assert_int_eq(answer.status, states[_i].status);
    ck_assert_ptr_nonnull(strstr(answer.body, states[_i].word));
    ck_assert_str_eq(raw_header(&answer, "Cache-Control"), "no-store");
    ck_assert_str_eq(raw_header(&answer, "Content-Type"),
                     states[_i].status == 200 ? "application/json" : "application/problem+json");
    ck_assert_int_eq(raw_header(&answer, "Retry-After") != NULL, states[_i].status == 503);
}

LOOP_TEST(readyz_verbose_reports_every_state, states)
{
    struct raw_answer answer;

    atomic_store(&fixture.health.stage, states[_i].stage);
    get_path("/readyz?verbose", &answer);
    ck_assert_int_eq(answer.status, states[_i].status);
    ck_assert_str_eq(raw_header(&answer, "Content-Type"), "application/json");
    ck_assert_ptr_nonnull(strstr(answer.body, "{\"status\":"));
    ck_assert_ptr_nonnull(strstr(answer.body, states[_i].word));
    ck_assert_ptr_nonnull(strstr(answer.body, states[_i].draining));
    ck_assert_ptr_nonnull(strstr(answer.body, "\"engine_lag_ms\":0,\"store_lag_ms\":0}}\n"));
    ck_assert_int_eq(raw_header(&answer, "Retry-After") != NULL, states[_i].status == 503);
}

/* What the engine would store if it was in an iteration that began `lag_ms` ago. */
static void hang_engine(int64_t lag_ms)
{
    struct heartbeat *heartbeat = (struct heartbeat *)(uintptr_t)engine_heartbeat(fixture.engine);

    heartbeat_busy(heartbeat, clock_real().now_ms - lag_ms);
}

TEST(readyz_fails_if_the_engine_hangs_for_ten_seconds)
{
    struct raw_answer answer;

    atomic_store(&fixture.health.stage, HEALTH_RUNNING);
    hang_engine(HEALTH_READY_MS);
    get_path("/readyz", &answer);
    ck_assert_int_eq(answer.status, 503);
    ck_assert_ptr_nonnull(strstr(answer.body, "\"overloaded\""));
    ck_assert_ptr_nonnull(strstr(answer.body, "makes no progress"));
    get_path("/readyz?verbose", &answer);
    ck_assert_int_eq(answer.status, 503);
    get_path("/livez", &answer);
    ck_assert_int_eq(answer.status, 200);
}

TEST(livez_fails_if_the_engine_hangs_for_a_minute)
{
    struct raw_answer answer;

    hang_engine(HEALTH_LIVE_MS);
    get_path("/livez", &answer);
    ck_assert_int_eq(answer.status, 503);
    ck_assert_ptr_nonnull(raw_header(&answer, "Retry-After"));
}

TEST(health_lag_is_the_longest_of_the_engine_and_the_workers)
{
    struct heartbeat workers[3] = {0};
    const struct service service = {.engine = fixture.engine, .workers = workers, .n_workers = 3};

    ck_assert_int_eq(health_lag_ms(&service, 5000), 0);
    heartbeat_busy(&workers[1], 1000);
    heartbeat_busy(&workers[2], 2000);
    ck_assert_int_eq(health_lag_ms(&service, 5000), 4000);
    heartbeat_idle(&workers[1], 1000);
    ck_assert_int_eq(health_lag_ms(&service, 5000), 3000);
    heartbeat_busy((struct heartbeat *)(uintptr_t)engine_heartbeat(fixture.engine), 500);
    ck_assert_int_eq(health_lag_ms(&service, 5000), 4500);
}

TEST(health_covers_every_worker_of_the_listener)
{
    ck_assert_uint_eq(fixture.service.n_workers, 1);
    ck_assert_ptr_nonnull(fixture.service.workers);
}

LOOP_TEST(livez_succeeds_in_every_state, states)
{
    struct raw_answer answer;

    atomic_store(&fixture.health.stage, states[_i].stage);
    get_path("/livez", &answer);
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(answer.body, "ok\n");
}
