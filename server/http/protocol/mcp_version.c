/* SPDX-License-Identifier: MIT */
/* mcp_version.c - see mcp_version.h. */
#include "http/protocol/mcp_version.h"

#include "base/hash.h"
#include "base/mem.h"

#include <string.h>

#define META_VERSION      "io.modelcontextprotocol/protocolVersion"
#define META_CAPABILITIES "io.modelcontextprotocol/clientCapabilities"
#define NAME_MAX_BYTES    128 /* of a tool (MCP 2026-07-28, server/tools) */

static const char *const names[MCP_VERSIONS] = {
    [MCP_2025_03_26] = "2025-03-26",
    [MCP_2025_06_18] = "2025-06-18",
    [MCP_2025_11_25] = "2025-11-25",
    [MCP_2026_07_28] = "2026-07-28",
};

const char *mcp_version_name(enum mcp_version version)
{
    return names[version];
}

void mcp_write_versions(struct buf *out)
{
    for (int i = MCP_VERSIONS - 1; i >= 0; i--)
        buf_addf(out, "%s\"%s\"", i == MCP_VERSIONS - 1 ? "[" : ",", names[i]);
    buf_add_str(out, "]");
}

bool mcp_version_is_stateless(enum mcp_version version)
{
    return version >= MCP_2026_07_28;
}

static bool read_version(const char *name, enum mcp_version *ret_version)
{
    for (int i = 0; i < MCP_VERSIONS; i++)
        if (strcmp(names[i], name) == 0) {
            *ret_version = (enum mcp_version)i;
            return true;
        }
    return false;
}

/* ---- headers ---- */

/* Returns whether the header has this value, plain or as the base64 of its bytes. */
static bool is_name(const char *header, const char *name)
{
    static const char before[] = "=?base64?", after[] = "?=";
    char encoded[HASH_BASE64_TEXT(NAME_MAX_BYTES)];
    size_t len = strlen(header), around = sizeof before + sizeof after - 2;

    if (len < around || strncmp(header, before, sizeof before - 1) != 0 ||
        strcmp(header + len - (sizeof after - 1), after) != 0)
        return strcmp(header, name) == 0;
    if (strlen(name) > NAME_MAX_BYTES)
        return false;
    hash_base64(name, strlen(name), encoded);
    return len - around == strlen(encoded) &&
           memcmp(header + sizeof before - 1, encoded, len - around) == 0;
}

static enum json_rpc_code mismatch(const char *header, struct errmsg *why)
{
    errmsg_set(why, "header mismatch: %s is missing or differs from the body", header);
    return JSON_RPC_HEADER_MISMATCH;
}

/* `named` is the version in the body; NULL = none. */
static enum json_rpc_code check_headers(const struct json_rpc_message *message, const char *named,
                                        const struct mcp_headers *headers, struct errmsg *why)
{
    const char *name = json_get_string(message->params, "name");

    if (!named || !headers->version || strcmp(headers->version, named) != 0)
        return mismatch("MCP-Protocol-Version", why);
    if (!headers->method || strcmp(headers->method, message->method) != 0)
        return mismatch("Mcp-Method", why);
    if (strcmp(message->method, "tools/call") == 0 && name &&
        (!headers->name || !is_name(headers->name, name)))
        return mismatch("Mcp-Name", why);
    return JSON_RPC_OK;
}

/* ---- the request ---- */

static enum json_rpc_code check_stateless(const struct json_rpc_message *message, const char *named,
                                          const struct mcp_headers *headers, struct errmsg *why)
{
    const struct json *meta = json_get(message->params, "_meta");
    enum json_rpc_code code = check_headers(message, named, headers, why);

    if (code || json_is_object(json_get(meta, META_CAPABILITIES)))
        return code;
    errmsg_set(why, "params._meta must have '" META_CAPABILITIES "'");
    return JSON_RPC_INVALID_PARAMS;
}

/* `initialize` precedes any agreement, so its header does not matter. */
static enum mcp_version negotiate(const struct json_rpc_message *message)
{
    const char *wanted = json_get_string(message->params, "protocolVersion");
    enum mcp_version version;

    if (wanted && read_version(wanted, &version) && !mcp_version_is_stateless(version))
        return version;
    return MCP_LATEST_INITIALIZED;
}

/* MCP-Protocol-Version came with 2025-06-18, so a request without it is of the version before. A
 * proxy may decide by it, so it never differs from the version in the body. */
enum json_rpc_code mcp_check_version(const struct json_rpc_message *message,
                                     const struct mcp_headers *headers,
                                     struct mcp_version_result *ret)
{
    const struct json *member = json_get(json_get(message->params, "_meta"), META_VERSION);
    const char *named = json_string(member), *header = headers->version;

    *ret = (struct mcp_version_result){.requested = named    ? named
                                                    : header ? header
                                                             : names[MCP_2025_03_26]};
    if (member && !named) {
        errmsg_set(&ret->why, "'" META_VERSION "' in params._meta must be a string");
        return JSON_RPC_INVALID_PARAMS;
    }
    if (named && header && strcmp(named, header) != 0)
        return mismatch("MCP-Protocol-Version", &ret->why);
    if (!named && strcmp(message->method, "initialize") == 0) {
        ret->version = negotiate(message);
        return JSON_RPC_OK;
    }
    if (!read_version(ret->requested, &ret->version)) {
        errmsg_set(&ret->why, "unsupported protocol version");
        return JSON_RPC_UNSUPPORTED_VERSION;
    }
    if (!mcp_version_is_stateless(ret->version))
        return JSON_RPC_OK;
    return check_stateless(message, named, headers, &ret->why);
}
