/* SPDX-License-Identifier: MIT */
/* plan_steps.c - see plan_steps.h. */
#include "plan_steps.h"

#include "books.h"
#include "slow_calls.h"
#include "tests/flow/fake_transport.h"
#include "tests/flow/flow.h"
#include "tests/flow/weak_store.h"
#include "trace.h"

#include "base/mem.h"
#include <stdio.h>
#include <string.h>

struct plan plan;

static size_t any_domain(void)
{
    return plan_below(plan.options.n_domains);
}

static const char *name_of(size_t domain)
{
    return plan.options.domains[domain];
}

/* ---- callers ---- */

void plan_ask(size_t domain)
{
    static const int64_t waits_ms[] = {0, 100, 1500, 10000, 60000, 60000};
    const struct account_ref *account = &plan.options.accounts[plan_below(plan.options.n_accounts)];
    int64_t wait_ms = plan_choose(waits_ms, ARRAY_LEN(waits_ms));
    struct lookup_request request = {.account = *account,
                                     .wait_until_ms = flow_now_ms() + wait_ms,
                                     .directives = CACHE_DIRECTIVES_NONE,
                                     .max_waiters = plan_happens(5) ? 1 : 0};

    request.directives.refresh = plan_happens(15);
    request.directives.only_cached = !request.directives.refresh && plan_happens(8);
    request.is_listed = plan_happens(30);
    request.never_starts = request.is_listed && plan_happens(15);
    trace_add("%s asks about %s, waits %lld ms%s%s%s%s", account->name, name_of(domain),
              (long long)wait_ms, request.directives.refresh ? ", refresh" : "",
              request.directives.only_cached ? ", cached" : "", request.is_listed ? ", listed" : "",
              request.never_starts ? ", free" : "");
    oracle_asked(flow_request_with(request, name_of(domain)), domain);
}

static void step_ask(void)
{
    for (size_t n = 1 + plan_below(4); n > 0; n--)
        plan_ask(any_domain());
}

static void step_ask_together(void)
{
    size_t domain = any_domain();

    for (size_t n = 2 + plan_below(3); n > 0; n--)
        plan_ask(domain);
}

static void step_leave(void)
{
    const struct request_book *request;

    if (!books.n_requests)
        return;
    request = &books.requests[plan_below(books.n_requests)];
    if (request->caller->answers)
        return;
    trace_add("a caller leaves");
    oracle_abandoned(request->caller);
    engine_abandon(flow.engine, request->caller->request.ticket);
}

static void step_refresh(void)
{
    size_t domain = any_domain();
    struct slice fields[QUESTION_PARTS] = {{name_of(domain), strlen(name_of(domain))}};
    int64_t wall_ms = engine_clock(flow.engine)->wall_ms;
    struct question *question;
    struct errmsg why;

    if (question_new(fields, &question, &why))
        trace_fail("a domain is not valid");
    const struct result *expired =
        result_new_failure(question->key, ERR_LOOKUP_FAILED, NULL, CHARGED_NO, wall_ms, 0);
    trace_add("%s is refreshed", name_of(domain));
    oracle_refreshing_alone(domain);
    engine_refresh(flow.engine, question, &plan.options.accounts[0], expired, wall_ms);
    result_unref(expired);
}

/* ---- calls of the engine ---- */

static struct {
    struct forget_domain_call forget;
    struct find_lookup_call find;
    size_t domain;
    int64_t since_wall_ms;
} calls[PLAN_CALLS];

static void post(struct engine_call *call, engine_call_fn *run, engine_call_done_fn *done,
                 size_t index)
{
    call->run = run;
    call->reply_to = flow.inbox;
    call->done = done;
    call->arg = &calls[index];
    plan.n_calls_open++;
    engine_post(flow.engine, call);
}

