/* SPDX-License-Identifier: MIT */
/* event_stream.c - see event_stream.h. */
#include "http/protocol/event_stream.h"

#include <assert.h>
#include <string.h>

const char event_stream_heartbeat[] = ": waiting\n\n";

void event_stream_retry(struct buf *out)
{
    buf_add_str(out, "retry: 3000\n\n");
}

static size_t line_length(struct slice text)
{
    size_t len = 0;

    while (len < text.len && text.data[len] != '\n' && text.data[len] != '\r')
        len++;
    return len;
}

/* Returns the length of the line end at `text`; CR LF is one. */
static size_t end_length(struct slice text)
{
    return text.len >= 2 && memcmp(text.data, "\r\n", 2) == 0 ? 2 : text.len > 0;
}

static struct slice after(struct slice text, size_t len)
{
    return (struct slice){text.data + len, text.len - len};
}

static void add_data(struct slice data, struct buf *out)
{
    do {
        size_t len = line_length(data);
        buf_add_str(out, "data: ");
        buf_add(out, data.data, len);
        buf_add_str(out, "\n");
        data = after(data, len);
        data = after(data, end_length(data));
    } while (data.len);
}

void event_stream_add(const char *id, const char *name, struct slice data, struct buf *out)
{
    assert((!id || !strpbrk(id, "\r\n")) && !strpbrk(name, "\r\n"));
    if (id)
        buf_addf(out, "id: %s\n", id);
    buf_addf(out, "event: %s\n", name);
    add_data(data, out);
    buf_add_str(out, "\n");
}
