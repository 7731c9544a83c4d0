/* SPDX-License-Identifier: MIT */
/* failure.c - see failure.h. */
#include "client/emails/failure.h"

#include "base/json.h"
#include "client/emails/line.h"

#include <string.h>

/* A response without the code of a problem document was sent by something else: a proxy, or another
 * server. */
static enum status read_problem(const char *url, const struct http_reply *reply,
                                struct errmsg *ret_why)
{
    struct json *json = NULL;
    struct line line = {.http_status = reply->status, .is_temporary = reply->retry_after_s >= 0};

    json_parse(buf_str(&reply->body), reply->body.len, &json);
    line.code = json_get_string(json, "code");
    const char *detail = json_get_string(json, "detail");
    if (line.code)
        errmsg_set(ret_why, "%.120s: %.300s (%.40s)", url, detail ? detail : "rejected", line.code);
    else if (reply->status == 200)
        errmsg_set(ret_why, "%.180s: this is not a response of an emailsd", url);
    else
        errmsg_set(ret_why, "%.180s: no emailsd responds there (HTTP status %d)", url,
                   reply->status);
    enum status status = line.code ? line_exit_status(&line) : STATUS_UNREACHABLE;
    json_free(json);
    return status;
}

enum status failure_of(const struct session *session, enum http_end end,
                       const struct http_reply *reply, struct errmsg *ret_why)
{
    const char *url = session->options->url;

    switch (end) {
    case HTTP_STOPPED:
    case HTTP_COMPLETE:
        return read_problem(url, reply, ret_why);
    case HTTP_BROKEN:
        errmsg_set(ret_why, "%.180s: the connection broke: %s", url, reply->error);
        break;
    case HTTP_UNREACHABLE:
        errmsg_set(ret_why, "%.180s: cannot connect: %s", url, reply->error);
        break;
    case HTTP_UNTRUSTED:
        errmsg_set(ret_why, "%.180s: %s", url, reply->error);
        break;
    }
    return STATUS_UNREACHABLE;
}

bool failure_passes(enum http_end end, const struct http_reply *reply)
{
    struct json *json = NULL;

    if (end != HTTP_COMPLETE)
        return end == HTTP_BROKEN || end == HTTP_UNREACHABLE;
    if (reply->status != 429)
        return reply->status == 502 || reply->status == 503 || reply->status == 504;
    json_parse(buf_str(&reply->body), reply->body.len, &json);
    struct line line = {.http_status = reply->status,
                        .code = json_get_string(json, "code"),
                        .is_temporary = reply->retry_after_s >= 0};
    bool passes = !line.code || line_asks_for_another_try(&line);
    json_free(json);
    return passes;
}

bool failure_may_cost(enum http_end end, const struct http_reply *reply)
{
    struct json *json = NULL;

    if (end != HTTP_COMPLETE)
        return end == HTTP_BROKEN || end == HTTP_STOPPED;
    if (reply->status != 502 && reply->status != 503 && reply->status != 504)
        return false;
    json_parse(buf_str(&reply->body), reply->body.len, &json);
    const char *charged = json_get_string(json, "charged");
    bool may_cost = !charged || strcmp(charged, "no") != 0;
    json_free(json);
    return may_cost;
}

void failure_report(struct session *session, enum http_end end, const struct http_reply *reply)
{
    struct errmsg why;

    if (end == HTTP_STOPPED)
        return;
    enum status status = failure_of(session, end, reply, &why);
    session_error(session, "%s", why.text);
    session_fails(session, status);
    session->stop = STOP_FAILURE;
}
