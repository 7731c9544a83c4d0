/* SPDX-License-Identifier: MIT */
/* route_table.c - THE route table. A test compares it with openapi.yaml. */
#include "base/mem.h"
#include "http/about.h"
#include "http/contract.h"
#include "http/emails.h"
#include "http/forget.h"
#include "http/health.h"
#include "http/lookups.h"
#include "http/problem.h"
#include "http/routes.h"

const struct route routes[] = {
    {HTTP_HEAD, "/emails", emails_head},       {HTTP_GET, "/emails", emails_get},
    {HTTP_DELETE, "/emails", forget_domain},   {HTTP_GET, "/lookups/{}", lookups_get},
    {HTTP_GET, "/livez", health_live},         {HTTP_GET, "/version", about_version},
    {HTTP_GET, "/openapi.yaml", contract_get}, {HTTP_GET, "/problems/{}", problem_page},
};
const size_t n_routes = ARRAY_LEN(routes);
