/* SPDX-License-Identifier: MIT */
/* metrics.h - counters and gauges: one struct of plain numbers per thread, summed when read.
 *
 * Each thread writes only its own struct, so counting costs a load and a store, and no lock. A
 * reader loads the words of all threads while they change; each word is read atomically. Counters
 * start at 0 with the process. A gauge is written by one thread, mostly the engine, and is 0 in the
 * others, unless its comment says otherwise.
 *
 * Names and labels are in http/endpoints/metrics_table.c. Any thread. */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define METRICS_ROUTES    20 /* more than the route table has rows; asserted there */
#define METRICS_CODES     27 /* distinct statuses; the last index counts all others */
#define METRICS_DURATIONS 15 /* buckets of a duration, +Inf included */
#define METRICS_SIZES     8  /* buckets of a batch size, +Inf included */

/* Upper bounds; the last bucket has none. */
extern const int64_t metrics_duration_bounds_ms[METRICS_DURATIONS - 1];
extern const int64_t metrics_size_bounds[METRICS_SIZES - 1];

/* The statuses with an index of their own. Two stand for a request without a response: of the
 * upstream, and to a client that left before it (the number is nginx's). */
#define METRICS_NO_CODE       0
#define METRICS_CLIENT_CLOSED 499
extern const int metrics_codes[METRICS_CODES - 1];

enum metrics_outcome {
    CACHE_HIT,
    CACHE_STALE,
    CACHE_REFRESHING, /* stale, and a refresh was started */
    CACHE_MISS,
    CACHE_REFUSED,
    CACHE_OUTCOMES
};

enum metrics_refused { CONNECTION_OF_ALL, CONNECTION_OF_ADDRESS, CONNECTIONS_REFUSED };

enum metrics_flush { FLUSH_FULL, FLUSH_LINGER, FLUSH_SLOT, FLUSHES };

/* What a request to the notify URL belonged to. */
enum metrics_notification {
    NOTIFICATION_POLLED,    /* a batch that is collected */
    NOTIFICATION_IN_FLIGHT, /* a batch without a response to its submit */
    NOTIFICATION_LOST,      /* a batch whose outcome is unknown */
    NOTIFICATION_IGNORED,   /* nothing of ours, or nothing more to find out */
    NOTIFICATION_REJECTED,  /* unknown: too many waited */
    NOTIFICATIONS
};

#define METRICS_BULK_OUTCOMES 7 /* of enum bulk_outcome; asserted in the table */

enum metrics_operation {
    UPSTREAM_SUBMIT,
    UPSTREAM_STATUS,
    UPSTREAM_IDS,
    UPSTREAM_TASK,
    UPSTREAM_BALANCE,
    UPSTREAM_OPERATIONS
};

/* What the threads of the store execute. */
enum metrics_store {
    STORE_GROUP_OF_JOURNAL,
    STORE_CALL_OF_UPKEEP,
    STORE_CALL_OF_READ,
    STORE_CALLS
};

struct duration_histogram {
    uint64_t buckets[METRICS_DURATIONS]; /* not cumulative */
    uint64_t sum_ms;
};

struct size_histogram {
    uint64_t buckets[METRICS_SIZES];
    uint64_t sum;
};

/* Contains only uint64_t, so that it can be summed word by word. */
struct metrics {
    /* Counters of the HTTP workers: */
    uint64_t http_requests[METRICS_ROUTES][METRICS_CODES];
    struct duration_histogram http_durations[METRICS_ROUTES];
    uint64_t cache_outcomes[CACHE_OUTCOMES];
    uint64_t http_connections; /* a gauge: each worker counts its own */
    uint64_t http_streams;     /* the same, of streams */
    uint64_t http_connections_refused[CONNECTIONS_REFUSED]; /* by the limit that was reached */
    uint64_t
        notifications[NOTIFICATIONS]; /* workers count the rejected ones, the engine the rest */
    /* Counters of the engine: */
    uint64_t lookups_found, lookups_empty;
    uint64_t lookups_failed[ERR_PUBLIC_END];
    uint64_t lookups_coalesced;
    uint64_t bulk_entries[METRICS_BULK_OUTCOMES]; /* that have ended */
    uint64_t waiters_abandoned;
    uint64_t batches_flushed[FLUSHES];
    struct size_histogram batch_tasks;
    uint64_t unknown_outcomes;
    uint64_t batches_resolved, tasks_resolved; /* after an unknown outcome */
    uint64_t upstream_unreadable;
    uint64_t circuit_probes[2]; /* submits that probed the circuit: failed, accepted */
    uint64_t upstream_requests[UPSTREAM_OPERATIONS][METRICS_CODES];
    struct duration_histogram upstream_durations[UPSTREAM_OPERATIONS];
    /* Counters of the threads of the store: */
    struct size_histogram store_groups; /* calls in a group of the journal */
    struct duration_histogram store_durations[STORE_CALLS];
    /* Gauges of the engine: */
    uint64_t balance_known, balance; /* more are in lookup/status.h */
    /* Set once, by the main thread: */
    uint64_t http_connections_max, waiters_max, streams_max, bulks_max;
};

/* Returns the calling thread's struct. The first call allocates it; it lives as long as the
 * process. */
struct metrics *metrics_mine(void);

/* Update the calling thread's struct: `number`, `gauge` and `histogram` point into
 * metrics_mine(). */
void metrics_add(uint64_t *number, uint64_t n);
void metrics_set(uint64_t *gauge, uint64_t value);
void metrics_duration(struct duration_histogram *histogram, int64_t ms);
void metrics_size(struct size_histogram *histogram, size_t n);

/* Returns the index of a status or of one of the two numbers above. */
size_t metrics_code_index(int status);

/* Returns the sum over all threads, ended ones included. */
void metrics_read(struct metrics *ret_sum);

#endif
