/* SPDX-License-Identifier: MIT */
/* fault_apply.c - see faults.h. One row per kind of fault. */
#include "tests/simulator/faults.h"

#include "base/json.h"
#include "base/mem.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_MAX ((size_t)64 << 10)

/* "1\r\n", the byte, "\r\n" */
#define CHUNK_OF_ONE 6

static void status_line(const struct reply *reply, struct buf *out)
{
    buf_addf(out, "HTTP/1.1 %d %s\r\n", reply->status,
             MHD_get_reason_phrase_for((unsigned)reply->status));
}

/* Writes the status line and the headers, with the length of the body, without the empty line. */
static void write_head(const struct reply *reply, const char *length, struct buf *out)
{
    status_line(reply, out);
    for (size_t i = 0; i < reply->n_headers; i++)
        buf_addf(out, "%s: %s\r\n", reply->headers[i].name, reply->headers[i].value);
    buf_addf(out, "Connection: close\r\n%s", length);
}

/* The batch id of a reply counts as delivered only if the whole reply is sent. */
static void tell_batch(const struct reply *reply, struct script *script)
{
    memcpy(script->batch_id, reply->batch_id, sizeof(script->batch_id));
}

static size_t cut_at(const struct fault *fault, const struct reply *reply)
{
    if (fault->bytes >= 0 && (size_t)fault->bytes < reply->body.len)
        return (size_t)fault->bytes;
    return reply->body.len / 2;
}

static void close_now(const struct fault *fault, struct reply *reply, struct script *script)
{
    (void)fault;
    (void)reply;
    script->ending = ENDING_FIN;
}

static void reset_now(const struct fault *fault, struct reply *reply, struct script *script)
{
    (void)fault;
    (void)reply;
    script->ending = ENDING_RST;
}

static void hang(const struct fault *fault, struct reply *reply, struct script *script)
{
    (void)fault;
    (void)reply;
    script->ending = ENDING_HANG;
}

static void truncate_body(const struct fault *fault, struct reply *reply, struct script *script)
{
    autobuf struct buf length = BUF_INIT(HEAD_MAX);

    buf_addf(&length, "Content-Length: %zu\r\n\r\n", reply->body.len);
    write_head(reply, buf_str(&length), &script->head);
    buf_add(&script->tail, buf_str(&reply->body), cut_at(fault, reply));
}

static void cut_no_length(const struct fault *fault, struct reply *reply, struct script *script)
{
    write_head(reply, "\r\n", &script->head);
    buf_add(&script->tail, buf_str(&reply->body), cut_at(fault, reply));
}

static void chunk_cut(const struct fault *fault, struct reply *reply, struct script *script)
{
    write_head(reply, "Transfer-Encoding: chunked\r\n\r\n", &script->head);
    buf_addf(&script->tail, "%zx\r\n", reply->body.len);
    buf_add(&script->tail, buf_str(&reply->body), cut_at(fault, reply));
}

static void dribble(const struct fault *fault, struct reply *reply, struct script *script)
{
    write_head(reply, "Transfer-Encoding: chunked\r\n\r\n", &script->head);
    for (size_t i = 0; i < reply->body.len; i++) {
        buf_add_str(&script->tail, "1\r\n");
        buf_add(&script->tail, reply->body.data + i, 1);
        buf_add_str(&script->tail, "\r\n");
    }
    buf_add_str(&script->tail, "0\r\n\r\n");
    script->step = CHUNK_OF_ONE;
    script->step_ms = fault->byte_ms;
    tell_batch(reply, script);
}

static void garbage(const struct fault *fault, struct reply *reply, struct script *script)
{
    static const char noise[] = "\x16\x03\x01\x02\x00 this is no HTTP\r\n\x80\xff\r\n";

    (void)fault;
    (void)reply;
    buf_add(&script->head, noise, sizeof(noise) - 1);
}

static void huge_headers(const struct fault *fault, struct reply *reply, struct script *script)
{
    write_head(reply, "X-Filler: ", &script->head);
    script->pad = 'x';
    script->pad_bytes = fault->bytes;
    buf_addf(&script->tail, "\r\nContent-Length: %zu\r\n\r\n", reply->body.len);
    buf_add(&script->tail, buf_str(&reply->body), reply->body.len);
    tell_batch(reply, script);
}

