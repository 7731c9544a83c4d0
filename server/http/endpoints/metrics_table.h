/* SPDX-License-Identifier: MIT */
/* metrics_table.h - the table of metrics: name, type, help, and what writes the samples. A test
 * compares docs/metrics.md with it. Pure; any thread. */
#ifndef HTTP_ENDPOINTS_METRICS_TABLE_H
#define HTTP_ENDPOINTS_METRICS_TABLE_H

#include "base/buf.h"
#include "base/metrics.h"
#include "base/process_stats.h"
#include "cache/cache.h"
#include "lookup/engine.h"
#include "lookup/status.h"

#include <stddef.h>
#include <stdint.h>

/* All values that are exported, read at one instant. */
struct figures {
    struct metrics counted;
    struct status engine;
    struct process_stats process;
    struct cache_stats cache;
    struct engine_store store;
    double store_lag_s;
    int64_t now_ms; /* monotonic */
};

struct metric {
    const char *name, *type, *help;
    void (*write)(struct buf *out, const struct metric *metric, const struct figures *figures);
    size_t offset; /* of the number in struct figures, if it is exported unchanged */
};

extern const struct metric metrics_table[];
extern const size_t n_metrics_table;

#endif