static void was_deleted(struct engine_call *call)
{
    const struct forget_domain_call *forget = container_of(call, struct forget_domain_call, call);
    size_t i = (size_t)((__typeof__(&calls[0]))call->arg - calls);

    plan.n_calls_open--;
    trace_add("  deletion of %s: %s", forget->domain, forget->err ? err_words(forget->err) : "ok");
    if (!forget->err && !flow.is_dying)
        oracle_deleted(calls[i].domain, calls[i].since_wall_ms);
    else if (forget->err == ERR_PRECONDITION_FAILED && forget->precondition.any)
        oracle_not_deleted(calls[i].domain);
    else if (forget->err && forget->err != ERR_STORAGE_UNAVAILABLE)
        trace_fail("a deletion failed: %s", err_words(forget->err));
}

static void delete (size_t domain)
{
    size_t i = plan.n_calls;

    if (i == PLAN_CALLS)
        return;
    plan.n_calls++;
    calls[i].forget = (struct forget_domain_call){0};
    calls[i].domain = domain;
    calls[i].since_wall_ms = engine_clock(flow.engine)->wall_ms;
    snprintf(calls[i].forget.domain, sizeof calls[i].forget.domain, "%s", name_of(domain));
    memcpy(calls[i].forget.key, books.questions[domain].key, HASH_SIZE);
    trace_add("%s is deleted", name_of(domain));
    calls[i].forget.precondition.any = calls[i].forget.precondition.has_tags = plan_happens(30);
    oracle_deleting(domain);
    post(&calls[i].forget.call, engine_forget_domain, was_deleted, i);
}

static void step_delete(void)
{
    delete (any_domain());
}

static void was_found(struct engine_call *call)
{
    const struct find_lookup_call *find = container_of(call, struct find_lookup_call, call);

    plan.n_calls_open--;
    result_unref(find->result);
    if (find->err && find->err != ERR_NOT_FOUND && find->err != ERR_STORAGE_UNAVAILABLE)
        trace_fail("a lookup was not found: %s", err_words(find->err));
}

static void step_find(void)
{
    size_t i = plan.n_calls;

    if (i == PLAN_CALLS || !books.n_tasks)
        return;
    plan.n_calls++;
    calls[i].find = (struct find_lookup_call){0};
    memcpy(calls[i].find.id, books.tasks[plan_below(books.n_tasks)].lookup_id, ID_TEXT);
    post(&calls[i].find.call, engine_find_lookup, was_found, i);
}

/* ---- the upstream ---- */

static void step_upstream_fails(void)
{
    static const struct fake_fault refusals[] = {
        {.on = FAKE_SUBMIT, .status = 400, .body = "{\"detail\":\"rejected\"}"},
        {.on = FAKE_SUBMIT, .status = 402, .body = "{\"detail\":\"no credits\"}"},
        {.on = FAKE_SUBMIT, .status = 429, .body = "{\"detail\":\"slow\"}", .retry_after_s = 2},
        {.on = FAKE_SUBMIT, .end = TRANSPORT_NOT_SENT},
    };
    enum fake_call on = plan_happens(60) ? FAKE_SUBMIT : (enum fake_call)plan_below(FAKE_CALLS);
    struct fake_fault fault = plan_happens(45) ? refusals[plan_below(ARRAY_LEN(refusals))]
                                               : fake_fault_random(&plan.random, on);

    trace_add("call %d of the upstream fails: status %d, end %d%s", (int)fault.on, fault.status,
              (int)fault.end, fault.creates ? ", creates" : "");
    fake_upstream_fault(flow.upstream, fault);
}

static void step_balance(void)
{
    int64_t balance = plan_happens(50) ? (int64_t)plan_below(4) : 10000;

    trace_add("the balance is %lld", (long long)balance);
    fake_upstream_set_balance(flow.upstream, balance);
}

/* ---- the store ---- */

static void step_store(void)
{
    static const struct slow_profile profiles[] = {
        {0},
        {.delayed_percent = 60, .longest_ms = 300},
        {.delayed_percent = 40, .longest_ms = 4000},
        {.delayed_percent = 20, .longest_ms = 14000},
        {.failing_percent = 15},
        {.lost_percent = 15},
        {.delayed_percent = 50, .failing_percent = 8, .lost_percent = 8, .longest_ms = 1000},
        {.delayed_percent = 50, .failing_percent = 3, .lost_percent = 3, .longest_ms = 6000},
    };
    size_t i = plan_below(ARRAY_LEN(profiles));

    trace_add("the store behaves in way %zu", i);
    slow_calls_set(&profiles[i]);
}

