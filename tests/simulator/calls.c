/* SPDX-License-Identifier: MIT */
/* calls.c - a call to the upstream: its record, its delay, and its lifecycle; see sim.h.
 *
 * The records are a ring buffer: number n is at (n - 1) % RECORDS. A call begins to sleep within
 * libmicrohttpd's handler, which suspends the connection when it sees the state. From then on
 * this file owns the connection until it is resumed. The steps: call_serve() selects a fault and
 * sleeps, act() handles, finish() applies the fault. */
#include "tests/simulator/sim.h"

#include "base/json.h"
#include "base/mem.h"
#include "tests/simulator/coding.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utlist.h>

/* ---- records ---- */

static void record_done(struct record *record)
{
    free(record->method);
    free(record->path);
    free(record->version);
    free(record->host);
    free(record->user_agent);
    free(record->connection_header);
    free(record->content_type);
    free(record->accept);
    free(record->accept_encoding);
    free(record->expect);
    free(record->cache_control);
    *record = (struct record){0};
}

/* Returns an empty record with its number set; overwrites the oldest. */
static struct record *add_record(struct calls *calls)
{
    struct record *record = &calls->records[calls->n_records % RECORDS];

    record_done(record);
    record->n = ++calls->n_records;
    return record;
}

/* Returns the record with this number, NULL if it was overwritten. */
static struct record *find_record(struct calls *calls, uint64_t n)
{
    struct record *record = &calls->records[(n - 1) % RECORDS];

    return n && record->n == n ? record : NULL;
}

void calls_clear(struct calls *calls)
{
    for (size_t i = 0; i < RECORDS; i++)
        record_done(&calls->records[i]);
    *calls = (struct calls){0};
}

static void add_text(struct buf *out, const char *key, const char *value)
{
    buf_addf(out, ",\"%s\":", key);
    json_add_text(out, value);
}

static void add_bool(struct buf *out, const char *key, bool value)
{
    buf_addf(out, ",\"%s\":%s", key, value ? "true" : "false");
}

static const char *auth_word(const struct record *record)
{
    if (record->x_api_key)
        return record->bearer ? "both" : "X-API-Key";
    return record->bearer ? "Bearer" : "none";
}

static void write_record(const struct record *record, struct buf *out)
{
    buf_addf(out, "{\"n\":%llu,\"at_ms\":%lld,\"connection_number\":%llu",
             (unsigned long long)record->n, (long long)record->wall_ms,
             (unsigned long long)record->connection);
    add_text(out, "call", call_names[record->kind]);
    add_text(out, "method", record->method);
    add_text(out, "path", record->path);
    add_text(out, "version", record->version);
    add_text(out, "host", record->host);
    add_text(out, "user_agent", record->user_agent);
    add_text(out, "connection", record->connection_header);
    add_text(out, "content_type", record->content_type);
    add_text(out, "accept", record->accept);
    add_text(out, "accept_encoding", record->accept_encoding);
    add_text(out, "expect", record->expect);
    add_text(out, "cache_control", record->cache_control);
    add_text(out, "auth", auth_word(record));
    add_bool(out, "authorized", record->authorized);
    add_bool(out, "complete", record->complete);
    buf_addf(out, ",\"body_length\":%zu}", record->body_length);
}

void calls_write_requests(const struct calls *calls, struct buf *out)
{
    uint64_t n = calls->n_records;
    uint64_t first = n > RECORDS ? n - RECORDS : 0;

    buf_add_str(out, "[");
    for (uint64_t i = first; i < n; i++) {
        buf_add_str(out, i > first ? ",\n" : "");
        write_record(&calls->records[i % RECORDS], out);
    }
    buf_add_str(out, "]");
}

/* ---- sleep ---- */

static void leave_list(struct call *call)
{
    timer_disarm(&call->sim->loop.timers, &call->timer);
    DL_DELETE(call->sim->asleep, call);
    call->sim->n_asleep--;
}

static void resume(struct call *call)
{
    call->sim->resumed = true;
    MHD_resume_connection(call->connection);
}

void call_wake(struct call *call)
{
    leave_list(call);
    call->state = CALL_READING;
    call->next_step(call);
    if (call->state != CALL_ASLEEP)
        resume(call);
}

static void time_is_up(struct timer *timer)
{
    call_wake(container_of(timer, struct call, timer));
}

void call_sleep(struct call *call, int64_t at_ms, call_next_fn *next_step)
{
    struct sim *sim = call->sim;

    if (at_ms <= sim->loop.clock.now_ms) {
        next_step(call);
        return;
    }
    call->state = CALL_ASLEEP;
    call->next_step = next_step;
    DL_APPEND(sim->asleep, call);
    sim->n_asleep++;
    timer_arm(&sim->loop.timers, &call->timer, at_ms, time_is_up);
}

void call_resleep(struct call *call, int64_t at_ms)
{
    timer_arm(&call->sim->loop.timers, &call->timer, at_ms, time_is_up);
}

void call_drop(struct call *call)
{
    leave_list(call);
    call->state = CALL_DROPPED;
    resume(call);
}

const char *call_header(const struct call *call, const char *name)
{
    return MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, name);
}

