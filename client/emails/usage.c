/* SPDX-License-Identifier: MIT */
/* usage.c - see usage.h. */
#include "client/emails/usage.h"

#include "base/csv_write.h"
#include "base/json.h"
#include "base/mem.h"
#include "client/emails/failure.h"

#include <stdio.h>
#include <string.h>

#define DOCUMENT_MAX ((size_t)64 << 10)

static void take_line(void *arg, struct slice line)
{
    struct buf *document = arg;

    buf_add(document, line.data, line.len);
}

static enum http_end fetch(struct session *session, struct buf *document, struct http_reply *reply)
{
    struct http_request request = {
        .target = "/usage", .accept = "application/json", .take_line = take_line, .arg = document};

    return http_send(session->http, &request, reply);
}

bool usage_read(struct session *session, struct usage *ret_usage)
{
    struct buf autobuf document = BUF_INIT(DOCUMENT_MAX);
    struct http_reply reply;
    struct json *json = NULL;

    if (fetch(session, &document, &reply) == HTTP_COMPLETE)
        json_parse(buf_str(&document), document.len, &json);
    http_reply_done(&reply);
    bool is_read = json_is_object(json);
    if (is_read)
        *ret_usage =
            (struct usage){json_get_int(json, "credits", 0), json_get_int(json, "remaining", -1)};
    json_free(json);
    return is_read;
}

/* ---- for display ---- */

static const struct {
    const char *member, *title;
} rows[] = {
    {"client", "client"},         {"credits", "credits spent today"}, {"remaining", "credits left"},
    {"quota", "credits per day"}, {"resets_at", "day ends at"},
};

/* Appends the value of a member; null means that there is no limit. */
static void add_value(const struct json *json, const char *member, struct buf *out)
{
    const char *text = json_get_string(json, member);
    int64_t number;

    if (text)
        csv_add_cell(out, text);
    else if (json_integer(json_get(json, member), &number))
        buf_addf(out, "%lld", (long long)number);
    else
        buf_add_str(out, "unlimited");
}

static void add_document(enum format format, const struct json *json, struct buf *out)
{
    if (format == FORMAT_CSV) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            buf_addf(out, "%s%s", i ? "," : "", rows[i].member);
        buf_add_str(out, "\r\n");
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (format == FORMAT_CSV)
            buf_add_str(out, i ? "," : "");
        else if (format == FORMAT_PLAIN)
            buf_addf(out, "%s\t", rows[i].member);
        else
            buf_addf(out, "%-21s", rows[i].title);
        add_value(json, rows[i].member, out);
        buf_add_str(out, format == FORMAT_CSV ? "" : "\n");
    }
    if (format == FORMAT_CSV)
        buf_add_str(out, "\r\n");
}

void usage_print(struct session *session)
{
    struct buf autobuf document = BUF_INIT(DOCUMENT_MAX);
    struct http_reply reply;
    struct json *json = NULL;
    enum http_end end = fetch(session, &document, &reply);

    if (end == HTTP_COMPLETE)
        json_parse(buf_str(&document), document.len, &json);
    if (!json_is_object(json))
        failure_report(session, end, &reply);
    else if (session->output.format == FORMAT_JSON)
        buf_addf(&session->output.text, "%s\n", buf_str(&document));
    else
        add_document(session->output.format, json, &session->output.text);
    json_free(json);
    http_reply_done(&reply);
}
