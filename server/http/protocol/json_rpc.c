/* SPDX-License-Identifier: MIT */
/* json_rpc.c - see json_rpc.h. */
#include "http/protocol/json_rpc.h"

#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

#define ID_MAX      ((size_t)1 << 20)  /* bytes as JSON; the body is shorter */
#define INTEGER_END (INT64_C(1) << 53) /* from there on, JSON numbers are not exact */

/* ---- reading ---- */

char *json_rpc_id_text(const struct json *value)
{
    struct buf autobuf out = BUF_INIT(ID_MAX);
    const char *text = json_string(value);
    int64_t n;

    if (text)
        json_add_text(&out, text);
    else if (json_integer(value, &n) && n > -INTEGER_END && n < INTEGER_END)
        buf_addf(&out, "%" PRId64, n);
    return out.len && !buf_check(&out) ? buf_take(&out, NULL) : NULL;
}

/* Sets the members of the message. Returns NULL, or what is wrong. */
static const char *read_members(struct json_rpc_message *message)
{
    const struct json *document = message->document, *id = json_get(document, "id");
    const char *version = json_get_string(document, "jsonrpc");

    if (json_is_array(document))
        return "batches are not supported: send one message";
    if (!json_is_object(document))
        return "the message must be an object";
    message->id = json_rpc_id_text(id);
    if (id && !message->id)
        return "'id' must be a string, or an integer of less than 2^53";
    if (!version || strcmp(version, "2.0") != 0)
        return "'jsonrpc' must be \"2.0\"";
    message->method = json_get_string(document, "method");
    if (!message->method)
        return "'method' must be a string; responses are not accepted";
    message->params = json_get(document, "params");
    return message->params && !json_is_object(message->params) ? "'params' must be an object"
                                                               : NULL;
}

enum json_rpc_code json_rpc_read(struct slice body, struct json_rpc_message *ret_message,
                                 const char **ret_why)
{
    struct json_rpc_message message = {0};

    if (json_parse(body.data, body.len, &message.document)) {
        *ret_message = message;
        *ret_why = "the body must be JSON in UTF-8";
        return JSON_RPC_PARSE_ERROR;
    }
    const char *why = read_members(&message);
    *ret_message = message;
    if (!why)
        return JSON_RPC_OK;
    json_free(TAKE(ret_message->document));
    ret_message->method = NULL;
    ret_message->params = NULL;
    *ret_why = why;
    return JSON_RPC_INVALID_REQUEST;
}

void json_rpc_message_done(struct json_rpc_message *message)
{
    mem_autofree(&message->id);
    json_free(TAKE(message->document));
}

/* ---- writing ---- */

static void begin(const char *id, struct buf *out)
{
    buf_add_str(out, "{\"jsonrpc\":\"2.0\"");
    if (!id)
        return;
    buf_add_str(out, ",\"id\":");
    buf_add_str(out, id);
}

void json_rpc_begin_result(const char *id, struct buf *out)
{
    begin(id, out);
    buf_add_str(out, ",\"result\":");
}

void json_rpc_end(struct buf *out)
{
    buf_add_str(out, "}\n");
}

void json_rpc_write_error(const char *id, enum json_rpc_code code, const char *text,
                          const char *data, struct buf *out)
{
    begin(id, out);
    buf_addf(out, ",\"error\":{\"code\":%d,\"message\":", code);
    json_add_text(out, text);
    if (data) {
        buf_add_str(out, ",\"data\":");
        buf_add_str(out, data);
    }
    buf_add_str(out, "}");
    json_rpc_end(out);
}
