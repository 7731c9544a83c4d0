/* SPDX-License-Identifier: MIT */
/* fake_upstream.c - see fake_upstream.h. Searches by domain are linear: the tests that use them
 * have at most a few hundred tasks. */
#include "fake_upstream.h"

#include "base/mem.h"
#include "fake_transport.h"
#include "tests/simulator/api.h"
#include "tests/support/suite.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define RULES    16
#define FAULTS   64
#define RULE_MAX 1024 /* bytes of a rule as JSON */

static_assert((int)FAKE_SUBMIT == (int)CALL_SUBMIT && (int)FAKE_STATUS == (int)CALL_STATUS &&
                  (int)FAKE_TASK_IDS == (int)CALL_TASK_IDS && (int)FAKE_TASK == (int)CALL_TASK &&
                  (int)FAKE_BALANCE == (int)CALL_BALANCE,
              "the kinds of calls are those of the simulator");

/* A call that waits for its response. */
struct pending {
    struct transfer *transfer;
    struct api_call api;
    int64_t due_ms;
    bool has_fault;
    struct fake_fault fault;
    struct pending *prev, *next;
};

struct fake_upstream {
    struct transport *transport;
    struct timers timers; /* of the model */
    struct behaviour behaviour;
    struct rules *rules;
    struct upstream model;
    bool only_once;
    int64_t read_ms;
    const char *rejected[RULES];
    size_t n_rejected;
    struct fake_fault faults[FAULTS];
    size_t n_faults;
    int random_percent;
    struct random random;
    struct pending *pending;
    size_t n_calls[FAKE_CALLS];
    char notify_token[64]; /* of the last submit */
};

struct fake_upstream *fake_upstream_new(struct transport *transport, const struct clock *clock)
{
    struct fake_upstream *upstream = xcalloc(1, sizeof *upstream);

    upstream->transport = transport;
    upstream->only_once = true;
    upstream->behaviour = behaviour_default();
    upstream->behaviour.reserve_per_task = 0;
    upstream->behaviour.price_per_email = 0;
    upstream->rules = rules_new();
    timers_init(&upstream->timers);
    upstream->model = (struct upstream){.clock = clock,
                                        .timers = &upstream->timers,
                                        .behaviour = &upstream->behaviour,
                                        .rules = upstream->rules};
    upstream_init(&upstream->model);
    return upstream;
}

struct upstream *fake_upstream_model(struct fake_upstream *upstream)
{
    return &upstream->model;
}

void fake_upstream_set_clock(struct fake_upstream *upstream, const struct clock *clock)
{
    upstream->model.clock = clock;
}

static void remove_pending(struct fake_upstream *upstream, struct pending *pending)
{
    DL_DELETE(upstream->pending, pending);
    free(pending->api.id);
    free(pending);
}

void fake_upstream_free(struct fake_upstream *upstream)
{
    while (upstream->pending)
        remove_pending(upstream, upstream->pending);
    upstream_done(&upstream->model);
    timers_done(&upstream->timers);
    rules_free(upstream->rules);
    free(upstream);
}

void fake_upstream_set_submit_ms(struct fake_upstream *upstream, int64_t ms)
{
    upstream->behaviour.submit_delay_ms = ms;
}

void fake_upstream_set_read_ms(struct fake_upstream *upstream, int64_t ms)
{
    upstream->read_ms = ms;
}

void fake_upstream_set_task_ms(struct fake_upstream *upstream, int64_t ms)
{
    upstream->behaviour.task_time_ms = ms;
}

void fake_upstream_list_only_at_end(struct fake_upstream *upstream)
{
    upstream->behaviour.list_only_at_end = true;
}

void fake_upstream_ignore_status_filter(struct fake_upstream *upstream)
{
    upstream->behaviour.status_filter = FILTER_IGNORE;
}

static void add_member(struct buf *json, const char *key, const char *value)
{
    buf_addf(json, "%s\"%s\":%s", json->len > 1 ? "," : "", key, value);
}

static void add_text(struct buf *json, const char *key, const char *text)
{
    autobuf struct buf value = BUF_INIT(RULE_MAX);

    json_add_text(&value, text);
    add_member(json, key, buf_str(&value));
}

void fake_upstream_rule(struct fake_upstream *upstream, struct fake_rule rule)
{
    autobuf struct buf json = BUF_INIT(RULE_MAX);
    const char *why = NULL;

    if (rule.is_rejected) {
        /* The body has identifiers too: hexadecimal text could be a part of one. */
        ck_assert_uint_lt(strspn(rule.domain, "0123456789abcdef-"), strlen(rule.domain));
        ck_assert_uint_lt(upstream->n_rejected, RULES);
        upstream->rejected[upstream->n_rejected++] = rule.domain;
        return;
    }
    buf_add_str(&json, "{");
    if (rule.task_ms)
        buf_addf(&json, "\"time_ms\":%lld", (long long)rule.task_ms);
    if (rule.state)
        add_text(&json, "state", rule.state);
    if (rule.data)
        add_member(&json, "data", rule.data);
    if (rule.tracking_id)
        add_text(&json, "tracking_id", rule.tracking_id);
    buf_add_str(&json, "}");
    ck_assert_int_eq(rules_put(upstream->rules, rule.domain, buf_str(&json), json.len, &why),
                     ERR_OK);
    upstream_retime(&upstream->model, rule.domain);
}

