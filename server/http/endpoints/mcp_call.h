/* SPDX-License-Identifier: MIT */
/* mcp_call.h - runs a call of the tool find_company_emails: a bulk with a deadline, whose result is
 * one JSON-RPC response, if wanted after notifications about its progress. Worker thread of the
 * request. */
#ifndef HTTP_ENDPOINTS_MCP_CALL_H
#define HTTP_ENDPOINTS_MCP_CALL_H

#include "http/core/request.h"
#include "http/endpoints/mcp_reply.h"
#include "http/endpoints/mcp_tools.h"

/* Parks the request, or replies to it. Takes what `caller` owns; the arguments are borrowed. The
 * response is a stream if the caller has a token and accepts events. */
void mcp_call_start(struct request *request, struct mcp_caller *caller,
                    const struct mcp_find_arguments *arguments);

#endif