/* Most faults are found where only one call has failed. */
static void step_one_call(void)
{
    static const struct slow_profile profiles[] = {
        {.failing_percent = 100},
        {.lost_percent = 100},
        {.delayed_percent = 100, .longest_ms = 12000},
        {.delayed_percent = 100, .lost_percent = 100, .longest_ms = 12000},
    };
    size_t i = plan_below(ARRAY_LEN(profiles));

    trace_add("the next call of the journal behaves in way %zu", i);
    slow_calls_set_next(&profiles[i]);
}

/* The cache may do that at any time. */
static void step_evict(void)
{
    trace_add("the cache is emptied");
    for (size_t i = 0; i < plan.options.n_domains; i++)
        cache_remove(flow.cache, books.questions[i].key);
}

static void step_store_breaks(void)
{
    static const int64_t times_ms[] = {1, 500, 3000, 15000};
    int64_t ms = plan_choose(times_ms, ARRAY_LEN(times_ms));

    trace_add("the store fails for %lld ms", (long long)ms);
    slow_calls_break_until(flow_now_ms() + ms);
}

/* A read is slow while what it has read is deleted. */
static void step_race(void)
{
    static const struct slow_profile slow_reads = {.delayed_percent = 50, .longest_ms = 4000};
    size_t domain = any_domain();

    step_evict();
    slow_calls_set(&slow_reads);
    plan_ask(domain);
    plan_advance((int64_t)plan_below(700));
    delete (domain);
}

/* ---- the operator ---- */

static void step_pause(void)
{
    bool paused = plan_happens(50);

    trace_add("%s", paused ? "pause" : "resume");
    oracle_paused(paused);
    engine_set_paused(flow.engine, paused);
}

static void step_reload(void)
{
    const struct engine_settings settings = {plan.options.credits_per_day, DAY_MS};

    trace_add("reload");
    engine_reload(flow.engine, &settings);
}

/* The first start may lose its replies: then it ends, and another one follows. */
static void start_again(void)
{
    slow_calls_end();
    flow.start_may_fail = plan_happens(20);
    if (flow.start_may_fail)
        weak_store_lose(flow.store, WEAK_END_BATCH, true);
    flow_restart();
    flow.start_may_fail = false;
    weak_store_lose_all(flow.store, false);
    inbox_run_all(flow.inbox);
    oracle_restarted();
    plan_continue_others();
    plan_take_calls();
}

static void step_kill(void)
{
    trace_add("kill");
    inbox_run_all(flow.inbox);
    fake_upstream_disconnect(flow.upstream, 50, &plan.random);
    flow_die();
    start_again();
}

void plan_restart(int64_t patience_ms)
{
    trace_add("stop within %lld ms", (long long)patience_ms);
    oracle_blocks();
    engine_drain(flow.engine, patience_ms);
    plan_advance(patience_ms);
    fake_upstream_disconnect(flow.upstream, 50, &plan.random);
    start_again();
}

static void step_restart(void)
{
    plan_restart(plan_happens(50) ? 0 : 5000);
}

/* ---- the choice ---- */

void plan_step(void)
{
    static const struct {
        int weight;
        void (*run)(void);
    } steps[] = {
        {30, step_ask},         {14, step_ask_together},   {6, step_leave},
        {3, step_refresh},      {8, step_delete},          {3, step_find},
        {8, plan_watch},        {14, step_upstream_fails}, {2, step_balance},
        {3, plan_notify},       {4, plan_find_late},       {7, step_store},
        {10, step_one_call},    {6, step_evict},           {4, step_race},
        {5, step_store_breaks}, {2, plan_other_deletes},   {2, plan_not_taken},
        {2, step_pause},        {2, step_reload},          {5, step_kill},
        {2, step_restart},
    };
    int all = 0;

    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        all += steps[i].weight;
    int drawn = (int)plan_below((size_t)all);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if ((drawn -= steps[i].weight) < 0) {
            steps[i].run();
            return;
        }
}
