/* SPDX-License-Identifier: MIT */
/* mcp_version.h - finds out which version of the Model Context Protocol a request uses, and whether
 * it keeps the rules of that version (modelcontextprotocol.io/specification).
 *
 * Version 2026-07-28 has no handshake: each request names the version and the capabilities of its
 * client in params._meta, and repeats version, method and tool in headers, which must be equal.
 * Earlier versions begin with `initialize` and then name the version in a header. A request of any
 * version may name it in both places, but not different ones. Pure functions; any thread. */
#ifndef HTTP_PROTOCOL_MCP_VERSION_H
#define HTTP_PROTOCOL_MCP_VERSION_H

#include "base/errmsg.h"
#include "http/protocol/json_rpc.h"

#include <stdbool.h>

enum mcp_version { MCP_2025_03_26, MCP_2025_06_18, MCP_2025_11_25, MCP_2026_07_28, MCP_VERSIONS };

#define MCP_LATEST_INITIALIZED MCP_2025_11_25 /* with `initialize` */

/* Returns the name of a version, such as "2025-11-25". Static. */
const char *mcp_version_name(enum mcp_version version);

/* Appends the JSON array of all versions, the latest first. */
void mcp_write_versions(struct buf *out);

/* Returns whether requests of that version describe themselves in params._meta. */
bool mcp_version_is_stateless(enum mcp_version version);

/* The headers of a request. NULL = absent. */
struct mcp_headers {
    const char *version; /* MCP-Protocol-Version */
    const char *method;  /* Mcp-Method */
    const char *name;    /* Mcp-Name; plain, or =?base64?...?= */
};

/* What mcp_check_version() returns. */
struct mcp_version_result {
    enum mcp_version version; /* if the code is JSON_RPC_OK */
    const char *requested;    /* the version that the request names; borrowed */
    struct errmsg why;        /* if the code is an error */
};

/* Finds the version of a request, and checks its rules. `initialize` gets the version that it asks
 * for, or the latest one that has it. Returns JSON_RPC_OK; JSON_RPC_UNSUPPORTED_VERSION;
 * JSON_RPC_HEADER_MISMATCH; or JSON_RPC_INVALID_PARAMS, if _meta lacks the capabilities of the
 * client or names no version. */
enum json_rpc_code mcp_check_version(const struct json_rpc_message *message,
                                     const struct mcp_headers *headers,
                                     struct mcp_version_result *ret);

#endif
