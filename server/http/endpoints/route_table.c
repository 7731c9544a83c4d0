/* SPDX-License-Identifier: MIT */
/* route_table.c - the route table. A test compares it with openapi.yaml. */
#include "base/mem.h"
#include "base/metrics.h"
#include "http/core/router.h"
#include "http/endpoints/endpoints.h"
#include "http/protocol/list_parser.h"

static const struct route_body list_body = {.max_bytes = emails_body_max,
                                            .requires_length = true,
                                            .accepts = emails_accepts_type,
                                            .accept_post = list_accept_post};
static const struct route_body notify_body = {.max_bytes = notify_body_max};

const struct route routes[] = {
    {HTTP_HEAD, "/emails", emails_head, FOR_CLIENTS, NULL},
    {HTTP_GET, "/emails", emails_get, FOR_CLIENTS, NULL},
    {HTTP_POST, "/emails", emails_post, FOR_CLIENTS, &list_body},
    {HTTP_DELETE, "/emails", emails_delete, FOR_ADMINS, NULL},
    {HTTP_GET, "/lookups/{}", lookups_get, FOR_CLIENTS, NULL},
    {HTTP_GET, "/bulks/{}", bulks_get, FOR_CLIENTS, NULL},
    {HTTP_DELETE, "/bulks/{}", bulks_delete, FOR_CLIENTS, NULL},
    {HTTP_GET, "/usage", usage_get, FOR_CLIENTS, NULL},
    {HTTP_POST, "/mcp", mcp_post, FOR_CLIENTS, &mcp_body},
    {HTTP_GET, "/livez", health_live, FOR_ALL, NULL},
    {HTTP_GET, "/readyz", health_ready, FOR_ALL, NULL},
    {HTTP_GET, "/version", version_get, FOR_ALL, NULL},
    {HTTP_GET, "/metrics", metrics_get, FOR_ALL, NULL},
    {HTTP_GET, "/", web_get, FOR_LINKS, NULL},
    {HTTP_GET, "/docs", web_get, FOR_LINKS, NULL},
    {HTTP_GET, "/ui/{}", web_get, FOR_ALL, NULL},
    {HTTP_GET, "/openapi.yaml", openapi_get, FOR_ALL, NULL},
    {HTTP_GET, "/problems/{}", problem_page, FOR_LINKS, NULL},
    {HTTP_ANY_METHOD, "/notify/{}", notify_any, FOR_UPSTREAM, &notify_body},
};
const size_t n_routes = ARRAY_LEN(routes);

_Static_assert(ARRAY_LEN(routes) < METRICS_ROUTES, "each route has an index in the metrics");
