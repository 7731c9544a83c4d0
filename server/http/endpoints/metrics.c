/* SPDX-License-Identifier: MIT */
/* metrics.c - GET /metrics: writes the metrics table. A metric without samples is left out
 * entirely. */
#include "http/endpoints/endpoints.h"

#include "http/core/app.h"
#include "http/core/problem.h"
#include "http/endpoints/metrics_table.h"
#include "lookup/engine.h"

#define DOCUMENT_MAX ((size_t)256 << 10)

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

void metrics_get(struct request *request)
{
    struct buf autobuf out = BUF_INIT(DOCUMENT_MAX);
    const struct service *service = request_service(request);
    struct figures figures = {.engine = engine_status(service->engine),
                              .process = process_stats_read(),
                              .cache = cache_stats(service->cache),
                              .now_ms = request_clock(request)->now_ms};
    struct reply reply;

    metrics_read(&figures.counted);
    for (size_t i = 0; i < n_metrics_table; i++)
        write_metric(&metrics_table[i], &figures, &out);
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