/* White space before the correct reply: valid JSON, so only a size limit rejects it. */
static void huge_body(const struct fault *fault, struct reply *reply, struct script *script)
{
    write_head(reply, "\r\n", &script->head);
    script->pad = ' ';
    script->pad_bytes = fault->bytes;
    buf_add(&script->tail, buf_str(&reply->body), reply->body.len);
    tell_batch(reply, script);
}

static void raw_bytes(const struct fault *fault, struct reply *reply, struct script *script)
{
    (void)reply;
    buf_add(&script->tail, buf_str(&fault->body), fault->body.len);
    script->step = 1;
    script->step_ms = fault->byte_ms > 0 ? fault->byte_ms : 0;
    script->ending = (enum ending)fault->end;
}

typedef void script_fn(const struct fault *fault, struct reply *reply, struct script *script);

/* A kind without a row changes the reply, or does nothing here. */
static script_fn *const scripts[] = {
    [FAULT_CLOSE] = close_now,
    [FAULT_RESET] = reset_now,
    [FAULT_HANG] = hang,
    [FAULT_TRUNCATE] = truncate_body,
    [FAULT_CUT_NO_LENGTH] = cut_no_length,
    [FAULT_CHUNK_CUT] = chunk_cut,
    [FAULT_DRIBBLE] = dribble,
    [FAULT_GARBAGE] = garbage,
    [FAULT_HUGE_HEADERS] = huge_headers,
    [FAULT_HUGE_BODY] = huge_body,
    [FAULT_RAW] = raw_bytes,
    [FAULT_ACCEPT_CLOSE] = NULL,
};

static void add_headers(const struct fault *fault, struct reply *reply)
{
    struct json *doc = NULL;
    struct json_span text, name, value;

    if (!fault->headers || json_parse(fault->headers, strlen(fault->headers), &doc) != ERR_OK)
        return;
    text = (struct json_span){fault->headers, strlen(fault->headers)};
    for (size_t pos = 0; json_span_member(text, &pos, &name, &value);) {
        autofree char *key = xstrndup(name.at, name.len);
        const char *words = json_get_string(doc, key);
        reply_header(reply, key, words, strlen(words));
    }
    json_free(doc);
}

static void replace_body(struct reply *reply, const void *body, size_t len, const char *type)
{
    buf_clear(&reply->body);
    buf_add(&reply->body, body, len);
    reply_header(reply, "Content-Type", type, strlen(type));
    reply->batch_id[0] = '\0';
}

/* status, body and not_json differ only in their defaults. */
void fault_change(const struct fault *fault, struct reply *reply)
{
    static const char page[] = "<!DOCTYPE html><html><body><h1>Sign in</h1></body></html>\n";
    const char *type = fault->content_type[0] ? fault->content_type : "application/json";

    if (fault->kind == FAULT_DELAY || fault->kind == FAULT_RAW)
        return;
    if (fault->kind == FAULT_STATUS && !fault->has_body)
        reply_detail(reply, (int)fault->status, "simulated failure");
    if (fault->kind == FAULT_NOT_JSON)
        replace_body(reply, page, sizeof(page) - 1, "text/html; charset=utf-8");
    if (fault->has_body)
        replace_body(reply, buf_str(&fault->body), fault->body.len, type);
    if (fault->content_type[0])
        reply_header(reply, "Content-Type", fault->content_type, strlen(fault->content_type));
    if (fault->status)
        reply->status = (int)fault->status;
    else if (fault->kind == FAULT_BODY || fault->kind == FAULT_NOT_JSON)
        reply->status = 200;
    add_headers(fault, reply);
}

bool fault_script(const struct fault *fault, struct reply *reply, struct script *ret_script)
{
    script_fn *write = scripts[fault->kind];

    if (!write)
        return false;
    *ret_script = (struct script){.head = BUF_INIT(HEAD_MAX), .tail = BUF_INIT(REPLY_MAX_BYTES)};
    write(fault, reply, ret_script);
    return true;
}
