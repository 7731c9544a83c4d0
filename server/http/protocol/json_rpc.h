/* SPDX-License-Identifier: MIT */
/* json_rpc.h - reads and writes JSON-RPC 2.0 messages, as the Model Context Protocol (MCP)
 * restricts them: a body is one request or one notification, never a batch; an id is a string or an
 * integer, never null; params are an object. Pure functions; any thread. */
#ifndef HTTP_PROTOCOL_JSON_RPC_H
#define HTTP_PROTOCOL_JSON_RPC_H

#include "base/buf.h"
#include "base/json.h"
#include "base/slice.h"

/* The codes of errors: JSON-RPC 2.0, 5.1; then those that MCP defines. */
enum json_rpc_code {
    JSON_RPC_OK = 0, /* no error */
    JSON_RPC_PARSE_ERROR = -32700,
    JSON_RPC_INVALID_REQUEST = -32600,
    JSON_RPC_METHOD_NOT_FOUND = -32601,
    JSON_RPC_INVALID_PARAMS = -32602,
    JSON_RPC_INTERNAL_ERROR = -32603,
    JSON_RPC_HEADER_MISMATCH = -32020,
    JSON_RPC_UNSUPPORTED_VERSION = -32022,
};

/* A request, or a notification. Owns its memory; json_rpc_message_done() frees it. */
struct json_rpc_message {
    struct json *document;
    char *id;                  /* as JSON; NULL = a notification, which gets no response */
    const char *method;        /* in the document */
    const struct json *params; /* in the document; an object, or NULL = none */
};

/* Reads a body. Returns JSON_RPC_OK, JSON_RPC_PARSE_ERROR or JSON_RPC_INVALID_REQUEST; *ret_why is
 * then a static sentence. *ret_message is set in any case: after an error it has at most the id. */
enum json_rpc_code json_rpc_read(struct slice body, struct json_rpc_message *ret_message,
                                 const char **ret_why);
void json_rpc_message_done(struct json_rpc_message *message);

/* Returns an id, or a token that MCP defines like one, as JSON text on the heap; NULL if the value
 * is neither a string nor an integer between -2^53 and 2^53, both excluded: a larger one may have
 * been rounded. */
char *json_rpc_id_text(const struct json *value);

/* Append the begin of a response, up to and without its result, and the end. */
void json_rpc_begin_result(const char *id, struct buf *out);
void json_rpc_end(struct buf *out);

/* Appends the response with an error. `id` NULL = not known: then it has no member `id` (MCP), not
 * one that is null. `data` is JSON text; NULL = none. */
void json_rpc_write_error(const char *id, enum json_rpc_code code, const char *text,
                          const char *data, struct buf *out);

#endif
