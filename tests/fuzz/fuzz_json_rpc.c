/* SPDX-License-Identifier: MIT */
/* fuzz_json_rpc.c - fuzzes messages of JSON-RPC, the version of MCP that they use, and the
 * arguments of a tool.
 *
 * Three lines: the headers MCP-Protocol-Version, Mcp-Method and Mcp-Name; an empty line is an
 * absent header. The rest is the body. What a message says must be what a plain reading of its JSON
 * finds, and a response must be JSON with the same id. */
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "http/endpoints/mcp_reply.h"
#include "http/endpoints/mcp_tools.h"
#include "http/protocol/json_rpc.h"
#include "http/protocol/mcp_version.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define OUT_MAX ((size_t)1 << 20)

/* ---- the message ---- */

static bool has_version(const struct json *document)
{
    const char *version = json_get_string(document, "jsonrpc");

    return version && strcmp(version, "2.0") == 0;
}

static bool has_valid_params(const struct json *document)
{
    const struct json *params = json_get(document, "params");

    return !params || json_is_object(params);
}

/* Returns whether the JSON is a message, by a reading of its own. */
static bool is_message(const struct json *document, const struct json_rpc_message *message)
{
    const struct json *id = json_get(document, "id");
    int64_t n, end = INT64_C(1) << 53;
    bool is_valid_id = !id || json_string(id) || (json_integer(id, &n) && llabs(n) < end);

    return has_version(document) && json_get_string(document, "method") &&
           has_valid_params(document) && is_valid_id && (id != NULL) == (message->id != NULL);
}

static void check_message(const char *text, size_t len, enum json_rpc_code code,
                          const struct json_rpc_message *message, const char *why)
{
    struct json *document = NULL;
    bool is_json = json_parse(text, len, &document) == ERR_OK;

    FUZZ_WANT(is_json == (code != JSON_RPC_PARSE_ERROR));
    FUZZ_WANT(code == JSON_RPC_OK || (why && *why && !message->method));
    if (is_json)
        FUZZ_WANT(is_message(document, message) == (code == JSON_RPC_OK));
    if (code == JSON_RPC_OK)
        FUZZ_WANT(strcmp(message->method, json_get_string(document, "method")) == 0);
    json_free(document);
}

/* ---- responses ---- */

/* Returns the response as a document, which the caller frees. */
static struct json *parse(const struct buf *out)
{
    struct json *document = NULL;

    FUZZ_WANT(!buf_check(out) && !memchr(buf_str(out), '\n', out->len - 1));
    FUZZ_WANT(json_parse(buf_str(out), out->len, &document) == ERR_OK);
    FUZZ_WANT(has_version(document));
    return document;
}

static void check_id(const struct json *document, const char *id)
{
    char *again = json_rpc_id_text(json_get(document, "id"));

    FUZZ_WANT(id ? again && strcmp(again, id) == 0 : !again);
    free(again);
}

static void check_error(const char *id, const char *text)
{
    struct buf autobuf out = BUF_INIT(OUT_MAX);

    json_rpc_write_error(id, JSON_RPC_INVALID_REQUEST, text, "{}", &out);
    struct json *document = parse(&out);
    check_id(document, id);
    FUZZ_WANT(json_get_int(json_get(document, "error"), "code", 0) == JSON_RPC_INVALID_REQUEST);
    json_free(document);
}

static void check_call(char *id, enum mcp_version version, const char *text)
{
    const struct mcp_caller caller = {.id = id, .version = version};
    struct buf autobuf out = BUF_INIT(OUT_MAX);

    mcp_write_call(&caller, (struct slice){text, strlen(text)}, (struct slice){"{}", 2}, true,
                   &out);
    struct json *document = parse(&out);
    const struct json *result = json_get(document, "result");
    check_id(document, id);
    FUZZ_WANT(json_get_bool(result, "isError", false));
    FUZZ_WANT(strcmp(json_get_string(json_first(json_get(result, "content")), "text"), text) == 0);
    FUZZ_WANT((json_get(result, "resultType") != NULL) == mcp_version_is_stateless(version));
    json_free(document);
}

/* ---- the version ---- */

/* Returns whether header and body name the same version, as far as both name one. */
static bool names_one_version(const struct json_rpc_message *message, const char *header)
{
    const char *named = json_get_string(json_get(message->params, "_meta"),
                                        "io.modelcontextprotocol/protocolVersion");

    return !named || !header || strcmp(named, header) == 0;
}

static void check_version(const struct json_rpc_message *message, const struct mcp_headers *headers)
{
    struct mcp_version_result checked;
    enum json_rpc_code code = mcp_check_version(message, headers, &checked);

    FUZZ_WANT(checked.requested || code == JSON_RPC_INVALID_PARAMS);
    FUZZ_WANT((*checked.why.text != '\0') == (code != JSON_RPC_OK));
    FUZZ_WANT(checked.version < MCP_VERSIONS);
    if (code)
        return;
    FUZZ_WANT(names_one_version(message, headers->version));
    if (mcp_version_is_stateless(checked.version)) {
        FUZZ_WANT(headers->version && headers->method);
        FUZZ_WANT(strcmp(headers->version, mcp_version_name(checked.version)) == 0);
        FUZZ_WANT(strcmp(headers->method, message->method) == 0);
        FUZZ_WANT(json_is_object(json_get(message->params, "_meta")));
    }
    if (message->id)
        check_call(message->id, checked.version, message->method);
}

/* ---- the arguments ---- */

static void check_arguments(const struct json *params)
{
    const struct json *arguments = json_get(params, "arguments");
    struct mcp_find_arguments find;
    struct errmsg why = {""};

    if (mcp_read_find(arguments, 3, &find, &why)) {
        FUZZ_WANT(*why.text && text_is_utf8(why.text, strlen(why.text)));
        return;
    }
    FUZZ_WANT(find.max_credits >= 0);
    FUZZ_WANT(json_size(find.domains) >= 1 && json_size(find.domains) <= 3);
    for (const struct json *d = json_first(find.domains); d; d = json_next(d))
        FUZZ_WANT(json_string(d));
    FUZZ_WANT(mcp_read_usage(arguments, &why) == ERR_INVALID_PARAMETER);
}

/* ---- the input ---- */

/* A header has no NUL. Returns NULL for an absent one. The caller frees it. */
static char *read_header(struct input *input)
{
    size_t len;
    char *line = input_line(input, &len);

    if (line && *line && strlen(line) == len)
        return line;
    free(line);
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = input_of(data, size);
    autofree char *version = read_header(&input), *method = read_header(&input);
    autofree char *name = read_header(&input);
    const struct mcp_headers headers = {version, method, name};
    struct json_rpc_message message;
    const char *why = NULL;
    enum json_rpc_code code = json_rpc_read((struct slice){input.at, input.left}, &message, &why);

    check_message(input.at, input.left, code, &message, why);
    check_error(message.id, why ? why : "the text");
    if (!code) {
        check_version(&message, &headers);
        check_arguments(message.params);
    }
    json_rpc_message_done(&message);
    return 0;
}
