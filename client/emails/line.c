/* SPDX-License-Identifier: MIT */
/* line.c - see line.h. */
#include "client/emails/line.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static void read_problem(const struct json *problem, struct line *line)
{
    line->code = or_empty(json_get_string(problem, "code"));
    line->detail = json_get_string(problem, "detail");
    if (!line->detail)
        line->detail = or_empty(json_get_string(problem, "title"));
}

/* Reads the members before the addresses, if the line is longer than json_parse() accepts. */
static enum err parse(struct slice text, struct json **ret_json)
{
    static const char emails[] = ",\"emails\":["; /* in a string, its quotes would be escaped */
    struct buf autobuf head = BUF_INIT(JSON_MAX_BYTES);
    const char *end = memmem(text.data, text.len, emails, sizeof emails - 1);

    if (text.len <= JSON_MAX_BYTES || !end)
        return json_parse(text.data, text.len, ret_json);
    buf_add(&head, text.data, (size_t)(end - text.data));
    buf_add_str(&head, "}");
    return json_parse(buf_str(&head), head.len, ret_json);
}

/* A result has a domain, a failure has a problem. */
enum err line_read(struct slice text, struct line *ret_line)
{
    struct json *json;
    enum err err = parse(text, &json);

    if (err)
        return err;
    struct line line = {
        .text = text,
        .json = json,
        .index = json_get_int(json, "index", -1),
        .http_status = json_get_int(json, "status", 0),
        .outcome = or_empty(json_get_string(json, "outcome")),
        .charged = or_empty(json_get_string(json, "charged")),
        .domain = json_get_string(json, "domain"),
        .company_name = json_get_string(json, "company_name"),
        .emails = json_get(json, "emails"),
        .is_truncated = json_get_bool(json, "truncated", false),
    };
    const struct json *problem = json_get(json, "problem");
    if (json_is_object(problem))
        read_problem(problem, &line);
    else if (!line.domain)
        err = ERR_SYNTAX;
    if (err)
        json_free(json);
    else
        *ret_line = line;
    return err;
}

void line_done(struct line *line)
{
    json_free(line->json);
    *line = (struct line){0};
}

bool line_asks_for_another_try(const struct line *line)
{
    if (!line->code || strcmp(line->code, "not-cached") == 0)
        return false;
    if (strcmp(line->code, "quota-exceeded") == 0) /* else it is used up until the next day */
        return line->is_temporary;
    return line->http_status == 503 || line->http_status == 504 ||
           strcmp(line->code, "rate-limited") == 0;
}

enum status line_exit_status(const struct line *line)
{
    static const struct {
        const char *code;
        enum status status;
    } codes[] = {
        {"unauthorized", STATUS_DENIED},          {"forbidden", STATUS_DENIED},
        {"credits-exhausted", STATUS_EXHAUSTED},  {"quota-exceeded", STATUS_EXHAUSTED},
        {"still-processing", STATUS_IN_PROGRESS},
    };

    if (!line->code)
        return STATUS_OK;
    if (strcmp(line->code, "quota-exceeded") == 0 && line->is_temporary)
        return STATUS_UNREACHABLE;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (strcmp(line->code, codes[i].code) == 0)
            return codes[i].status;
    return line_asks_for_another_try(line) ? STATUS_UNREACHABLE : STATUS_FAILED;
}

enum status status_worse(enum status a, enum status b)
{
    static const enum status order[] = {STATUS_DENIED, STATUS_UNREACHABLE, STATUS_EXHAUSTED,
                                        STATUS_IN_PROGRESS, STATUS_FAILED};

    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        if (a == order[i] || b == order[i])
            return order[i];
    return STATUS_OK;
}

void line_of_problem(struct slice document, int http_status, struct buf *out)
{
    struct json *json = NULL;

    json_parse(document.data, document.len, &json);
    const char *charged = json_get_string(json, "charged");
    bool is_free = !charged || strcmp(charged, "no") == 0;
    buf_addf(out, "{\"status\":%d,\"outcome\":\"%s\",\"charged\":", http_status,
             is_free ? "rejected" : "failed");
    json_add_text(out, is_free ? "no" : charged);
    buf_add_str(out, ",\"problem\":");
    for (size_t i = 0; i < document.len; i++) /* white space outside of strings */
        buf_add(out, document.data[i] == '\n' || document.data[i] == '\r' ? " " : &document.data[i],
                1);
    buf_add_str(out, "}");
    json_free(json);
}
