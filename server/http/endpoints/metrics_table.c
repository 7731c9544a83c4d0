/* SPDX-License-Identifier: MIT */
/* metrics_table.c - see metrics_table.h. To add a metric: add a number to base/metrics.h or
 * lookup/status.h, a row here with its field, or with a function if it has labels, and a line to
 * docs/metrics.md.
 *
 * Long because it is a table. */
#include "http/endpoints/metrics_table.h"

#include "base/log.h"
#include "base/mem.h"
#include "http/core/router.h"
#include "lookup/lists/bulk.h"
#include "version.h"

#include <stdio.h>
#include <string.h>

/* ---- kinds of samples ---- */

static void add_value(struct buf *out, const char *name, uint64_t value)
{
    buf_addf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void add_real(struct buf *out, const char *name, double value)
{
    buf_addf(out, "%s %.3f\n", name, value);
}

static void write_number(struct buf *out, const struct metric *metric,
                         const struct figures *figures)
{
    uint64_t value;

    memcpy(&value, (const char *)figures + metric->offset, sizeof value);
    add_value(out, metric->name, value);
}

static void write_real(struct buf *out, const struct metric *metric, const struct figures *figures)
{
    double value;

    memcpy(&value, (const char *)figures + metric->offset, sizeof value);
    add_real(out, metric->name, value);
}

/* `label` is the content of the braces except for `le`; "" = no label. The sum is passed as text
 * with all its digits, because small increments would be lost in a rounded number. */
static void add_histogram(struct buf *out, const char *name, const char *label,
                          const uint64_t *buckets, size_t n, const int64_t *bounds, double unit,
                          const char *sum)
{
    const char *comma = *label ? "," : "";
    const char *open = *label ? "{" : "", *close = *label ? "}" : "";
    uint64_t count = 0;

    for (size_t i = 0; i < n; i++) {
        count += buckets[i];
        buf_addf(out, "%s_bucket{%s%sle=\"", name, label, comma);
        if (i + 1 < n)
            buf_addf(out, "%g", (double)bounds[i] * unit);
        else
            buf_add_str(out, "+Inf");
        buf_addf(out, "\"} %llu\n", (unsigned long long)count);
    }
    buf_addf(out, "%s_sum%s%s%s %s\n", name, open, label, close, sum);
    buf_addf(out, "%s_count%s%s%s %llu\n", name, open, label, close, (unsigned long long)count);
}

static void add_durations(struct buf *out, const char *name, const char *label,
                          const struct duration_histogram *histogram)
{
    char sum[32];

    snprintf(sum, sizeof sum, "%llu.%03llu", (unsigned long long)histogram->sum_ms / 1000,
             (unsigned long long)histogram->sum_ms % 1000);
    add_histogram(out, name, label, histogram->buckets, METRICS_DURATIONS,
                  metrics_duration_bounds_ms, 0.001, sum);
}

static void add_code(struct buf *out, size_t i)
{
    if (i == METRICS_CODES - 1)
        buf_add_str(out, "other");
    else if (metrics_codes[i] == METRICS_NO_CODE)
        buf_add_str(out, "none");
    else if (metrics_codes[i] == METRICS_CLIENT_CLOSED)
        buf_add_str(out, "client-closed");
    else
        buf_addf(out, "%d", metrics_codes[i]);
}

static bool is_used(const struct duration_histogram *histogram)
{
    uint64_t any = 0;

    for (size_t i = 0; i < METRICS_DURATIONS; i++)
        any |= histogram->buckets[i];
    return any != 0;
}

/* ---- HTTP ---- */

static const char *route_word(size_t i)
{
    return i < n_routes ? routes[i].path : "other";
}

static void write_build(struct buf *out, const struct metric *metric, const struct figures *figures)
{
    (void)figures;
    buf_addf(out, "%s{version=\"%s\",revision=\"%s\"} 1\n", metric->name, EMAILSD_VERSION,
             EMAILSD_REVISION);
}

static void write_requests(struct buf *out, const struct metric *metric,
                           const struct figures *figures)
{
    for (size_t i = 0; i < METRICS_ROUTES; i++)
        for (size_t j = 0; j < METRICS_CODES; j++) {
            uint64_t n = figures->counted.http_requests[i][j];
            if (!n)
                continue;
            buf_addf(out, "%s{route=\"%s\",code=\"", metric->name, route_word(i));
            add_code(out, j);
            buf_addf(out, "\"} %llu\n", (unsigned long long)n);
        }
}

static void write_request_durations(struct buf *out, const struct metric *metric,
                                    const struct figures *figures)
{
    for (size_t i = 0; i < METRICS_ROUTES; i++) {
        const struct duration_histogram *histogram = &figures->counted.http_durations[i];
        struct buf autobuf label = BUF_INIT(128);
        if (!is_used(histogram))
            continue;
        buf_addf(&label, "route=\"%s\"", route_word(i));
        add_durations(out, metric->name, buf_str(&label), histogram);
    }
}

static void write_connections_refused(struct buf *out, const struct metric *metric,
                                      const struct figures *figures)
{
    const uint64_t *refused = figures->counted.http_connections_refused;

    buf_addf(out, "%s{limit=\"all\"} %llu\n", metric->name,
             (unsigned long long)refused[CONNECTION_OF_ALL]);
    buf_addf(out, "%s{limit=\"address\"} %llu\n", metric->name,
             (unsigned long long)refused[CONNECTION_OF_ADDRESS]);
}

/* ---- cache and lookups ---- */

static void write_outcomes(struct buf *out, const struct metric *metric,
                           const struct figures *figures)
{
    static const char *const words[] = {[CACHE_HIT] = "hit",
                                        [CACHE_STALE] = "stale",
                                        [CACHE_REFRESHING] = "refreshing",
                                        [CACHE_MISS] = "miss",
                                        [CACHE_REFUSED] = "refused"};

    for (size_t i = 0; i < CACHE_OUTCOMES; i++)
        buf_addf(out, "%s{outcome=\"%s\"} %llu\n", metric->name, words[i],
                 (unsigned long long)figures->counted.cache_outcomes[i]);
}

static void write_lookups_ended(struct buf *out, const struct metric *metric,
                                const struct figures *figures)
{
    const struct metrics *counted = &figures->counted;

    buf_addf(out, "%s{result=\"found\"} %llu\n", metric->name,
             (unsigned long long)counted->lookups_found);
    buf_addf(out, "%s{result=\"empty\"} %llu\n", metric->name,
             (unsigned long long)counted->lookups_empty);
    for (enum err err = ERR_OK + 1; err < ERR_PUBLIC_END; err++)
        if (counted->lookups_failed[err])
            buf_addf(out, "%s{result=\"%s\"} %llu\n", metric->name, err_row(err)->code,
                     (unsigned long long)counted->lookups_failed[err]);
}

static void write_bulk_entries(struct buf *out, const struct metric *metric,
                               const struct figures *figures)
{
    _Static_assert(METRICS_BULK_OUTCOMES == BULK_OUTCOMES, "one number for each outcome");
    for (size_t i = 0; i < BULK_OUTCOMES; i++)
        buf_addf(out, "%s{outcome=\"%s\"} %llu\n", metric->name,
                 bulk_outcome_word((enum bulk_outcome)i),
                 (unsigned long long)figures->counted.bulk_entries[i]);
}

static void write_queue_age(struct buf *out, const struct metric *metric,
                            const struct figures *figures)
{
    int64_t since_ms = figures->engine.queue_oldest_ms, now_ms = figures->now_ms;

    add_real(out, metric->name,
             since_ms && since_ms < now_ms ? (double)(now_ms - since_ms) / 1000 : 0);
}

static void write_flushes(struct buf *out, const struct metric *metric,
                          const struct figures *figures)
{
    static const char *const words[] = {
        [FLUSH_FULL] = "full", [FLUSH_LINGER] = "linger", [FLUSH_SLOT] = "slot"};

    for (size_t i = 0; i < FLUSHES; i++)
        buf_addf(out, "%s{trigger=\"%s\"} %llu\n", metric->name, words[i],
                 (unsigned long long)figures->counted.batches_flushed[i]);
}

static void add_sizes(struct buf *out, const char *name, const struct size_histogram *sizes)
{
    char sum[24];

    snprintf(sum, sizeof sum, "%llu", (unsigned long long)sizes->sum);
    add_histogram(out, name, "", sizes->buckets, METRICS_SIZES, metrics_size_bounds, 1, sum);
}

static void write_batch_sizes(struct buf *out, const struct metric *metric,
                              const struct figures *figures)
{
    add_sizes(out, metric->name, &figures->counted.batch_tasks);
}

/* ---- upstream and money ---- */

static const char *const operations[] = {[UPSTREAM_SUBMIT] = "submit",
                                         [UPSTREAM_STATUS] = "status",
                                         [UPSTREAM_IDS] = "ids",
                                         [UPSTREAM_TASK] = "task",
                                         [UPSTREAM_BALANCE] = "balance"};

static void write_upstream(struct buf *out, const struct metric *metric,
                           const struct figures *figures)
{
    for (size_t i = 0; i < UPSTREAM_OPERATIONS; i++)
        for (size_t j = 0; j < METRICS_CODES; j++) {
            uint64_t n = figures->counted.upstream_requests[i][j];
            if (!n)
                continue;
            buf_addf(out, "%s{operation=\"%s\",code=\"", metric->name, operations[i]);
            add_code(out, j);
            buf_addf(out, "\"} %llu\n", (unsigned long long)n);
        }
}

static void write_upstream_durations(struct buf *out, const struct metric *metric,
                                     const struct figures *figures)
{
    for (size_t i = 0; i < UPSTREAM_OPERATIONS; i++) {
        struct buf autobuf label = BUF_INIT(64);
        if (!is_used(&figures->counted.upstream_durations[i]))
            continue;
        buf_addf(&label, "operation=\"%s\"", operations[i]);
        add_durations(out, metric->name, buf_str(&label), &figures->counted.upstream_durations[i]);
    }
}

static void write_credits_limit(struct buf *out, const struct metric *metric,
                                const struct figures *figures)
{
    if (figures->engine.credits_limit)
        add_value(out, metric->name, (uint64_t)figures->engine.credits_limit);
}

static void write_credits_left(struct buf *out, const struct metric *metric,
                               const struct figures *figures)
{
    int64_t left = figures->engine.credits_limit - figures->engine.credits_spent;

    if (figures->engine.credits_limit)
        add_value(out, metric->name, left > 0 ? (uint64_t)left : 0);
}

static void write_saved(struct buf *out, const struct metric *metric, const struct figures *figures)
{
    const struct metrics *counted = &figures->counted;

    add_value(out, metric->name,
              counted->cache_outcomes[CACHE_HIT] + counted->cache_outcomes[CACHE_STALE] +
                  counted->lookups_coalesced);
}

static void write_balance(struct buf *out, const struct metric *metric,
                          const struct figures *figures)
{
    if (figures->counted.balance_known)
        add_value(out, metric->name, figures->counted.balance);
}

static void write_notifications(struct buf *out, const struct metric *metric,
                                const struct figures *figures)
{
    static const char *const words[] = {[NOTIFICATION_POLLED] = "polled",
                                        [NOTIFICATION_IN_FLIGHT] = "submitting",
                                        [NOTIFICATION_LOST] = "unknown",
                                        [NOTIFICATION_IGNORED] = "none",
                                        [NOTIFICATION_REJECTED] = "rejected"};

    for (size_t i = 0; i < NOTIFICATIONS; i++)
        buf_addf(out, "%s{batch=\"%s\"} %llu\n", metric->name, words[i],
                 (unsigned long long)figures->counted.notifications[i]);
}

static void write_stopped(struct buf *out, const struct metric *metric,
                          const struct figures *figures)
{
    static const enum err reasons[] = {ERR_CIRCUIT_OPEN,      ERR_PAUSED,
                                       ERR_CREDITS_EXHAUSTED, ERR_UPSTREAM_AUTH,
                                       ERR_UPSTREAM_BANNED,   ERR_DRAINING};

    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        buf_addf(out, "%s{reason=\"%s\"} %d\n", metric->name, err_row(reasons[i])->code,
                 figures->engine.blocked_by == reasons[i]);
    buf_addf(out, "%s{reason=\"throttled\"} %d\n", metric->name,
             !figures->engine.blocked_by && figures->engine.throttled);
}

static void write_probes(struct buf *out, const struct metric *metric,
                         const struct figures *figures)
{
    const uint64_t *probes = figures->counted.circuit_probes;

    buf_addf(out, "%s{result=\"accepted\"} %llu\n", metric->name, (unsigned long long)probes[1]);
    buf_addf(out, "%s{result=\"failed\"} %llu\n", metric->name, (unsigned long long)probes[0]);
}

/* ---- the rest ---- */

/* Only of a store on a server. */
static void write_store_connected(struct buf *out, const struct metric *metric,
                                  const struct figures *figures)
{
    if (figures->store.link != STORE_LOCAL)
        add_value(out, metric->name, figures->store.link == STORE_CONNECTED);
}

static void write_store_lost(struct buf *out, const struct metric *metric,
                             const struct figures *figures)
{
    if (figures->store.link != STORE_LOCAL)
        add_value(out, metric->name, figures->store.link == STORE_LOST);
}

static void write_store_groups(struct buf *out, const struct metric *metric,
                               const struct figures *figures)
{
    add_sizes(out, metric->name, &figures->counted.store_groups);
}

static void write_store_durations(struct buf *out, const struct metric *metric,
                                  const struct figures *figures)
{
    static const char *const labels[] = {[STORE_GROUP_OF_JOURNAL] = "class=\"journal\"",
                                         [STORE_CALL_OF_UPKEEP] = "class=\"upkeep\"",
                                         [STORE_CALL_OF_READ] = "class=\"read\""};

    for (size_t i = 0; i < STORE_CALLS; i++)
        add_durations(out, metric->name, labels[i], &figures->counted.store_durations[i]);
}

static void write_dropped_lines(struct buf *out, const struct metric *metric,
                                const struct figures *figures)
{
    (void)figures;
    add_value(out, metric->name, log_dropped());
}

/* ---- the table ---- */

#define COUNTER   "counter"
#define GAUGE     "gauge"
#define HISTOGRAM "histogram"

/* clang-format off */
/* Exports a number of struct figures unchanged. A field of any other type does not compile. */
#define FIELD(field)                                                                               \
    _Generic(((struct figures *)0)->field,                                                         \
             uint64_t: write_number, int64_t: write_number, double: write_real),                   \
    offsetof(struct figures, field)

const struct metric metrics_table[] = {
    {"emailsd_build_info", GAUGE,
     "Version and revision of the build; always 1.", .write = write_build},
    {"emailsd_http_requests_total", COUNTER,
     "Responses sent, by route and status.", .write = write_requests},
    {"emailsd_http_request_duration_seconds", HISTOGRAM,
     "Time from the end of the request headers to the response.", .write = write_request_durations},
    {"emailsd_http_connections", GAUGE, "Open connections.", FIELD(counted.http_connections)},
    {"emailsd_http_connections_max", GAUGE,
     "Connection limit.", FIELD(counted.http_connections_max)},
    {"emailsd_http_connections_refused_total", COUNTER,
     "Connections closed on accept, by the limit reached.", .write = write_connections_refused},
    {"emailsd_streams", GAUGE, "Open streams.", FIELD(counted.http_streams)},
    {"emailsd_streams_max", GAUGE, "Limit on open streams.", FIELD(counted.streams_max)},
    {"emailsd_cache_outcomes_total", COUNTER,
     "Cache lookups, by outcome.", .write = write_outcomes},
    {"emailsd_cache_entries", GAUGE, "Results in memory.", FIELD(cache.n)},
    {"emailsd_cache_bytes", GAUGE, "Memory used by cached results.", FIELD(cache.bytes)},
    {"emailsd_cache_max_bytes", GAUGE, "Memory limit for cached results.", FIELD(cache.max_bytes)},
    {"emailsd_cache_evictions_total", COUNTER,
     "Results evicted to make room.", FIELD(cache.evicted)},
    {"emailsd_lookups_total", COUNTER,
     "Finished lookups, by result.", .write = write_lookups_ended},
    {"emailsd_lookups_coalesced_total", COUNTER,
     "Requests that joined a lookup in flight, at no cost.", FIELD(counted.lookups_coalesced)},
    {"emailsd_lookups", GAUGE, "Lookups in flight.", FIELD(engine.lookups)},
    {"emailsd_waiters", GAUGE, "Requests waiting for the store or a lookup, without lists.", FIELD(engine.waiters)},
    {"emailsd_waiters_max", GAUGE, "Limit on waiting requests.", FIELD(counted.waiters_max)},
    {"emailsd_waiters_abandoned_total", COUNTER,
     "Waiting requests whose client disconnected.", FIELD(counted.waiters_abandoned)},
    {"emailsd_bulks", GAUGE, "Lists being looked up.", FIELD(engine.bulks)},
    {"emailsd_bulks_max", GAUGE, "Limit on lists being looked up.", FIELD(counted.bulks_max)},
    {"emailsd_bulk_entries_total", COUNTER,
     "Entries of lists that have ended, by outcome.", .write = write_bulk_entries},
    {"emailsd_queue_tasks", GAUGE, "Lookups queued for a submit.", FIELD(engine.queue_tasks)},
    {"emailsd_queue_oldest_seconds", GAUGE,
     "Age of the oldest queued lookup, without lists.", .write = write_queue_age},
    {"emailsd_batches_total", COUNTER,
     "Batches formed, by what triggered the flush.", .write = write_flushes},
    {"emailsd_batch_tasks", HISTOGRAM, "Lookups per batch.", .write = write_batch_sizes},
    {"emailsd_batches", GAUGE, "Batches in flight.", FIELD(engine.batches)},
    {"emailsd_unknown_outcomes_total", COUNTER,
     "Lookups with unknown outcome, possibly paid without a result.",
     FIELD(counted.unknown_outcomes)},
    {"emailsd_batches_resolved_total", COUNTER,
     "Batches with unknown outcome that were resumed later.", FIELD(counted.batches_resolved)},
    {"emailsd_lookups_resolved_total", COUNTER,
     "Lookups with unknown outcome that were resolved without their batch.",
     FIELD(counted.tasks_resolved)},
    {"emailsd_notifications_total", COUNTER,
     "Requests to /notify, by the state of the batch.", .write = write_notifications},
    {"emailsd_upstream_unreadable_total", COUNTER,
     "Paid results that could not be understood; their bytes are stored.",
     FIELD(counted.upstream_unreadable)},
    {"emailsd_upstream_requests_total", COUNTER,
     "Requests to the upstream, by operation and status.", .write = write_upstream},
    {"emailsd_upstream_request_duration_seconds", HISTOGRAM,
     "Duration of requests to the upstream.", .write = write_upstream_durations},
    {"emailsd_credits_spent", GAUGE, "Credits spent on this UTC day.", FIELD(engine.credits_spent)},
    {"emailsd_credits_limit", GAUGE,
     "Credit limit per UTC day; absent without a limit.", .write = write_credits_limit},
    {"emailsd_credits_left", GAUGE,
     "Credits left on this UTC day; absent without a limit.", .write = write_credits_left},
    {"emailsd_credits_saved_total", COUNTER,
     "Requests answered without a paid lookup.", .write = write_saved},
    {"emailsd_upstream_balance_credits", GAUGE,
     "Credit balance at the upstream when last read.", .write = write_balance},
    {"emailsd_submits_blocked", GAUGE,
     "1 for each reason that blocks paid lookups.", .write = write_stopped},
    {"emailsd_circuit_probes_total", COUNTER,
     "Submits sent while the circuit was half open, by result.", .write = write_probes},
    {"emailsd_store_usable", GAUGE,
     "1 if the store can be written, else 0.", FIELD(engine.store_usable)},
    {"emailsd_store_connected", GAUGE,
     "1 if the store on a server is connected, else 0.", .write = write_store_connected},
    {"emailsd_store_lost", GAUGE,
     "1 if another process has taken the store over, else 0.", .write = write_store_lost},
    {"emailsd_store_calls_pending", GAUGE,
     "Calls to the store that have not been executed.", FIELD(store.pending)},
    {"emailsd_store_lag_seconds", GAUGE,
     "Duration of the current call to the store.", FIELD(store_lag_s)},
    {"emailsd_spool_pending", GAUGE,
     "Batch ids and confirmations that are not in the spool yet.", FIELD(store.spool_pending)},
    {"emailsd_store_group_calls", HISTOGRAM,
     "Writes of the journal per transaction.", .write = write_store_groups},
    {"emailsd_store_call_duration_seconds", HISTOGRAM,
     "Duration of calls to the store.", .write = write_store_durations},
    {"emailsd_journal_backlog", GAUGE,
     "Journal entries waiting to be written.", FIELD(engine.journal_backlog)},
    {"emailsd_log_lines_dropped_total", COUNTER,
     "Log lines dropped because stderr did not accept them.", .write = write_dropped_lines},
    {"process_cpu_seconds_total", COUNTER, "CPU time, user and system.", FIELD(process.cpu_s)},
    {"process_resident_memory_bytes", GAUGE, "Resident memory.", FIELD(process.resident_bytes)},
    {"process_virtual_memory_bytes", GAUGE, "Virtual memory.", FIELD(process.virtual_bytes)},
    {"process_open_fds", GAUGE, "Open file descriptors.", FIELD(process.open_fds)},
    {"process_max_fds", GAUGE, "Limit on file descriptors.", FIELD(process.max_fds)},
    {"process_start_time_seconds", GAUGE,
     "Start time of the process, in seconds since 1970.", FIELD(process.started_s)},
    {"process_threads", GAUGE, "Threads.", FIELD(process.threads)},
};
/* clang-format on */
const size_t n_metrics_table = ARRAY_LEN(metrics_table);
