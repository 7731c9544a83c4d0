/* SPDX-License-Identifier: MIT */
/* endpoints.h - the functions that the route table names, one for each path and method. Each runs
 * on the worker thread of the request, and answers or parks it before it returns. */
#ifndef HTTP_ENDPOINTS_ENDPOINTS_H
#define HTTP_ENDPOINTS_ENDPOINTS_H

#include "http/core/request.h"

/* ---- /emails: the product ---- */

/* GET: from the cache at once, else parked until its lookup ends or its time is over. */
void emails_get(struct request *request);

/* HEAD: is it cached? Never spends: 504 `not-cached` when it is not. */
void emails_head(struct request *request);

/* DELETE /emails?domain=: forgets every answer about a domain, in memory and on disk. Lookups under
 * way go on. */
void forget_domain(struct request *request);

/* ---- what else a client may ask ---- */

/* GET /lookups/{id}: 202 with the progress while it runs; then the answer or the problem that it
 * ended with; 404 for ids that are unknown or forgotten. Never costs anything. */
void lookups_get(struct request *request);

/* GET /usage: what the caller has spent today, and what remains. */
void usage_get(struct request *request);

/* ---- probes; they never cost anything, and do not wait for the engine ---- */

/* GET /livez: the process is alive and its worker answers. */
void health_live(struct request *request);

/* GET /readyz: should it be sent requests? 503 while it starts, drains, or cannot use its store;
 * what is the matter with the upstream is no reason, because what is known is served all the same.
 * `verbose` tells all. */
void health_ready(struct request *request);

/* ---- pages for machines and people ---- */

/* GET /version: what is running, and which Public Suffix List it goes by. */
void about_version(struct request *request);

/* GET /metrics: what the daemon counts, in the text format of Prometheus (0.0.4). No domain, client
 * or address is ever a label. */
void metrics_get(struct request *request);

/* GET /openapi.yaml: the contract, embedded into the binary when it is built. */
void contract_get(struct request *request);

/* GET /problems/{code}: the page that a problem's `type` points at. */
void problem_page(struct request *request);

#endif
