/* SPDX-License-Identifier: MIT */
/* metrics.c - GET /metrics: writes the metrics table. A metric without samples is left out
 * entirely.
 *
 * The path requires no key, so its cost is bounded: the document is written at most once a second,
 * by the worker that is asked first, and shared by all workers. Each worker with a document of its
 * own would send counters that go backwards, because a client may be served by any of them. */
#include "http/endpoints/endpoints.h"

#include "http/core/app.h"
#include "http/core/problem.h"
#include "http/endpoints/health.h"
#include "http/endpoints/metrics_table.h"

#include <pthread.h>

#define DOCUMENT_MAX ((size_t)256 << 10)
#define LIFETIME_MS  1000

/* The lock is held for less than a millisecond a second, and else for a copy. */
static struct {
    pthread_mutex_t lock;
    struct buf text; /* empty = none yet */
    int64_t written_ms;
} document = {.lock = PTHREAD_MUTEX_INITIALIZER, .text = {.max = DOCUMENT_MAX}};

static void write_metric(const struct metric *metric, const struct figures *figures,
                         struct buf *out)
{
    size_t before = out->len;

    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
             metric->type);
    size_t begun = out->len;
    metric->write(out, metric, figures);
    if (out->len == begun)
        out->len = before;
}

static void write_document(const struct service *service, int64_t now_ms, struct buf *out)
{
    struct figures figures = {.engine = health_engine(service),
                              .cache = cache_stats(service->cache),
                              .store = health_store(service, now_ms),
                              .now_ms = now_ms};

    figures.store_lag_s = (double)figures.store.lag_ms / 1000;
    metrics_read(&figures.counted);
    figures.process = process_stats_read(figures.counted.http_connections);
    for (size_t i = 0; i < n_metrics_table; i++)
        write_metric(&metrics_table[i], &figures, out);
}

/* Appends the current document, after writing it again if it is older than its lifetime. */
static void add_document(const struct service *service, int64_t now_ms, struct buf *out)
{
    pthread_mutex_lock(&document.lock);
    if (!document.text.len || now_ms - document.written_ms >= LIFETIME_MS) {
        buf_clear(&document.text);
        document.written_ms = now_ms;
        write_document(service, now_ms, &document.text);
    }
    out->overflowed = document.text.overflowed;
    buf_add(out, document.text.data, document.text.len);
    pthread_mutex_unlock(&document.lock);
}

void metrics_get(struct request *request)
{
    struct buf autobuf out = BUF_INIT(DOCUMENT_MAX);
    struct reply reply;

    add_document(request_service(request), request_clock(request)->now_ms, &out);
    if (buf_check(&out)) {
        problem_send(request, ERR_INTERNAL, "metrics exceed the size limit");
        return;
    }
    reply_init(&reply, 200);
    reply_text(&reply, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    reply_text(&reply, "Cache-Control", "no-store");
    reply_body_take(&reply, &out);
    request_reply(request, &reply);
}
