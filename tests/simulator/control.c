/* SPDX-License-Identifier: MIT */
/* control.c - the control interface for tests, below /sim/; see sim.h. */
#include "tests/simulator/sim.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

/* ---- the ledger, and numbers by name ---- */

struct number {
    const char *name;
    uint64_t value;
};

#define NUMBERS 20

static void add_text(struct buf *out, const char *key, const char *value)
{
    buf_addf(out, ",\"%s\":", key);
    json_add_text(out, value);
}

static void write_task(const struct task *task, struct buf *out)
{
    buf_addf(out, "{\"n\":%zu", task->n);
    add_text(out, "batch_id", task->batch->id);
    add_text(out, "task_id", task->id);
    add_text(out, "domain", task->domain);
    add_text(out, "company_name", task->company_name);
    add_text(out, "city", task->city);
    add_text(out, "state", task->state);
    add_text(out, "country", task->country);
    add_text(out, "tracking_id", task->tracking_id);
    add_text(out, "notify_url", task->notify_url);
    buf_addf(out, ",\"at_ms\":%lld,\"answered\":%s}", (long long)task->wall_ms,
             task->batch->answered ? "true" : "false");
}

/* Appends every task ever created, in order; if `domain` is not NULL, those of that domain only. */
static void report_ledger(const struct sim *sim, const char *domain, struct buf *out)
{
    const struct upstream *upstream = &sim->upstream;
    const char *comma = "";

    buf_add_str(out, "[");
    for (size_t i = 0; i < upstream->n_tasks; i++) {
        if (domain && strcmp(domain, upstream->tasks[i]->domain) != 0)
            continue;
        buf_add_str(out, comma);
        write_task(upstream->tasks[i], out);
        comma = ",\n";
    }
    buf_add_str(out, "]");
}

/* Fills the NUMBERS counters that GET /sim/calls shows and GET /sim/wait waits for. */
static void report_numbers(const struct sim *sim, struct number *numbers)
{
    const struct calls *calls = sim->calls;
    const struct number rest[NUMBERS - CALL_KINDS] = {
        {"unauthorized", calls->unauthorized},
        {"connections", calls->connections},
        {"accept_closed", calls->accept_closed},
        {"throttled", calls->throttled},
        {"requests", calls->n_records},
        {"open", sim->open},
        {"scripts", sim->sockets.n},
        {"asleep", sim->n_asleep},
        {"batches", sim->upstream.n_batches},
        {"batches_answered", sim->upstream.n_answered},
        {"tasks", sim->upstream.n_tasks},
        {"tasks_done", sim->upstream.n_done},
        {"notified", sim->notifier.n_answered},
        {"notify_failed", sim->notifier.n_failed},
    };

    for (size_t i = 0; i < CALL_KINDS; i++)
        numbers[i] = (struct number){call_names[i], calls->by_kind[i]};
    memcpy(numbers + CALL_KINDS, rest, sizeof(rest));
}

/* ---- requests ---- */

#define WAIT_MS 30000

static void refuse(struct call *call, const char *why)
{
    reply_detail(&call->reply, 400, why);
}

static void get_ledger(struct call *call)
{
    report_ledger(call->sim, call_query(call, "domain"), &call->reply.body);
}

static void get_calls(struct call *call)
{
    struct number numbers[NUMBERS];

    report_numbers(call->sim, numbers);
    for (size_t i = 0; i < NUMBERS; i++)
        buf_addf(&call->reply.body, "%s\"%s\":%llu", i ? "," : "{", numbers[i].name,
                 (unsigned long long)numbers[i].value);
    buf_add_str(&call->reply.body, "}");
}

static void get_requests(struct call *call)
{
    calls_write_requests(call->sim->calls, &call->reply.body);
}

static void get_behaviour(struct call *call)
{
    behaviour_write(&call->sim->behaviour, &call->reply.body);
}

/* Calls in progress use the new delays, so that a test can hold a submit and release it. */
static void put_behaviour(struct call *call)
{
    struct sim *sim = call->sim;
    struct behaviour changed = sim->behaviour;
    const char *why = NULL;

    changed.credits = -1;
    if (behaviour_set_json(&changed, buf_str(&call->body), call->body.len, &why) != ERR_OK) {
        refuse(call, why);
        return;
    }
    if (changed.credits >= 0)
        sim->upstream.balance = changed.credits;
    else
        changed.credits = sim->behaviour.credits;
    sim->behaviour = changed;
    calls_retime(sim);
    upstream_retime(&sim->upstream, NULL);
    get_behaviour(call);
}

static const char *domain_of(const struct call *call)
{
    return call->path + strlen("/sim/domains/");
}

