/* SPDX-License-Identifier: MIT */
/* plan.c - see plan.h. */
#include "plan.h"

#include "oracle.h"
#include "plan_steps.h"
#include "repeatable_ids.h"
#include "slow_calls.h"
#include "tests/flow/fake_transport.h"
#include "tests/flow/flow.h"
#include "trace.h"

#include "base/mem.h"
#include <string.h>

#define STEPS         24
#define ITERATIONS    10000 /* at one instant */
#define CACHE_BYTES   (1 << 20)
#define HOLD_MS       20000
#define FAILED_MS     10000
#define FAULTS_MAX_MS (3 * HOUR_MS) /* within which everything ends once there are no faults */

const char *const plan_domains[PLAN_DOMAINS] = {
    "milvali.com",  "errored1.com", "reject-me.org", "example-two.com",
    "errored2.com", "three.net",    "four.org",      "five.com",
};

static const struct account_ref accounts[] = {
    {"one", ACCOUNT_NO_QUOTA, 1}, {"two", ACCOUNT_NO_QUOTA, 3}, {"few", 3, 1}};

size_t plan_below(size_t n)
{
    return (size_t)random_below(&plan.random, n);
}

bool plan_happens(int percent)
{
    return random_below(&plan.random, 100) < (uint64_t)percent;
}

int64_t plan_choose(const int64_t *values, size_t n)
{
    return values[plan_below(n)];
}

void plan_take_calls(void)
{
    slow_calls_start(&plan.random, oracle_posted);
}

/* ---- time ---- */

static int64_t next_ms(void)
{
    int64_t next = engine_next_ms(flow.engine), other = fake_upstream_next_ms(flow.upstream);

    next = other < next ? other : next;
    other = slow_calls_next_ms();
    return other < next ? other : next;
}

static void settle(void)
{
    int n = 0;

    for (int quiet = 0; quiet < 2; quiet++) {
        unsigned before = fake_activity(flow.transport);
        slow_calls_run();
        engine_turn(flow.engine);
        fake_upstream_turn(flow.upstream);
        inbox_run_all(flow.inbox);
        if (fake_activity(flow.transport) != before || next_ms() <= flow_now_ms())
            quiet = -1;
        if (++n > ITERATIONS)
            trace_fail("the engine does not come to rest");
    }
    plan_note_confirmed();
    oracle_check();
}

void plan_advance(int64_t ms)
{
    int64_t end = flow_now_ms() + ms;

    settle();
    for (int64_t next; (next = next_ms()) <= end; settle())
        if (next > flow_now_ms())
            clock_advance(engine_clock(flow.engine), next - flow_now_ms());
    clock_advance(engine_clock(flow.engine), end - flow_now_ms());
    settle();
}

/* ---- the run ---- */

static struct engine_options draw_options(void)
{
    static const int64_t sizes[] = {1, 2, 3, 100}, lingers_ms[] = {0, 100, 1000};
    struct engine_options options = flow_options();

    options.results.unknown_hold_ms = HOLD_MS;
    options.results.ttl_failed_ms = FAILED_MS;
    options.batch.size = (size_t)plan_choose(sizes, ARRAY_LEN(sizes));
    options.batch.linger_ms = plan_choose(lingers_ms, ARRAY_LEN(lingers_ms));
    options.batch.slots = 1 + (int)plan_below(3);
    options.batch.retry_unknown = plan_happens(15);
    options.credits_per_day = plan_happens(10) ? 6 : 0;
    if (plan_happens(10))
        options.max_waiters = 4;
    if (plan_happens(40))
        options.batch.notify_url = "https://emailsd.example/notify";
    return options;
}

static void set_up_upstream(void)
{
    static const int64_t submits_ms[] = {0, 500, 2000, 8000}, tasks_ms[] = {0, 1000, 5000, 20000},
                         reads_ms[] = {0, 0, 50, 500};

    plan.options.submit_ms = plan_choose(submits_ms, ARRAY_LEN(submits_ms));
    fake_upstream_set_submit_ms(flow.upstream, plan.options.submit_ms);
    fake_upstream_set_task_ms(flow.upstream, plan_choose(tasks_ms, ARRAY_LEN(tasks_ms)));
    fake_upstream_set_read_ms(flow.upstream, plan_choose(reads_ms, ARRAY_LEN(reads_ms)));
    if (plan_happens(30))
        fake_upstream_rule(flow.upstream,
                           (struct fake_rule){.domain = plan_domains[2], .is_rejected = true});
    if (plan_happens(20))
        fake_upstream_charge(flow.upstream);
}

static void start(uint64_t seed)
{
    plan = (struct plan){.random = {seed}};
    repeatable_ids_start(seed);
    struct engine_options options = draw_options();
    plan.has_notify_url = options.batch.notify_url != NULL;
    plan.options = (struct oracle_options){.domains = plan_domains,
                                           .n_domains = 2 + plan_below(PLAN_DOMAINS - 1),
                                           .accounts = accounts,
                                           .n_accounts = ARRAY_LEN(accounts),
                                           .unknown_hold_ms = HOLD_MS,
                                           .ttl_failed_ms = FAILED_MS,
                                           .credits_per_day = options.credits_per_day,
                                           .retries_unknown = options.batch.retry_unknown};
    flow_set_cache_bytes(plan_happens(25) ? 0 : CACHE_BYTES);
    flow_start(options);
    trace_start(seed);
    set_up_upstream();
    slow_calls_set(&(struct slow_profile){0});
    slow_calls_break_until(0);
    oracle_start(&plan.options);
    plan_start_others();
    plan_take_calls();
}

/* From now on, nothing fails. */
static void end_faults(void)
{
    trace_add("no faults any more");
    slow_calls_set(&(struct slow_profile){0});
    slow_calls_break_until(0);
    fake_upstream_clear_faults(flow.upstream);
    fake_upstream_set_balance(flow.upstream, 10000);
    engine_set_paused(flow.engine, false);
    oracle_paused(false);
}

static void wait_until_quiet(void)
{
    int64_t until_ms = flow_now_ms() + FAULTS_MAX_MS;

    plan_advance(2000); /* the news */
    for (const char *what; (what = oracle_what_waits()) || plan.n_calls_open; plan_advance(1000))
        if (flow_now_ms() > until_ms)
            trace_fail("at the end, something waits: %s", what ? what : "a call of the engine");
}

uint64_t plan_run(uint64_t seed)
{
    static const int64_t pauses_ms[] = {0, 0, 1, 20, 150, 600, 1500, 4000, 11000, 25000};

    start(seed);
    for (size_t n = 4 + plan_below(STEPS); n > 0; n--) {
        plan_step();
        plan_advance(plan_choose(pauses_ms, ARRAY_LEN(pauses_ms)));
    }
    end_faults();
    wait_until_quiet();
    oracle_check_end();
    plan_restart(0);
    plan_advance(2000);
    oracle_check_end();
    slow_calls_end();
    return trace_hash();
}
