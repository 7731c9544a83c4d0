/* SPDX-License-Identifier: MIT */
/* requests.c - see requests.h. */
#include "client/emails/requests.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define TARGET_MAX ((size_t)64 << 10)
#define BODY_MAX   ((size_t)64 << 20)
#define EVENT_MAX  ((size_t)9 << 20)

/* ---- the query ---- */

static void add_number(struct buf *target, const char *name, int64_t number)
{
    char text[32];

    snprintf(text, sizeof text, "%lld", (long long)number);
    http_add_parameter(target, name, text);
}

/* What is left of --wait, in whole seconds. */
static int64_t wait_s(const struct session *session)
{
    int64_t left_ms = session->deadline_ms - session_now_ms();

    return left_ms > 0 ? (left_ms + 999) / 1000 : 0;
}

static void add_options(const struct inquiry *inquiry, struct buf *target)
{
    if (inquiry->cached || (inquiry->has_no_lists && inquiry->max_credits == 0))
        add_number(target, "cached", 1);
    else if (inquiry->refresh)
        add_number(target, "refresh", 1);
    if (inquiry->max_age_s >= 0)
        add_number(target, "max_age", inquiry->max_age_s);
    if (inquiry->session->deadline_ms != INT64_MAX)
        add_number(target, "wait", wait_s(inquiry->session));
}

/* ---- several entries ---- */

/* `is_temporary`: the response named a time for another try. */
static void take_text(struct inquiry *inquiry, struct slice text, bool is_temporary, size_t index)
{
    struct line line;

    if (line_read(text, &line))
        return; /* the entry has no result then, and is asked for again */
    line.is_temporary = is_temporary;
    inquiry->take(inquiry->arg, index, &line);
    line_done(&line);
}

static void take_line(void *arg, struct slice text)
{
    struct inquiry *inquiry = arg;
    struct line line;

    if (text.len == 0 || line_read(text, &line)) /* an empty line keeps the connection open */
        return;
    if (line.index >= 0 && line.index < (int64_t)inquiry->n)
        inquiry->take(inquiry->arg, inquiry->indexes[line.index], &line);
    line_done(&line);
}

static void add_entry(const struct entry *entry, struct buf *body)
{
    buf_add_str(body, "{\"domain\":");
    json_add_text(body, entry->input);
    for (size_t field = 0; field < ENTRY_FIELDS; field++)
        if (entry->fields[field]) {
            buf_addf(body, ",\"%s\":", entry_field_names[field]);
            json_add_text(body, entry->fields[field]);
        }
    buf_add_str(body, "}\n");
}

static enum http_end send_list(struct inquiry *inquiry, struct http_reply *ret_reply)
{
    struct buf autobuf target = BUF_INIT(TARGET_MAX), body = BUF_INIT(BODY_MAX);
    struct http_request request = {
        .accept = "application/x-ndjson",
        .body = &body,
        .take_line = take_line,
        .arg = inquiry,
    };

    buf_add_str(&target, "/emails");
    add_options(inquiry, &target);
    if (inquiry->max_credits >= 0 && !inquiry->cached)
        add_number(&target, "max_credits", inquiry->max_credits);
    for (size_t i = 0; i < inquiry->n; i++)
        add_entry(&inquiry->session->list.entries[inquiry->indexes[i]], &body);
    request.target = buf_str(&target);
    return http_send(inquiry->session->http, &request, ret_reply);
}

/* ---- one entry ---- */

/* An event that arrives. */
struct events {
    struct inquiry *inquiry;
    char name[16];
    char phase[32];
    struct buf data;
};

/* Shows where the lookup is. The time grows until the next event. */
static void take_progress(struct events *events)
{
    struct session *session = events->inquiry->session;
    struct json *json;

    if (json_parse(buf_str(&events->data), events->data.len, &json))
        return;
    const char *phase = json_get_string(json, "phase");
    snprintf(events->phase, sizeof events->phase, "%s", phase ? phase : "");
    events->inquiry->has_phase |= phase != NULL;
    session->shown.phase = events->phase;
    session->shown.elapsed_s = json_get_int(json, "elapsed_s", 0);
    session->shown.expected_s = json_get_int(json, "expected_s", -1);
    session->shown_at_ms = session_now_ms();
    json_free(json);
}