static void put_domain(struct call *call)
{
    struct sim *sim = call->sim;
    const char *why = NULL;
    enum err err =
        rules_put(sim->rules, domain_of(call), buf_str(&call->body), call->body.len, &why);

    if (err) {
        refuse(call, why);
        return;
    }
    upstream_retime(&sim->upstream, domain_of(call));
    buf_add_str(&call->reply.body, "{}");
}

static void delete_domain(struct call *call)
{
    if (rules_drop(call->sim->rules, domain_of(call)) != ERR_OK) {
        reply_detail(&call->reply, 404, "no rule for this domain");
        return;
    }
    upstream_retime(&call->sim->upstream, domain_of(call));
    buf_add_str(&call->reply.body, "{}");
}

static void post_fault(struct call *call)
{
    const char *why = NULL;
    uint64_t n = 0;

    if (faults_add(&call->sim->faults, buf_str(&call->body), call->body.len, &n, &why) == ERR_OK)
        buf_addf(&call->reply.body, "{\"n\":%llu}", (unsigned long long)n);
    else
        refuse(call, why);
}

static void get_faults(struct call *call)
{
    faults_write(&call->sim->faults, &call->reply.body);
}

static void delete_faults(struct call *call)
{
    faults_clear(&call->sim->faults);
    buf_add_str(&call->reply.body, "{}");
}

/* Sleeping calls and running scripts are aborted, so that no earlier call reaches the ledger
 * afterwards. */
static void post_reset(struct call *call)
{
    struct sim *sim = call->sim;

    while (sim->asleep)
        call_drop(sim->asleep);
    scripted_sockets_drop(&sim->sockets);
    notifier_clear(&sim->notifier);
    sim->resets++;
    sim->behaviour = sim->at_start;
    rules_clear(sim->rules);
    faults_clear(&sim->faults);
    calls_clear(sim->calls);
    upstream_clear(&sim->upstream);
    buf_add_str(&call->reply.body, "{}");
}

/* Returns whether every counter named in the query has reached its number; an unknown counter
 * never does. */
static bool have_come(const struct call *call)
{
    struct number numbers[NUMBERS];

    report_numbers(call->sim, numbers);
    for (size_t i = 0; i < NUMBERS; i++) {
        const char *text = call_query(call, numbers[i].name);
        int64_t wanted = 0;
        if (text && (parse_count(text, &wanted) != ERR_OK || numbers[i].value < (uint64_t)wanted))
            return false;
    }
    return true;
}

static void wait_over(struct call *call)
{
    call->reply.status = have_come(call) ? 200 : 408;
    get_calls(call);
    call->state = CALL_READY;
}

static void get_wait(struct call *call)
{
    const char *text = call_query(call, "timeout_ms");
    int64_t timeout_ms = WAIT_MS;

    if (text && parse_count(text, &timeout_ms) != ERR_OK)
        refuse(call, "timeout_ms");
    else if (have_come(call))
        wait_over(call);
    else
        call_sleep(call, call->sim->loop.clock.now_ms + timeout_ms, wait_over);
}

void control_recheck(struct sim *sim)
{
    struct call *next = NULL;

    for (struct call *call = sim->asleep; call; call = next) {
        next = call->next;
        if (call->next_step == wait_over && have_come(call))
            call_wake(call);
    }
}

static const struct {
    const char *method, *path; /* a path that ends in a slash is followed by a name */
    call_next_fn *run;
} routes[] = {
    {"GET", "/sim/ledger", get_ledger},       {"GET", "/sim/calls", get_calls},
    {"GET", "/sim/requests", get_requests},   {"GET", "/sim/wait", get_wait},
    {"GET", "/sim/behaviour", get_behaviour}, {"PUT", "/sim/behaviour", put_behaviour},
    {"PUT", "/sim/domains/", put_domain},     {"DELETE", "/sim/domains/", delete_domain},
    {"GET", "/sim/faults", get_faults},       {"POST", "/sim/faults", post_fault},
    {"DELETE", "/sim/faults", delete_faults}, {"POST", "/sim/reset", post_reset},
};

static bool matches(const char *route, const char *path)
{
    size_t len = strlen(route);

    if (route[len - 1] != '/')
        return strcmp(route, path) == 0;
    return strncmp(route, path, len) == 0 && path[len];
}

bool control_owns(const char *path)
{
    return strncmp(path, "/sim/", 5) == 0;
}

void control_call(struct call *call)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (strcmp(routes[i].method, call->method) != 0 || !matches(routes[i].path, call->path))
            continue;
        routes[i].run(call);
        if (call->state != CALL_ASLEEP)
            call->state = CALL_READY;
        return;
    }
    reply_detail(&call->reply, 404, "the simulator has no such control");
    call->state = CALL_READY;
}
