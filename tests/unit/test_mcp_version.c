/* SPDX-License-Identifier: MIT */
/* test_mcp_version.c - tests which version of MCP a request uses, and what the version without a
 * handshake demands of headers and body. */
#include "http/protocol/mcp_version.h"

#include "tests/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define VERSION(name) "\"io.modelcontextprotocol/protocolVersion\":\"" name "\""
#define CAPABILITIES  "\"io.modelcontextprotocol/clientCapabilities\":{}"
#define META(members) "\"_meta\":{" members "}"
#define STATELESS     META(VERSION("2026-07-28") "," CAPABILITIES)

static const struct {
    const char *method, *params;
    struct mcp_headers headers;
    enum json_rpc_code code;
    enum mcp_version version; /* if that is JSON_RPC_OK */
} judged[] = {
    /* With a handshake. */
    {"ping", "", {0}, JSON_RPC_OK, MCP_2025_03_26},
    {"ping", "", {.version = "2025-03-26"}, JSON_RPC_OK, MCP_2025_03_26},
    {"ping", "", {.version = "2025-06-18"}, JSON_RPC_OK, MCP_2025_06_18},
    {"ping", "", {.version = "2025-11-25"}, JSON_RPC_OK, MCP_2025_11_25},
    {"ping", "", {.version = "2025-11-25", .method = "other"}, JSON_RPC_OK, MCP_2025_11_25},
    {"ping", META(VERSION("2025-06-18")), {0}, JSON_RPC_OK, MCP_2025_06_18},
    {"ping", "", {.version = "2024-11-05"}, JSON_RPC_UNSUPPORTED_VERSION, 0},
    {"ping", "", {.version = ""}, JSON_RPC_UNSUPPORTED_VERSION, 0},
    {"ping", "", {.version = "2025-11-25, 2025-11-25"}, JSON_RPC_UNSUPPORTED_VERSION, 0},
    {"ping", META(VERSION("2024-11-05")), {0}, JSON_RPC_UNSUPPORTED_VERSION, 0},
    {"initialize", "\"protocolVersion\":\"2025-06-18\"", {0}, JSON_RPC_OK, MCP_2025_06_18},
    {"initialize", "\"protocolVersion\":\"2024-11-05\"", {0}, JSON_RPC_OK, MCP_2025_11_25},
    {"initialize", "\"protocolVersion\":\"2026-07-28\"", {0}, JSON_RPC_OK, MCP_2025_11_25},
    {"initialize", "", {.version = "2024-11-05"}, JSON_RPC_OK, MCP_2025_11_25},
    {"ping", META(VERSION("2025-11-25")), {.version = "2025-11-25"}, JSON_RPC_OK, MCP_2025_11_25},
    {"tools/list",
     META(VERSION("2025-11-25")),
     {"2026-07-28", "tools/list", NULL},
     JSON_RPC_HEADER_MISMATCH,
     0},
    {"ping", META(VERSION("2025-11-25")), {.version = "1900-01-01"}, JSON_RPC_HEADER_MISMATCH, 0},
    {"ping", META(VERSION("1900-01-01")), {.version = "2025-11-25"}, JSON_RPC_HEADER_MISMATCH, 0},
    {"initialize",
     META(VERSION("2025-11-25")),
     {.version = "2025-06-18"},
     JSON_RPC_HEADER_MISMATCH,
     0},
    /* Without. */
    {"tools/list", STATELESS, {"2026-07-28", "tools/list", NULL}, JSON_RPC_OK, MCP_2026_07_28},
    {"initialize", STATELESS, {"2026-07-28", "initialize", NULL}, JSON_RPC_OK, MCP_2026_07_28},
    {"tools/list", STATELESS, {NULL, "tools/list", NULL}, JSON_RPC_HEADER_MISMATCH, 0},
    {"tools/list", STATELESS, {"2025-11-25", "tools/list", NULL}, JSON_RPC_HEADER_MISMATCH, 0},
    {"tools/list", STATELESS, {"2026-07-28", NULL, NULL}, JSON_RPC_HEADER_MISMATCH, 0},
    {"tools/list", STATELESS, {"2026-07-28", "tools/call", NULL}, JSON_RPC_HEADER_MISMATCH, 0},
    {"tools/list", "", {"2026-07-28", "tools/list", NULL}, JSON_RPC_HEADER_MISMATCH, 0},
    {"tools/list",
     META(VERSION("2026-07-28")),
     {"2026-07-28", "tools/list", NULL},
     JSON_RPC_INVALID_PARAMS,
     0},
    {"tools/list",
     META("\"io.modelcontextprotocol/protocolVersion\":1"),
     {"2026-07-28", "tools/list", NULL},
     JSON_RPC_INVALID_PARAMS,
     0},
};

