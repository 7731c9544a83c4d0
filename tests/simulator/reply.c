/* SPDX-License-Identifier: MIT */
/* reply.c - see reply.h. */
#include "tests/simulator/reply.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void reply_init(struct reply *reply)
{
    *reply = (struct reply){.status = 200, .body = BUF_INIT(REPLY_MAX_BYTES)};
    reply_header(reply, "Content-Type", "application/json", strlen("application/json"));
}

void reply_done(struct reply *reply)
{
    buf_done(&reply->body);
    for (size_t i = 0; i < reply->n_headers; i++) {
        free(reply->headers[i].name);
        free(reply->headers[i].value);
    }
    *reply = (struct reply){0};
}

void reply_header(struct reply *reply, const char *name, const char *value, size_t value_len)
{
    for (size_t i = 0; i < reply->n_headers; i++) {
        struct header *header = &reply->headers[i];
        if (strcasecmp(header->name, name) != 0)
            continue;
        free(header->value);
        header->value = xstrndup(value, value_len);
        return;
    }
    if (reply->n_headers == REPLY_HEADERS)
        return;
    reply->headers[reply->n_headers++] = (struct header){xstrdup(name), xstrndup(value, value_len)};
}

void reply_detail(struct reply *reply, int status, const char *detail)
{
    reply->status = status;
    reply->batch_id[0] = '\0';
    buf_clear(&reply->body);
    buf_add_str(&reply->body, "{\"detail\":");
    json_add_text(&reply->body, detail);
    buf_add_str(&reply->body, "}");
}
