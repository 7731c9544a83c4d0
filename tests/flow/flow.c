/* SPDX-License-Identifier: MIT */
/* flow.c - see flow.h. */
#include "flow.h"

#include "base/mem.h"
#include "base/secret.h"
#include "fake_transport.h"
#include "held_calls.h"
#include "weak_store.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTLED_AFTER 2 /* iterations without any change */

struct flow flow;
static size_t cache_bytes = 64 << 20;

static void setup(void)
{
    flow_start(flow_options());
}

static void teardown(void)
{
    weak_store_fail_all(flow.store, false);
    flow_end();
}

FIXTURE(setup, teardown);

struct engine_options flow_options(void)
{
    return (struct engine_options){
        .max_waiters = 10000,
        .max_bulks = 16,
        .results = {.ttl_found_ms = INT64_C(30) * 86400000,
                    .ttl_empty_ms = 86400000,
                    .ttl_failed_ms = 60000,
                    .unknown_hold_ms = 600000,
                    .max_finished = 1000,
                    .max_finished_bytes = 16 << 20},
        .batch = {.size = 100,
                  .linger_ms = 100,
                  .slots = 4,
                  .max_queued = 10000,
                  .lifetime_ms = DAY_MS,
                  .reads_per_second = 18},
        .keep_expired_ms = INT64_C(90) * 86400000,
    };
}

static void start_engine(struct clock clock)
{
    flow.cache = cache_new(cache_bytes);
    const struct engine_tools tools = {flow.cache, flow.store, flow.openmart, flow.transport, NULL};
    enum err err = engine_new(&flow.options, &tools, clock, &flow.engine, &flow.recovery);
    if (err == ERR_STORAGE_UNAVAILABLE && flow.start_may_fail) {
        weak_store_fail_all(flow.store, false);
        weak_store_lose_all(flow.store, false);
        err = engine_new(&flow.options, &tools, clock, &flow.engine, &flow.recovery);
    }
    ck_assert_int_eq(err, ERR_OK);
}

void flow_set_cache_bytes(size_t bytes)
{
    cache_bytes = bytes;
}

void flow_start(struct engine_options options)
{
    const struct store_options store = {
        .url = "memory:", .max_answers = 100000, .max_ended = 100000};
    const struct transport_options no_options = {0};
    struct openmart_options openmart = {.base_url = FAKE_UPSTREAM_URL,
                                        .submit_timeout_ms = 120000,
                                        .read_timeout_ms = 15000,
                                        .task_timeout_ms = 5000};
    struct errmsg why;

    if (flow.engine)
        flow_end();
    ck_assert_int_eq(domain_start(), ERR_OK);
    ck_assert_int_eq(secret_from_text("KEY", "test-key", &flow.key, &why), ERR_OK);
    openmart.key = flow.key;
    ck_assert_int_eq(inbox_new(&flow.inbox), ERR_OK);
    ck_assert_int_eq(transport_new(&no_options, &flow.transport), ERR_OK);
    flow.openmart = openmart_new(&openmart, flow.transport);
    flow.options = options;
    flow.store = weak_store_new(&store);
    start_engine(clock_fake(FLOW_WALL_MS));
    flow.upstream = fake_upstream_new(flow.transport, engine_clock(flow.engine));
}

void flow_restart(void)
{
    const struct clock last = *engine_clock(flow.engine);
    /* A new process knows of no jump. */
    const struct clock clock = {.now_ms = last.now_ms,
                                .wall_ms = last.wall_ms,
                                .fake = true,
                                .offset_ms = last.wall_ms - last.now_ms};

    for (size_t i = 0; i < flow.n_callers; i++)
        if (flow.callers[i]->answers == 0)
            engine_abandon(flow.engine, flow.callers[i]->request.ticket);
    do /* a refresh in the background waits for its next iteration */
        engine_turn(flow.engine);
    while (engine_status(flow.engine).waiters);
    held_calls_end();
    engine_free(flow.engine);
    cache_free(flow.cache);
    if (flow.is_dying)
        weak_store_fail_all(flow.store, false);
    flow.is_dying = false;
    start_engine(clock);
    fake_upstream_set_clock(flow.upstream, engine_clock(flow.engine));
}

