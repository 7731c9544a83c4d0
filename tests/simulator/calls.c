/* SPDX-License-Identifier: MIT */
/* calls.c - see calls.h. The records are a ring: number n lives at (n - 1) % RECORDS. */
#include "tests/simulator/calls.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>

const char *const call_names[CALL_KINDS] = {
    [CALL_SUBMIT] = "submit", [CALL_STATUS] = "status",   [CALL_TASK_IDS] = "task_ids",
    [CALL_TASK] = "task",     [CALL_BALANCE] = "balance", [CALL_OTHER] = "other",
};

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
    *record = (struct record){0};
}

struct record *calls_record(struct calls *calls)
{
    struct record *record = &calls->records[calls->n_records % RECORDS];

    record_done(record);
    record->n = ++calls->n_records;
    return record;
}

struct record *calls_find(struct calls *calls, uint64_t n)
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
