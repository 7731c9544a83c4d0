/* SPDX-License-Identifier: MIT */
/* reply.c - see reply.h. */
#include "http/core/reply.h"

#include "base/mem.h"
#include "http/auth/rate_limit.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DAY_S 86400

void reply_init(struct reply *reply, int status)
{
    reply->status = status;
    reply->body = (struct slice){"", 0};
    reply->owned_body = NULL;
    reply->keeper = NULL;
    reply->n_headers = reply->n_bytes = 0;
}

/* Records a header whose value, `len` bytes, was written after the used ones, where `room` were
 * free. */
static void take_value(struct reply *reply, const char *name, size_t len, size_t room)
{
    assert(len < room && reply->n_headers < REPLY_HEADERS);
    reply->headers[reply->n_headers].name = name;
    reply->headers[reply->n_headers++].value_at = reply->n_bytes;
    reply->n_bytes += len + 1;
}

void reply_text(struct reply *reply, const char *name, const char *value)
{
    size_t len = strlen(value), room = sizeof reply->bytes - reply->n_bytes;

    assert(len < room);
    memcpy(reply->bytes + reply->n_bytes, value, len + 1);
    take_value(reply, name, len, room);
}

void reply_header(struct reply *reply, const char *name, const char *format, ...)
{
    char *value = reply->bytes + reply->n_bytes;
    size_t room = sizeof reply->bytes - reply->n_bytes;
    va_list args;

    va_start(args, format);
    int len = vsnprintf(value, room, format, args);
    va_end(args);
    assert(len >= 0);
    take_value(reply, name, (size_t)len, room);
}

void reply_quota(struct reply *reply, const struct quota_status *quota)
{
    if (!quota->limited)
        return;
    reply_header(reply, "RateLimit-Policy", "\"day\";q=%lld;w=%d", (long long)quota->quota, DAY_S);
    reply_header(reply, "RateLimit", "\"day\";r=%lld;t=%d", (long long)quota->left,
                 quota->resets_s);
}

void reply_rate_exceeded(struct reply *reply, int64_t rate)
{
    reply_header(reply, "RateLimit-Policy", "\"second\";q=%lld;w=1", (long long)rate);
    reply_header(reply, "RateLimit", "\"second\";r=0;t=%d", RATE_LIMIT_WAIT_S);
}

const char *reply_value(const struct reply *reply, size_t i)
{
    return reply->bytes + reply->headers[i].value_at;
}

void reply_body_static(struct reply *reply, const char *data, size_t len)
{
    reply->body = (struct slice){data, len};
}

void reply_body_take(struct reply *reply, struct buf *buf)
{
    reply->owned_body = buf_take(buf, &reply->body.len);
    reply->body.data = reply->owned_body;
}

void reply_body_of(struct reply *reply, const struct result *result, enum result_format format)
{
    const struct result_body *body = &result->bodies[format];

    reply->keeper = result_ref(result);
    reply->body = (struct slice){body->data, body->len};
}
