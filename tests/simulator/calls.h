/* SPDX-License-Identifier: MIT */
/* calls.h - what clients sent: a counter per kind of call, and the last requests in detail.
 *
 * A call is counted when it has been read to its end; a record is there from its headers on, so
 * that a request which broke off can be seen, too. Only the upstream's side is counted: what tests
 * say under /sim/ leaves no trace. Of a key only the header it came in is kept. One thread. */
#ifndef SIMULATOR_CALLS_H
#define SIMULATOR_CALLS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Kinds of call, as faults and counters name them. */
enum call_kind {
    CALL_SUBMIT,
    CALL_STATUS,
    CALL_TASK_IDS,
    CALL_TASK,
    CALL_BALANCE,
    CALL_OTHER, /* no such route: 404 */
    CALL_KINDS
};

extern const char *const call_names[CALL_KINDS];

#define RECORDS 1000

/* Strings are the record's own; NULL = the request had no such header. */
struct record {
    uint64_t n; /* from 1 */
    int64_t wall_ms;
    enum call_kind kind;
    uint64_t connection; /* the number of its connection */
    char *method, *path, *version;
    char *host, *user_agent, *connection_header, *content_type, *accept, *accept_encoding, *expect;
    bool x_api_key, bearer, authorized;
    bool complete; /* read to its end */
    size_t body_length;
};

struct calls {
    uint64_t by_kind[CALL_KINDS];
    uint64_t unauthorized;
    uint64_t connections;   /* that carried at least one call of the upstream's */
    uint64_t accept_closed; /* closed right after accept(), by a fault */
    uint64_t n_records;     /* ever */
    struct record records[RECORDS];
};

/* A fresh record, emptied, with its number set; the oldest is overwritten. */
struct record *calls_record(struct calls *calls);

/* The record with this number, NULL when it was overwritten. */
struct record *calls_find(struct calls *calls, uint64_t n);

/* Back to nothing, as after calloc(). */
void calls_clear(struct calls *calls);

/* Appends a JSON array, oldest first. */
void calls_write_requests(const struct calls *calls, struct buf *out);

#endif
