/* SPDX-License-Identifier: MIT */
/* mcp_reply.c - see mcp_reply.h. */
#include "http/endpoints/mcp_reply.h"

#include "base/json.h"
#include "base/mem.h"
#include "version.h"

#define ERROR_MAX ((size_t)4 << 20) /* bytes; an id may be as long as the body, escaped */

static const char rejected[] = "mcp-rejected"; /* outcome: without a call */

void mcp_caller_done(struct mcp_caller *caller)
{
    mem_autofree(&caller->id);
    mem_autofree(&caller->token);
}

/* ---- writing ---- */

void mcp_write_server(const char *name, struct buf *out)
{
    buf_addf(out, "\"%s\":{\"name\":\"emailsd\",\"version\":", name);
    json_add_text(out, EMAILSD_VERSION);
    buf_add_str(out, "}");
}

void mcp_result_begin(const struct mcp_caller *caller, struct buf *out)
{
    json_rpc_begin_result(caller->id, out);
    buf_add_str(out, "{");
}

void mcp_result_end(const struct mcp_caller *caller, struct buf *out)
{
    if (mcp_version_is_stateless(caller->version)) {
        buf_add_str(out, ",\"resultType\":\"complete\",\"_meta\":{");
        mcp_write_server("io.modelcontextprotocol/serverInfo", out);
        buf_add_str(out, "}");
    }
    buf_add_str(out, "}");
    json_rpc_end(out);
}

void mcp_write_call(const struct mcp_caller *caller, struct slice text, struct slice document,
                    bool is_error, struct buf *out)
{
    mcp_result_begin(caller, out);
    buf_add_str(out, "\"content\":[{\"type\":\"text\",\"text\":");
    json_add_string(out, text.data, text.len);
    buf_add_str(out, "}]");
    if (document.len) {
        buf_add_str(out, ",\"structuredContent\":");
        buf_add(out, document.data, document.len);
    }
    buf_addf(out, ",\"isError\":%s", is_error ? "true" : "false");
    mcp_result_end(caller, out);
}

void mcp_write_document(const struct mcp_caller *caller, struct slice document, struct buf *out)
{
    mcp_write_call(caller, document, document, false, out);
}

/* ---- replying ---- */

static void send_json(struct request *request, int status, struct buf *response)
{
    struct reply reply;

    reply_init(&reply, status);
    reply_text(&reply, "Content-Type", "application/json");
    reply_text(&reply, "Cache-Control", "no-store");
    reply_body_take(&reply, response);
    request_reply(request, &reply);
}

void mcp_reply(struct request *request, struct buf *response)
{
    send_json(request, 200, response);
}

static void reply_text_as_error(struct request *request, const struct mcp_caller *caller,
                                const char *outcome, const char *text)
{
    struct buf autobuf out = BUF_INIT(ERROR_MAX);

    mcp_write_call(caller, (struct slice){text, strlen(text)}, (struct slice){0}, true, &out);
    request_set_outcome(request, outcome, NULL, CHARGED_NO);
    mcp_reply(request, &out);
}

void mcp_reply_call_error(struct request *request, const struct mcp_caller *caller,
                          const char *text)
{
    reply_text_as_error(request, caller, rejected, text);
}

void mcp_reply_call_failure(struct request *request, const struct mcp_caller *caller, enum err err,
                            const char *detail, int retry_after_s)
{
    const struct err_row *row = err_row(err);
    struct buf autobuf text = BUF_INIT(BUF_SMALL);

    buf_addf(&text, "%s (%s)", detail ? detail : row->title, row->code);
    if (retry_after_s)
        buf_addf(&text, "; repeat the call in %d s", retry_after_s);
    reply_text_as_error(request, caller, row->code, buf_str(&text));
}

void mcp_reply_error(struct request *request, int status, const struct mcp_caller *caller,
                     enum json_rpc_code code, const char *text, const char *data)
{
    struct buf autobuf out = BUF_INIT(ERROR_MAX);

    json_rpc_write_error(caller->id, code, text, data, &out);
    request_set_outcome(request, rejected, NULL, CHARGED_NO);
    send_json(request, status, &out);
}