void fake_upstream_fault(struct fake_upstream *upstream, struct fake_fault fault)
{
    ck_assert_uint_lt(upstream->n_faults, FAULTS);
    upstream->faults[upstream->n_faults++] = fault;
}

void fake_upstream_set_balance(struct fake_upstream *upstream, int64_t balance)
{
    upstream->model.balance = balance;
}

void fake_upstream_charge(struct fake_upstream *upstream)
{
    upstream->behaviour.reserve_per_task = 1000; /* thousandths */
    upstream->behaviour.price_per_email = 1000;
}

void fake_upstream_clear_faults(struct fake_upstream *upstream)
{
    upstream->n_faults = 0;
}

void fake_upstream_fail_randomly(struct fake_upstream *upstream, int percent, unsigned seed)
{
    upstream->random_percent = percent;
    upstream->random = (struct random){seed};
}

/* ---- faults ---- */

/* Returns whether the call is for a batch that has a task of that domain. */
static bool is_beside(const struct fake_upstream *upstream, const struct api_call *call,
                      const char *domain)
{
    const struct task *task =
        call->kind == CALL_TASK ? upstream_task(&upstream->model, call->id) : NULL;
    const struct batch *batch = task ? task->batch : NULL;

    if (call->kind == CALL_STATUS || call->kind == CALL_TASK_IDS)
        batch = upstream_batch(&upstream->model, call->id);
    for (size_t i = 0; batch && i < batch->n_tasks; i++)
        if (strcmp(batch->tasks[i]->domain, domain) == 0)
            return true;
    return false;
}

static bool is_for(const struct fake_upstream *upstream, const struct fake_fault *fault,
                   const struct api_call *call)
{
    if ((int)fault->on != (int)call->kind ||
        (fault->beside && !is_beside(upstream, call, fault->beside)))
        return false;
    return !fault->filter || strcmp(fault->filter, call->status ? call->status : "") == 0;
}

static void choose_fault(struct fake_upstream *upstream, struct pending *call)
{
    for (size_t i = 0; i < upstream->n_faults; i++) {
        if (!is_for(upstream, &upstream->faults[i], &call->api))
            continue;
        call->has_fault = true;
        call->fault = upstream->faults[i];
        if (!call->fault.is_permanent)
            memmove(&upstream->faults[i], &upstream->faults[i + 1],
                    (--upstream->n_faults - i) * sizeof upstream->faults[0]);
        return;
    }
    if (random_below(&upstream->random, 100) < (uint64_t)upstream->random_percent) {
        call->has_fault = true;
        call->fault = fake_fault_random(&upstream->random, (enum fake_call)call->api.kind);
    }
}

/* ---- responses ---- */

static bool is_rejected(const struct fake_upstream *upstream, const struct api_call *call)
{
    for (size_t i = 0; call->kind == CALL_SUBMIT && i < upstream->n_rejected; i++)
        if (strstr(call->body, upstream->rejected[i]))
            return true;
    return false;
}

static void answer_cut(struct transfer *transfer, struct reply *reply,
                       const struct fake_fault *fault)
{
    autofree char *body = xstrndup(buf_str(&reply->body), reply->body.len - fault->n_cut);

    fake_answer(transfer, fault->status, body, -1);
}

static void respond(struct fake_upstream *upstream, struct pending *call)
{
    const struct fake_fault *fault = &call->fault;
    struct reply reply;

    reply_init(&reply);
    if (is_rejected(upstream, &call->api))
        reply_detail(&reply, 400, "this domain is rejected");
    else if (!call->has_fault || (call->api.kind == CALL_SUBMIT && fault->creates))
        api_handle(&upstream->model, &call->api, &reply);
    if (!call->has_fault)
        fake_answer(call->transfer, reply.status, buf_str(&reply.body), -1);
    else if (fault->n_cut)
        answer_cut(call->transfer, &reply, fault);
    else if (fault->status)
        fake_answer(call->transfer, fault->status, fault->body,
                    fault->retry_after_s ? fault->retry_after_s : -1);
    else
        fake_break(call->transfer, fault->end);
    reply_done(&reply);
}

/* ---- iterations ---- */

/* Fills the call from the request, as the simulator's HTTP server does. */
static void read_request(const struct transfer *transfer, struct api_call *call)
{
    static const char status[] = "?status=";
    const char *url = fake_url(transfer) + strlen(FAKE_UPSTREAM_URL);
    const char *query = strstr(url, status);
    autofree char *path = xstrndup(url, strcspn(url, "?"));

    call->authorized = true;
    call->status = query ? query + strlen(status) : NULL;
    call->body = fake_body(transfer);
    call->body_len = call->body ? strlen(call->body) : 0;
    api_route(call, call->body ? "POST" : "GET", path);
    ck_assert_msg(call->kind != CALL_OTHER, "the upstream does not know %s", path);
}