static void end_event(struct events *events)
{
    struct slice data = {buf_str(&events->data), events->data.len};

    if (strcmp(events->name, "result") == 0 && !buf_check(&events->data))
        take_text(events->inquiry, data, false, events->inquiry->indexes[0]);
    else if (strcmp(events->name, "progress") == 0)
        take_progress(events);
    events->name[0] = '\0';
    buf_clear(&events->data);
}

/* Returns the value of a field of an event (HTML Standard, 9.2.6); `data` NULL if the line has
 * another one. */
static struct slice value_of(struct slice line, const char *name)
{
    size_t len = strlen(name);

    if (line.len <= len || memcmp(line.data, name, len) != 0 || line.data[len] != ':')
        return (struct slice){0};
    len += line.len > len + 1 && line.data[len + 1] == ' ';
    return (struct slice){line.data + len + 1, line.len - len - 1};
}

static void take_event_line(void *arg, struct slice line)
{
    struct events *events = arg;
    struct slice name = value_of(line, "event"), data = value_of(line, "data");

    if (line.len == 0)
        end_event(events);
    if (name.data)
        snprintf(events->name, sizeof events->name, "%.*s", (int)name.len, name.data);
    if (data.data && events->data.len)
        buf_add_str(&events->data, "\n");
    if (data.data)
        buf_add(&events->data, data.data, data.len);
}

bool requests_take_problem(struct inquiry *inquiry, const struct http_reply *reply)
{
    struct buf autobuf text = BUF_INIT(EVENT_MAX);
    struct json *json = NULL;

    json_parse(buf_str(&reply->body), reply->body.len, &json);
    bool is_problem = json_get_string(json, "code");
    if (is_problem) {
        line_of_problem((struct slice){reply->body.data, reply->body.len}, reply->status, &text);
        take_text(inquiry, (struct slice){buf_str(&text), text.len}, reply->retry_after_s >= 0,
                  inquiry->indexes[0]);
    }
    json_free(json);
    return is_problem;
}

static void add_question(const struct inquiry *inquiry, struct buf *target)
{
    const struct entry *entry = &inquiry->session->list.entries[inquiry->indexes[0]];

    http_add_parameter(target, "domain", entry->input);
    for (size_t field = 0; field < ENTRY_TRACKING_ID; field++)
        if (entry->fields[field])
            http_add_parameter(target, entry_field_names[field], entry->fields[field]);
}

static enum http_end send_single(struct inquiry *inquiry, struct http_reply *ret_reply)
{
    struct session *session = inquiry->session;
    struct buf autobuf target = BUF_INIT(TARGET_MAX);
    struct events events = {.inquiry = inquiry, .data = BUF_INIT(EVENT_MAX)};
    struct http_request request = {
        .accept = "text/event-stream",
        .take_line = take_event_line,
        .arg = &events,
    };

    buf_add_str(&target, "/emails");
    add_question(inquiry, &target);
    add_options(inquiry, &target);
    request.target = buf_str(&target);
    enum http_end end = http_send(session->http, &request, ret_reply);
    if (end == HTTP_COMPLETE && ret_reply->status != 200)
        requests_take_problem(inquiry, ret_reply); /* in place of events */
    session->shown.phase = NULL;                   /* it was in `events` */
    buf_done(&events.data);
    return end;
}

enum http_end requests_send(struct inquiry *inquiry, struct http_reply *ret_reply)
{
    const struct entry *first = &inquiry->session->list.entries[inquiry->indexes[0]];
    bool is_single =
        inquiry->is_alone && !first->fields[ENTRY_TRACKING_ID] && inquiry->max_credits != 0;

    inquiry->has_phase = false;
    return is_single || inquiry->has_no_lists ? send_single(inquiry, ret_reply)
                                              : send_list(inquiry, ret_reply);
}
