/* SPDX-License-Identifier: MIT */
/* calls.h - records what clients sent: a counter per kind of call, and the last requests in
 * detail.
 *
 * A call is counted when it has been read completely. Its record exists from its headers on, so
 * that a truncated request is recorded, too. Only calls to the upstream are counted, not those
 * below /sim/. Of a key, only the name of its header is stored. One thread. */
#ifndef SIMULATOR_CALLS_H
#define SIMULATOR_CALLS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Kinds of calls, as faults and counters name them. */
enum call_kind {
    CALL_SUBMIT,
    CALL_STATUS,
    CALL_TASK_IDS,
    CALL_TASK,
    CALL_BALANCE,
    CALL_OTHER, /* unknown route: 404 */
    CALL_KINDS
};

extern const char *const call_names[CALL_KINDS];

#define RECORDS 1000

/* The record owns the strings; NULL = the request had no such header. */
struct record {
    uint64_t n; /* from 1 */
    int64_t wall_ms;
    enum call_kind kind;
    uint64_t connection; /* the number of its connection */
    char *method, *path, *version;
    char *host, *user_agent, *connection_header, *content_type, *accept, *accept_encoding, *expect;
    bool x_api_key, bearer, authorized;
    bool complete; /* read completely */
    size_t body_length;
};

struct calls {
    uint64_t by_kind[CALL_KINDS];
    uint64_t unauthorized;
    uint64_t connections;   /* connections with at least one call to the upstream */
    uint64_t accept_closed; /* closed right after accept(), by a fault */
    uint64_t n_records;     /* total */
    struct record records[RECORDS];
};

/* Returns an empty record with its number set; overwrites the oldest. */
struct record *calls_record(struct calls *calls);

/* Returns the record with this number, NULL if it was overwritten. */
struct record *calls_find(struct calls *calls, uint64_t n);

/* Resets everything, as after calloc(). */
void calls_clear(struct calls *calls);

/* Appends a JSON array, oldest first. */
void calls_write_requests(const struct calls *calls, struct buf *out);

#endif