void flow_die(void)
{
    flow.is_dying = true;
    weak_store_fail_all(flow.store, true);
}

void flow_end(void)
{
    held_calls_end();
    engine_drain(flow.engine, 0);
    engine_turn(flow.engine);
    for (size_t i = 0; i < flow.n_callers; i++)
        ck_assert_msg(flow.callers[i]->answers == 1, "caller %zu got %d results", i,
                      flow.callers[i]->answers);
    engine_free(flow.engine);
    fake_upstream_free(flow.upstream);
    openmart_free(flow.openmart);
    transport_free(flow.transport);
    cache_free(flow.cache);
    store_close(flow.store);
    inbox_free(flow.inbox);
    secret_free(flow.key);
    domain_stop();
    for (size_t i = 0; i < flow.n_callers; i++) {
        question_free(flow.callers[i]->question);
        free(flow.callers[i]->body);
        free(flow.callers[i]->detail);
        free(flow.callers[i]);
    }
    memset(&flow, 0, sizeof flow);
}

static void record_outcome(struct lookup_request *request, const struct outcome *outcome)
{
    struct caller *caller = container_of(request, struct caller, request);

    caller->answers++;
    if (flow.is_dying)
        return;
    caller->err = outcome->err;
    caller->collapsed = outcome->collapsed;
    caller->disposition = outcome->disposition;
    caller->from_cache = outcome->disposition != DISPOSITION_MISS;
    caller->has_fallback = outcome->fallback != NULL;
    caller->charged = outcome->charged;
    caller->retry_after_s = outcome->retry_after_s;
    caller->progress = outcome->progress;
    caller->timing = outcome->timing;
    memcpy(caller->lookup_id, outcome->lookup_id, sizeof caller->lookup_id);
    caller->answered_ms = engine_clock(request->engine)->now_ms;
    if (outcome->detail)
        caller->detail = xstrdup(outcome->detail);
    if (!outcome->err)
        caller->body = xstrndup(outcome->result->bodies[RESULT_JSON].data,
                                outcome->result->bodies[RESULT_JSON].len);
    if (flow.on_answer)
        flow.on_answer(caller, outcome);
}

static struct caller *start_request(struct lookup_request request, const char *domain,
                                    const char *company_name)
{
    struct slice fields[QUESTION_PARTS] = {{domain, strlen(domain)}};
    struct caller *caller = xcalloc(1, sizeof *caller);
    struct errmsg why;

    if (company_name)
        fields[QUESTION_COMPANY_NAME] = (struct slice){company_name, strlen(company_name)};
    ck_assert_uint_lt(flow.n_callers, ARRAY_LEN(flow.callers));
    ck_assert_int_eq(question_new(fields, &caller->question, &why), ERR_OK);
    caller->request = request;
    caller->request.question = caller->question;
    caller->request.limits = FLOW_NEVER_STALE;
    caller->request.asked_wall_ms = engine_clock(flow.engine)->wall_ms;
    caller->request.done = record_outcome;
    caller->asked_ms = flow_now_ms();
    flow.callers[flow.n_callers++] = caller;
    engine_lookup(flow.engine, &caller->request);
    return caller;
}

struct caller *flow_request_with(struct lookup_request request, const char *domain)
{
    return start_request(request, domain, NULL);
}

static struct lookup_request request_of(struct account_ref account, int64_t wait_ms)
{
    return (struct lookup_request){.account = account,
                                   .wait_until_ms = flow_now_ms() + wait_ms,
                                   .directives = CACHE_DIRECTIVES_NONE};
}