static struct json_rpc_message message;
static struct mcp_version_result checked;

static enum json_rpc_code judge(const char *method, const char *params,
                                const struct mcp_headers *headers)
{
    struct buf autobuf text = BUF_INIT(4096);
    const char *why;

    buf_addf(&text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":{%s}}", method,
             params);
    enum json_rpc_code code =
        json_rpc_read((struct slice){buf_str(&text), text.len}, &message, &why);
    ck_assert_int_eq(code, JSON_RPC_OK);
    code = mcp_check_version(&message, headers, &checked);
    ck_assert_int_eq(*checked.why.text != '\0', code != JSON_RPC_OK);
    return code;
}

LOOP_TEST(request_is_judged_by_the_rules_of_its_version, judged)
{
    ck_assert_int_eq(judge(judged[_i].method, judged[_i].params, &judged[_i].headers),
                     judged[_i].code);
    if (!judged[_i].code)
        ck_assert_int_eq(checked.version, judged[_i].version);
    json_rpc_message_done(&message);
}

static const struct {
    const char *name, *header; /* NULL = absent */
    bool is_equal;
} names[] = {
    {"usage", "usage", true},
    {"usage", "=?base64?dXNhZ2U=?=", true},
    {"usage", "=?base64?dXNhZ2U?=", false},
    {"usage", "=?base64?dXNhZ2U=?", false},
    {"usage", "=?BASE64?dXNhZ2U=?=", false},
    {"usage", "=?base64?=", false},
    {"usage",
     "=?base64?"
     "?=",
     false},
    {"usage", "usages", false},
    {"usage", "", false},
    {"usage", NULL, false},
    {"a", "=?base64?YQ==?=", true},
    {"\xc3\xa9", "=?base64?w6k=?=", true},
    {"",
     "=?base64?"
     "?=",
     true},
    {"", "", true},
};

LOOP_TEST(name_of_a_tool_must_equal_its_header, names)
{
    const struct mcp_headers headers = {"2026-07-28", "tools/call", names[_i].header};
    struct buf autobuf params = BUF_INIT(1024);

    buf_addf(&params, "\"name\":\"%s\"," STATELESS, names[_i].name);
    ck_assert_int_eq(judge("tools/call", buf_str(&params), &headers),
                     names[_i].is_equal ? JSON_RPC_OK : JSON_RPC_HEADER_MISMATCH);
    json_rpc_message_done(&message);
}

/* 128 bytes are the most that a tool's name should have. */
TEST(long_name_is_compared_without_its_encoding_only)
{
    char name[201] = "", params[512];
    const struct mcp_headers plain = {"2026-07-28", "tools/call", name};
    const struct mcp_headers encoded = {"2026-07-28", "tools/call", "=?base64?eHh4?="};

    memset(name, 'x', sizeof name - 1);
    snprintf(params, sizeof params, "\"name\":\"%s\"," STATELESS, name);
    ck_assert_int_eq(judge("tools/call", params, &plain), JSON_RPC_OK);
    json_rpc_message_done(&message);
    ck_assert_int_eq(judge("tools/call", params, &encoded), JSON_RPC_HEADER_MISMATCH);
    json_rpc_message_done(&message);
}

TEST(versions_are_listed_from_the_latest_on)
{
    struct buf autobuf out = BUF_INIT(256);

    mcp_write_versions(&out);
    ck_assert_str_eq(buf_str(&out),
                     "[\"2026-07-28\",\"2025-11-25\",\"2025-06-18\",\"2025-03-26\"]");
}