static void note_token(struct fake_upstream *upstream, const char *body)
{
    const char *url = strstr(body, "\"notify_url\":\"");
    size_t len = url ? strcspn(url + 14, "\"") : 0;
    const char *end = url ? url + 14 + len : NULL;

    upstream->notify_token[0] = '\0';
    if (!url)
        return;
    const char *token = memrchr(url, '/', (size_t)(end - url));
    ck_assert_ptr_nonnull(token);
    snprintf(upstream->notify_token, sizeof upstream->notify_token, "%.*s", (int)(end - token - 1),
             token + 1);
}

static void accept_call(struct fake_upstream *upstream, struct transfer *transfer)
{
    struct pending *call = xcalloc(1, sizeof *call);

    call->transfer = transfer;
    read_request(transfer, &call->api);
    upstream->n_calls[call->api.kind]++;
    if (call->api.kind == CALL_SUBMIT) {
        upstream->only_once = upstream->only_once && fake_only_once(transfer);
        note_token(upstream, call->api.body);
    }
    choose_fault(upstream, call);
    bool never_sent =
        call->has_fault && !call->fault.status && call->fault.end == TRANSPORT_NOT_SENT;
    call->due_ms = upstream->model.clock->now_ms;
    if (call->api.kind == CALL_SUBMIT && !never_sent)
        call->due_ms += upstream->behaviour.submit_delay_ms;
    if (call->api.kind != CALL_SUBMIT)
        call->due_ms += call->has_fault ? call->fault.takes_ms : upstream->read_ms;
    DL_APPEND(upstream->pending, call);
}

void fake_upstream_turn(struct fake_upstream *upstream)
{
    int64_t now_ms = upstream->model.clock->now_ms;
    struct transfer *transfer;
    struct pending *call, *next;

    timers_run(&upstream->timers, now_ms);
    while ((transfer = fake_next_new(upstream->transport)))
        accept_call(upstream, transfer);
    DL_FOREACH_SAFE (upstream->pending, call, next) {
        bool alive = fake_is_alive(upstream->transport, call->transfer);
        if (alive && call->due_ms > now_ms)
            continue;
        if (alive)
            respond(upstream, call);
        remove_pending(upstream, call);
    }
}

int64_t fake_upstream_next_ms(const struct fake_upstream *upstream)
{
    int64_t next = INT64_MAX;
    const struct pending *call;

    DL_FOREACH (upstream->pending, call)
        if (call->due_ms < next)
            next = call->due_ms;
    return next;
}

void fake_upstream_disconnect(struct fake_upstream *upstream, int percent, struct random *random)
{
    while (upstream->pending) {
        const struct pending *call = upstream->pending;
        struct reply reply;
        reply_init(&reply);
        if (call->api.kind == CALL_SUBMIT && random_below(random, 100) < (uint64_t)percent)
            api_handle(&upstream->model, &call->api, &reply);
        reply_done(&reply);
        remove_pending(upstream, upstream->pending);
    }
}

/* ---- results ---- */

size_t fake_upstream_calls(const struct fake_upstream *upstream, enum fake_call call)
{
    return upstream->n_calls[call];
}

size_t fake_upstream_ledger(const struct fake_upstream *upstream)
{
    return upstream->model.n_tasks;
}

size_t fake_upstream_ledger_of(const struct fake_upstream *upstream, const char *domain)
{
    size_t n = 0;

    for (size_t i = 0; i < upstream->model.n_tasks; i++)
        n += strcmp(upstream->model.tasks[i]->domain, domain) == 0;
    return n;
}

size_t fake_upstream_largest_batch(const struct fake_upstream *upstream)
{
    size_t largest = 0;

    for (size_t i = 0; i < upstream->model.n_tasks; i++)
        if (upstream->model.tasks[i]->batch->n_tasks > largest)
            largest = upstream->model.tasks[i]->batch->n_tasks;
    return largest;
}

static const struct task *task_of(const struct fake_upstream *upstream, const char *domain)
{
    for (size_t i = upstream->model.n_tasks; i > 0; i--)
        if (strcmp(upstream->model.tasks[i - 1]->domain, domain) == 0)
            return upstream->model.tasks[i - 1];
    ck_abort_msg("no task of %s", domain);
}

const char *fake_upstream_task_id(const struct fake_upstream *upstream, const char *domain)
{
    return task_of(upstream, domain)->id;
}

const char *fake_upstream_batch_id(const struct fake_upstream *upstream, const char *domain)
{
    return task_of(upstream, domain)->batch->id;
}

const char *fake_upstream_notify_token(const struct fake_upstream *upstream)
{
    return upstream->notify_token;
}

const char *fake_upstream_tracking_id(const struct fake_upstream *upstream, const char *domain)
{
    return task_of(upstream, domain)->tracking_id;
}

int64_t fake_upstream_done_ms(const struct fake_upstream *upstream, const char *domain)
{
    return task_of(upstream, domain)->timer.at_ms; /* it keeps its time when it has run */
}

bool fake_upstream_submits_were_only_once(const struct fake_upstream *upstream)
{
    return upstream->only_once;
}
