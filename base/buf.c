/* SPDX-License-Identifier: MIT */
/* buf.c - see buf.h. The capacity doubles; the limit counts content without the closing NUL. */
#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64

void buf_done(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){.max = buf->max};
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->overflowed = false;
    if (buf->data)
        buf->data[0] = '\0';
}

static enum err does_not_fit(struct buf *buf)
{
    buf->overflowed = true;
    return ERR_TOO_BIG;
}

static enum err make_room(struct buf *buf, size_t more)
{
    if (more > buf->max - buf->len)
        return does_not_fit(buf);
    size_t want = buf->len + more + 1;
    if (want <= buf->room)
        return ERR_OK;
    size_t room = buf->room ? buf->room : FIRST_ROOM;
    while (room < want)
        room *= 2;
    char *data = room <= BUF_SMALL ? xrealloc(buf->data, room) : realloc(buf->data, room);
    if (!data)
        return does_not_fit(buf);
    buf->data = data;
    buf->room = room;
    return ERR_OK;
}

enum err buf_add(struct buf *buf, const void *data, size_t len)
{
    enum err err = make_room(buf, len);

    if (err)
        return err;
    if (len)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
    return ERR_OK;
}

enum err buf_add_str(struct buf *buf, const char *s)
{
    return buf_add(buf, s, strlen(s));
}

enum err buf_addf(struct buf *buf, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    size_t left = buf->room - buf->len;
    int len = vsnprintf(left ? buf->data + buf->len : NULL, left, format, args);
    va_end(args);
    enum err err = len < 0 ? does_not_fit(buf) : make_room(buf, (size_t)len);
    if (!err && (size_t)len >= left) /* the first attempt was truncated; there is room now */
        vsnprintf(buf->data + buf->len, (size_t)len + 1, format, again);
    va_end(again);
    buf->len += err ? 0 : (size_t)len;
    if (buf->data)
        buf->data[buf->len] = '\0';
    return err;
}

enum err buf_check(const struct buf *buf)
{
    return buf->overflowed ? ERR_TOO_BIG : ERR_OK;
}

void buf_copy_overflow(struct buf *buf, const struct buf *part)
{
    buf->overflowed |= part->overflowed;
}

const char *buf_str(const struct buf *buf)
{
    return buf->data ? buf->data : "";
}

char *buf_take(struct buf *buf, size_t *ret_len)
{
    char *data = buf->data ? buf->data : xstrdup("");

    if (ret_len)
        *ret_len = buf->len;
    *buf = (struct buf){.max = buf->max};
    return data;
}