const char *call_query(const struct call *call, const char *name)
{
    return MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* ---- lifecycle ---- */

static char *header_copy(const struct call *call, const char *name)
{
    const char *value = call_header(call, name);

    return value ? xstrdup(value) : NULL;
}

/* Returns the index of the key, KEYS_MAX for an unknown key. */
static size_t find_key(const struct sim *sim, const char *key)
{
    for (size_t i = 0; key && i < sim->n_keys; i++)
        if (strcmp(sim->keys[i], key) == 0)
            return i;
    return KEYS_MAX;
}

static const char *bearer_key(const struct call *call)
{
    const char *value = call_header(call, "Authorization");

    return value && strncasecmp(value, "Bearer ", 7) == 0 ? value + 7 : NULL;
}

static void authorize(struct call *call)
{
    size_t key = find_key(call->sim, call_header(call, "X-API-Key"));

    if (key == KEYS_MAX)
        key = find_key(call->sim, bearer_key(call));
    call->api.authorized = key < KEYS_MAX;
    call->api.key = key;
}

void call_headers(struct call *call, const char *version, uint64_t connection)
{
    struct record *record = add_record(call->sim->calls);
    autofree char *raw_path = xstrndup(call->uri, strcspn(call->uri, "?"));

    api_route(&call->api, call->method, raw_path);
    authorize(call);
    call->record = record->n;
    record->wall_ms = call->sim->loop.clock.wall_ms;
    record->kind = call->api.kind;
    record->connection = connection;
    record->method = xstrdup(call->method);
    record->path = xstrdup(call->uri);
    record->version = xstrdup(version);
    record->host = header_copy(call, "Host");
    record->user_agent = header_copy(call, "User-Agent");
    record->connection_header = header_copy(call, "Connection");
    record->content_type = header_copy(call, "Content-Type");
    record->accept = header_copy(call, "Accept");
    record->accept_encoding = header_copy(call, "Accept-Encoding");
    record->expect = header_copy(call, "Expect");
    record->cache_control = header_copy(call, "Cache-Control");
    record->x_api_key = call_header(call, "X-API-Key") != NULL;
    record->bearer = bearer_key(call) != NULL;
    record->authorized = call->api.authorized;
}

static enum sent_coding coding_of(const struct call *call)
{
    bool has_own = call->fault && call->fault->coding != CODINGS;

    return (enum sent_coding)(has_own ? call->fault->coding : call->sim->behaviour.content_coding);
}

static void finish(struct call *call)
{
    const struct fault *fault = call->fault;

    if (fault)
        fault_change(fault, &call->reply);
    coding_apply(coding_of(call), call_header(call, "Accept-Encoding"), &call->reply);
    bool scripted = fault && fault_script(fault, &call->reply, &call->script);
    call->state = scripted ? CALL_SCRIPTED : CALL_READY;
}

static void act(struct call *call)
{
    const struct fault *fault = call->fault;

    if (fault && call->api.kind == CALL_SUBMIT && !fault->after_creating)
        reply_detail(&call->reply, 500, "internal failure");
    else
        api_handle(&call->sim->upstream, &call->api, &call->reply);
    if (fault && fault->kind == FAULT_DELAY)
        call_sleep(call, call->sim->loop.clock.now_ms + fault->ms, finish);
    else
        finish(call);
}

static int64_t due_ms(const struct call *call)
{
    const struct behaviour *behaviour = &call->sim->behaviour;

    if (call->api.kind != CALL_SUBMIT || (call->fault && !call->fault->after_delay))
        return call->arrived_ms;
    if (!call->api.authorized && !behaviour->auth_delay)
        return call->arrived_ms;
    return call->arrived_ms + behaviour->submit_delay_ms;
}

/* Counts a read in its second. Returns whether it is one too many. */
static bool is_throttled(const struct call *call)
{
    struct calls *calls = call->sim->calls;
    int64_t limit = call->sim->behaviour.reads_per_second;
    bool is_read = call->api.kind == CALL_STATUS || call->api.kind == CALL_TASK_IDS ||
                   call->api.kind == CALL_TASK;

    if (!limit || !is_read)
        return false;
    if (call->arrived_ms - calls->second_ms >= 1000) {
        calls->second_ms = call->arrived_ms;
        calls->in_second = 0;
    }
    return ++calls->in_second > limit;
}

static void throttle(struct call *call)
{
    call->sim->calls->throttled++;
    reply_detail(&call->reply, 429, "rate limit exceeded");
    reply_header(&call->reply, "Retry-After", "1", 1);
    finish(call);
}

void call_serve(struct call *call)
{
    struct calls *calls = call->sim->calls;
    struct record *record = find_record(calls, call->record);

    if (record) {
        record->complete = true;
        record->body_length = call->body.len;
    }
    calls->by_kind[call->api.kind]++;
    calls->unauthorized += !call->api.authorized;
    call->arrived_ms = call->sim->loop.clock.now_ms;
    call->api.status = call_query(call, "status");
    call->api.body = buf_str(&call->body);
    call->api.body_len = call->body.len;
    if (is_throttled(call)) {
        throttle(call);
        return;
    }
    call->fault = faults_meet(&call->sim->faults, &call->sim->upstream, &call->api);
    call_sleep(call, due_ms(call), act);
}

void calls_retime(struct sim *sim)
{
    for (struct call *call = sim->asleep; call; call = call->next)
        if (call->next_step == act)
            call_resleep(call, due_ms(call));
}
