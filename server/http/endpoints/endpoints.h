/* SPDX-License-Identifier: MIT */
/* endpoints.h - the endpoint functions of the route table, one for each path and method. Each runs
 * on the worker thread of the request and replies or parks before it returns. */
#ifndef HTTP_ENDPOINTS_ENDPOINTS_H
#define HTTP_ENDPOINTS_ENDPOINTS_H

#include "base/errmsg.h"
#include "http/core/request.h"
#include "http/core/router.h"

#include <stddef.h>

/* ---- /emails ---- */

/* GET: replies from the cache immediately, else parks until the lookup ends or the wait is over. */
void emails_get(struct request *request);

/* HEAD: reports whether a result is cached. Never spends credits: 504 `not-cached` if it is not. */
void emails_head(struct request *request);

/* POST: looks up each domain of the list in the body, and returns all results. */
void emails_post(struct request *request);

/* The body of POST: at most so many bytes, and of a type that list_type_read() knows. */
size_t emails_body_max(const struct service *service);
enum err emails_accepts_type(const struct request *request, struct errmsg *why);

/* DELETE /emails?domain=: deletes all results of a domain, in memory and on disk. Lookups in flight
 * continue. */
void emails_delete(struct request *request);

/* ---- lookups, lists and usage ---- */

/* GET /lookups/{id}: 202 with the progress while the lookup runs; then its result or its problem;
 * 404 for unknown or expired ids. Spends no credits. */
void lookups_get(struct request *request);

/* GET /bulks/{id}: 202 with the progress while the list of a POST is looked up, then its results; a
 * stream follows it to its end. 404 for unknown and expired ids, and those of other accounts.
 * Spends no credits. */
void bulks_get(struct request *request);

/* DELETE /bulks/{id}: ends the entries that were not submitted. */
void bulks_delete(struct request *request);

/* GET /usage: what the client has spent today, and what remains. */
void usage_get(struct request *request);

/* ---- MCP ---- */

/* POST /mcp: a message of the Model Context Protocol. A call of a tool is a list of domains, or
 * reads the account of its client. */
void mcp_post(struct request *request);

/* Its body: JSON. Without lists there is no such route. */
extern const struct route_body mcp_body;

/* ---- the upstream ---- */

/* Returns how many bytes of a body a notification may have. */
size_t notify_body_max(const struct service *service);

/* Any method, /notify/{token}: something about a batch has changed at the upstream. 204 for every
 * well-formed token, known or not; 404 for others, and for all without --notify-url; 503 if too
 * many notifications wait. */
void notify_any(struct request *request);

/* ---- probes; they spend no credits and do not wait for the engine ---- */

/* GET /livez: the process is alive and its loops make progress; see health.h. */
void health_live(struct request *request);

/* GET /readyz: whether to send requests here. 503 while the daemon starts, drains, hangs or cannot
 * use its store. Upstream failures do not affect it, because known results are still served.
 * `verbose` lists all checks. */
void health_ready(struct request *request);

/* ---- documents ---- */

/* GET /version: version of the daemon and of its Public Suffix List. */
void version_get(struct request *request);

/* GET /metrics: the metrics in the Prometheus text format (0.0.4). No domain, client or address is
 * ever a label. */
void metrics_get(struct request *request);

/* GET /openapi.yaml: the API description, embedded at build time. */
void openapi_get(struct request *request);

/* GET /, /docs and /ui/{}: the web page, the reference of the API, and their files; 404 for other
 * files. They contain no data. 304 if the client has the current file. */
void web_get(struct request *request);

/* GET /problems/{code}: the page that a problem's `type` refers to. */
void problem_page(struct request *request);

#endif
