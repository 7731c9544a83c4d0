/* SPDX-License-Identifier: MIT */
/* mcp.c - POST /mcp: the Model Context Protocol (MCP), by which AI assistants call the server.
 *
 * The transport is Streamable HTTP without sessions: each request is one message and gets one
 * response. So a notification has no effect, and `initialize` is a constant. A call of a tool is a
 * list of domains (mcp_call.c), or reads the account (below).
 *
 * What is wrong with the HTTP request is a problem document; what is wrong with the message is a
 * JSON-RPC error. What is wrong with the arguments of a tool, and what keeps the server from
 * serving the call, is a result that is an error, because a model sees only that. */
#include "http/endpoints/endpoints.h"

#include "base/mem.h"
#include "http/core/app.h"
#include "http/core/problem.h"
#include "http/endpoints/engine_call.h"
#include "http/endpoints/mcp_call.h"
#include "http/endpoints/mcp_reply.h"
#include "http/endpoints/mcp_tools.h"
#include "http/endpoints/usage.h"
#include "http/protocol/list_parser.h"
#include "http/protocol/negotiate.h"

#include <string.h>

#define BODY_MAX     ((size_t)64 << 10)
#define RESULT_MAX   ((size_t)1 << 20) /* bytes of a response without results; it has the id */
#define CACHE_ADVICE ",\"ttlMs\":3600000,\"cacheScope\":\"public\""

/* A message that is being served. */
struct mcp_request {
    const struct json *params; /* NULL = none */
    struct mcp_caller caller;
};

/* ---- the body ---- */

/* Without lists there is no tool worth calling, so there is no such path. */
static size_t max_bytes(const struct service *service)
{
    return service->bulk_entries ? BODY_MAX : 0;
}

static enum err accepts_type(const struct request *request, struct errmsg *why)
{
    enum list_type type;

    if (!list_type_read(request_header(request, "Content-Type"), &type, why) && type == LIST_JSON)
        return ERR_OK;
    errmsg_set(why, "send a JSON-RPC message as application/json, in UTF-8");
    return ERR_UNSUPPORTED_MEDIA_TYPE;
}

const struct route_body mcp_body = {.max_bytes = max_bytes,
                                    .requires_length = true,
                                    .accepts = accepts_type,
                                    .accept_post = "application/json",
                                    .own_pages_only = true};

/* ---- methods ---- */

static size_t max_domains(const struct request *request)
{
    size_t max = request_service(request)->bulk_entries;

    return max < MCP_DOMAINS_MAX ? max : MCP_DOMAINS_MAX;
}

static void send_result(struct request *request, struct buf *result)
{
    request_set_outcome(request, "mcp", NULL, CHARGED_NO);
    mcp_reply(request, result);
}

static void write_about(struct buf *out)
{
    buf_add_str(out, ",\"capabilities\":{\"tools\":{}},\"instructions\":");
    json_add_text(out, mcp_instructions);
}

static void initialize(struct request *request, struct mcp_request *mcp)
{
    struct buf autobuf out = BUF_INIT(RESULT_MAX);

    mcp_result_begin(&mcp->caller, &out);
    buf_addf(&out, "\"protocolVersion\":\"%s\"", mcp_version_name(mcp->caller.version));
    write_about(&out);
    buf_add_str(&out, ",");
    mcp_write_server("serverInfo", &out);
    mcp_result_end(&mcp->caller, &out);
    send_result(request, &out);
}

static void discover(struct request *request, struct mcp_request *mcp)
{
    struct buf autobuf out = BUF_INIT(RESULT_MAX);

    mcp_result_begin(&mcp->caller, &out);
    buf_add_str(&out, "\"supportedVersions\":");
    mcp_write_versions(&out);
    write_about(&out);
    buf_add_str(&out, CACHE_ADVICE);
    mcp_result_end(&mcp->caller, &out);
    send_result(request, &out);
}

static void ping(struct request *request, struct mcp_request *mcp)
{
    struct buf autobuf out = BUF_INIT(RESULT_MAX);

    mcp_result_begin(&mcp->caller, &out);
    mcp_result_end(&mcp->caller, &out);
    send_result(request, &out);
}

static void list_tools(struct request *request, struct mcp_request *mcp)
{
    struct buf autobuf out = BUF_INIT(RESULT_MAX);

    mcp_result_begin(&mcp->caller, &out);
    buf_add_str(&out, "\"tools\":");
    mcp_tools_write(max_domains(request), &out);
    if (mcp_version_is_stateless(mcp->caller.version))
        buf_add_str(&out, CACHE_ADVICE);
    mcp_result_end(&mcp->caller, &out);
    send_result(request, &out);
}

/* ---- tools ---- */

static void call_find(struct request *request, struct mcp_request *mcp, const struct json *given)
{
    struct mcp_find_arguments arguments;
    struct errmsg why;

    if (mcp_read_find(given, max_domains(request), &arguments, &why))
        mcp_reply_call_error(request, &mcp->caller, why.text);
    else
        mcp_call_start(request, &mcp->caller, &arguments);
}

struct usage_of_caller {
    struct usage_call usage; /* first: it is freed by engine_call.c */
    struct mcp_caller caller;
};

static void reply_usage(struct request *request, struct engine_call *call)
{
    struct usage_of_caller *of = container_of(call, struct usage_of_caller, usage.account.call);
    struct buf autobuf document = BUF_INIT(USAGE_MAX), out = BUF_INIT(RESULT_MAX);

    usage_write(&of->usage, &document); /* with a line end, which is left out */
    mcp_write_document(&of->caller, (struct slice){buf_str(&document), document.len - 1}, &out);
    send_result(request, &out);
}

