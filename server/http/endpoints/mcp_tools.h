/* SPDX-License-Identifier: MIT */
/* mcp_tools.h - the tools of POST /mcp: what they are called, how they are described to a model,
 * and their arguments. Pure functions; any thread. */
#ifndef HTTP_ENDPOINTS_MCP_TOOLS_H
#define HTTP_ENDPOINTS_MCP_TOOLS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/errmsg.h"
#include "base/json.h"

#include <stddef.h>
#include <stdint.h>

#define MCP_DOMAINS_MAX 100 /* of a call */

#define MCP_TOOL_FIND  "find_company_emails"
#define MCP_TOOL_USAGE "usage"

/* Describes the server as a whole to a model. */
extern const char mcp_instructions[];

/* Appends the array of all tools, always in the same order. A call may have `max_domains`. */
void mcp_tools_write(size_t max_domains, struct buf *out);

/* The arguments of MCP_TOOL_FIND. */
struct mcp_find_arguments {
    const struct json *domains; /* an array of strings, borrowed */
    int64_t max_credits;
};

/* Reads the arguments of a tool; NULL = none. Return ERR_OK, or ERR_INVALID_PARAMETER: `why` then
 * helps the model to correct its call. */
enum err mcp_read_find(const struct json *arguments, size_t max_domains,
                       struct mcp_find_arguments *ret, struct errmsg *why);
enum err mcp_read_usage(const struct json *arguments, struct errmsg *why);

#endif