struct caller *flow_request(const char *domain, int64_t wait_ms)
{
    return flow_request_as("client", domain, wait_ms);
}

struct caller *flow_request_about(const char *domain, const char *company_name, int64_t wait_ms)
{
    return start_request(request_of((struct account_ref){"client", ACCOUNT_NO_QUOTA, 1}, wait_ms),
                         domain, company_name);
}

const char *flow_company(int i)
{
    static char domain[32];

    snprintf(domain, sizeof domain, "company%d.com", i);
    return domain;
}

void flow_request_companies(int first, int n)
{
    for (int i = first; i < first + n; i++)
        flow_request(flow_company(i), WAIT_MS);
}

void flow_refresh_companies(int first, int n)
{
    const struct account_ref account = {"client", ACCOUNT_NO_QUOTA, 1};
    int64_t wall_ms = engine_clock(flow.engine)->wall_ms;
    struct errmsg why;

    for (int i = first; i < first + n; i++) {
        const char *domain = flow_company(i);
        struct slice fields[QUESTION_PARTS] = {{domain, strlen(domain)}};
        struct question *question = NULL;
        ck_assert_int_eq(question_new(fields, &question, &why), ERR_OK);
        const struct result *expired =
            result_new_failure(question->key, ERR_LOOKUP_FAILED, NULL, CHARGED_NO, wall_ms, 0);
        engine_refresh(flow.engine, question, &account, expired, wall_ms);
        result_unref(expired);
    }
}

struct caller *flow_request_as(const char *client, const char *domain, int64_t wait_ms)
{
    return flow_request_with_quota(client, ACCOUNT_NO_QUOTA, domain, wait_ms);
}

struct caller *flow_request_with_quota(const char *client, int64_t quota, const char *domain,
                                       int64_t wait_ms)
{
    return flow_request_with(request_of((struct account_ref){client, quota, 1}, wait_ms), domain);
}

struct lookup_request flow_listed(const char *client, int64_t wait_ms)
{
    struct lookup_request request =
        request_of((struct account_ref){client, ACCOUNT_NO_QUOTA, 1}, wait_ms);

    request.is_listed = true;
    return request;
}

void flow_list_companies(const char *client, int first, int n)
{
    for (int i = first; i < first + n; i++)
        flow_request_with(flow_listed(client, WAIT_MS), flow_company(i));
}

static void count_return(struct engine_call *call)
{
    (*(int *)call->arg)++;
}

void flow_post(struct engine_call *call, int *returns)
{
    call->reply_to = flow.inbox;
    call->done = count_return;
    call->arg = returns;
    engine_post(flow.engine, call);
    flow_settle();
    inbox_run_all(flow.inbox);
}

void flow_call(struct engine_call *call)
{
    int returns = 0;

    flow_post(call, &returns);
    ck_assert_int_eq(returns, 1);
}

void flow_settle(void)
{
    for (int quiet = 0; quiet < SETTLED_AFTER; quiet++) {
        unsigned before = fake_activity(flow.transport);
        engine_turn(flow.engine);
        fake_upstream_turn(flow.upstream);
        if (fake_activity(flow.transport) != before || engine_next_ms(flow.engine) <= flow_now_ms())
            quiet = -1;
    }
}

void flow_advance(int64_t ms)
{
    int64_t end = flow_now_ms() + ms;

    flow_settle();
    for (;;) {
        int64_t next = engine_next_ms(flow.engine);
        if (fake_upstream_next_ms(flow.upstream) < next)
            next = fake_upstream_next_ms(flow.upstream);
        if (next > end)
            break;
        clock_advance(engine_clock(flow.engine), next - flow_now_ms());
        flow_settle();
    }
    clock_advance(engine_clock(flow.engine), end - flow_now_ms());
    flow_settle();
}

int64_t flow_now_ms(void)
{
    return engine_clock(flow.engine)->now_ms;
}
