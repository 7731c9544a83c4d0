/* SPDX-License-Identifier: MIT */
/* mcp_reply.h - the responses of POST /mcp: JSON-RPC results and errors. Those with a request run
 * on its worker thread and reply to it; the others are pure. */
#ifndef HTTP_ENDPOINTS_MCP_REPLY_H
#define HTTP_ENDPOINTS_MCP_REPLY_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "http/core/request.h"
#include "http/protocol/json_rpc.h"
#include "http/protocol/mcp_version.h"

#include <stdbool.h>
#include <stddef.h>

#define MCP_RESULT_MAX ((size_t)48 << 20) /* bytes of a response; a stream keeps 64 MiB */

/* What a response needs to know of its request, after the body was freed. Owns its strings. */
struct mcp_caller {
    char *id;    /* as JSON; NULL = not known */
    char *token; /* for notifications about progress, as JSON; NULL = none are wanted */
    enum mcp_version version;
};

void mcp_caller_done(struct mcp_caller *caller);

/* Append the begin and the end of a result, which is an object: the caller writes members in
 * between. The versions without a handshake require further members, so there must be one. */
void mcp_result_begin(const struct mcp_caller *caller, struct buf *out);
void mcp_result_end(const struct mcp_caller *caller, struct buf *out);

/* Appends a member "serverInfo", or of another name: the name and the version of this server. */
void mcp_write_server(const char *name, struct buf *out);

/* Appends the response to a call of a tool. `text` is for the model; `document`, which may be
 * empty, is a JSON object for programs. */
void mcp_write_call(const struct mcp_caller *caller, struct slice text, struct slice document,
                    bool is_error, struct buf *out);

/* The same, with the document also as the text. */
void mcp_write_document(const struct mcp_caller *caller, struct slice document, struct buf *out);

/* Replies with 200 and the response, which is taken. The caller has set the outcome. */
void mcp_reply(struct request *request, struct buf *response);

/* Replies with a tool's error, whose outcome it sets. */
void mcp_reply_call_error(struct request *request, const struct mcp_caller *caller,
                          const char *text);

/* Replies with a tool's error: the server cannot serve the call now. Sets the outcome. `detail`
 * NULL = the title of `err`; `retry_after_s` 0 = it is not known when to repeat the call. */
void mcp_reply_call_failure(struct request *request, const struct mcp_caller *caller, enum err err,
                            const char *detail, int retry_after_s);

/* Replies with an error of the protocol, whose outcome it sets. `data` as in json_rpc.h. */
void mcp_reply_error(struct request *request, int status, const struct mcp_caller *caller,
                     enum json_rpc_code code, const char *text, const char *data);

#endif