static void reply_usage_late(struct request *request, struct engine_call *call)
{
    struct usage_of_caller *of = container_of(call, struct usage_of_caller, usage.account.call);

    mcp_reply_call_failure(request, &of->caller, ERR_OVERLOADED, "the server is slow at the moment",
                           ENGINE_LATE_RETRY_S);
}

static void release_usage(struct engine_call *call)
{
    mcp_caller_done(&container_of(call, struct usage_of_caller, usage.account.call)->caller);
}

static void call_usage(struct request *request, struct mcp_request *mcp, const struct json *given)
{
    struct errmsg why;

    if (mcp_read_usage(given, &why)) {
        mcp_reply_call_error(request, &mcp->caller, why.text);
        return;
    }
    struct usage_of_caller *of = xcalloc(1, sizeof *of);
    usage_call_init(&of->usage, request);
    of->caller = mcp->caller;
    mcp->caller = (struct mcp_caller){0};
    engine_call_send_or(request, &of->usage.account.call, reply_usage, reply_usage_late,
                        release_usage);
}

static void call_tool(struct request *request, struct mcp_request *mcp)
{
    const char *name = json_get_string(mcp->params, "name");
    const struct json *given = json_get(mcp->params, "arguments");
    bool is_find = name && strcmp(name, MCP_TOOL_FIND) == 0;

    if (!is_find && (!name || strcmp(name, MCP_TOOL_USAGE) != 0))
        mcp_reply_error(request, 200, &mcp->caller, JSON_RPC_INVALID_PARAMS,
                        "unknown tool; the tools are '" MCP_TOOL_FIND "' and '" MCP_TOOL_USAGE "'",
                        NULL);
    else if (given && !json_is_object(given))
        mcp_reply_error(request, 200, &mcp->caller, JSON_RPC_INVALID_PARAMS,
                        "'arguments' must be an object", NULL);
    else if (is_find)
        call_find(request, mcp, given);
    else
        call_usage(request, mcp, given);
}

/* ---- the message ---- */

enum versions { ALL, WITH_HANDSHAKE, WITHOUT_HANDSHAKE };

static const struct {
    const char *name;
    enum versions versions;
    void (*run)(struct request *request, struct mcp_request *mcp);
} methods[] = {
    {"initialize", WITH_HANDSHAKE, initialize},
    {"ping", WITH_HANDSHAKE, ping},
    {"server/discover", WITHOUT_HANDSHAKE, discover},
    {"tools/list", ALL, list_tools},
    {"tools/call", ALL, call_tool},
};

static void run_method(struct request *request, const char *name, struct mcp_request *mcp)
{
    bool is_stateless = mcp_version_is_stateless(mcp->caller.version);
    enum versions other = is_stateless ? WITH_HANDSHAKE : WITHOUT_HANDSHAKE;

    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (strcmp(methods[i].name, name) == 0 && methods[i].versions != other) {
            methods[i].run(request, mcp);
            return;
        }
    mcp_reply_error(request, is_stateless ? 404 : 200, &mcp->caller, JSON_RPC_METHOD_NOT_FOUND,
                    "unknown method", NULL);
}

static void reject_version(struct request *request, const struct mcp_caller *caller,
                           enum json_rpc_code code, const struct mcp_version_result *checked)
{
    struct buf autobuf data = BUF_INIT(RESULT_MAX);

    buf_add_str(&data, "{\"supported\":");
    mcp_write_versions(&data);
    buf_add_str(&data, ",\"requested\":");
    json_add_text(&data, checked->requested);
    buf_add_str(&data, "}");
    mcp_reply_error(request, 400, caller, code, checked->why.text,
                    code == JSON_RPC_UNSUPPORTED_VERSION ? buf_str(&data) : NULL);
}

/* Serves a message with an id, which it takes. */
static void serve(struct request *request, struct json_rpc_message *message)
{
    const struct mcp_headers headers = {request_header(request, "MCP-Protocol-Version"),
                                        request_header(request, "Mcp-Method"),
                                        request_header(request, "Mcp-Name")};
    const struct json *meta = json_get(message->params, "_meta");
    struct mcp_request mcp = {.params = message->params};
    struct mcp_version_result checked;
    enum json_rpc_code code = mcp_check_version(message, &headers, &checked);

    mcp.caller.id = TAKE(message->id);
    mcp.caller.token = json_rpc_id_text(json_get(meta, "progressToken"));
    mcp.caller.version = checked.version;
    if (code)
        reject_version(request, &mcp.caller, code, &checked);
    else
        run_method(request, message->method, &mcp);
    mcp_caller_done(&mcp.caller);
}

static void accept_notification(struct request *request)
{
    struct reply reply;

    reply_init(&reply, 202);
    request_set_outcome(request, "mcp", NULL, CHARGED_NO);
    request_reply(request, &reply);
}

void mcp_post(struct request *request)
{
    const char *accept = request_header(request, "Accept"), *why;
    struct json_rpc_message message;

    if (!negotiate_accepts(accept, FORMAT_JSON) && !negotiate_accepts(accept, FORMAT_SSE)) {
        problem_send(request, ERR_NOT_ACCEPTABLE, "accept application/json and text/event-stream");
        return;
    }
    enum json_rpc_code code = json_rpc_read(request_body(request), &message, &why);
    if (code) {
        const struct mcp_caller caller = {.id = message.id};
        mcp_reply_error(request, 400, &caller, code, why, NULL);
    } else if (!message.id) {
        accept_notification(request);
    } else {
        serve(request, &message);
    }
    json_rpc_message_done(&message);
}
