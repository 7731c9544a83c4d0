/* SPDX-License-Identifier: MIT */
/* openmart_id.c - see openmart_id.h. */
#include "client/openmart/openmart_id.h"

#include "base/slice.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool openmart_id_ok(const char *id)
{
    size_t len = strlen(id);

    if (len == 0 || len > OPENMART_ID_MAX || id[0] == ' ' || id[len - 1] == ' ')
        return false;
    for (const char *c = id; *c; c++)
        if (*c < 0x20 || *c > 0x7E)
            return false;
    return true;
}

static bool read_text(const char *text, char *ret_id)
{
    struct slice trimmed = text_trimmed(text, strlen(text));
    char id[OPENMART_ID_MAX + 1];

    if (trimmed.len > OPENMART_ID_MAX)
        return false;
    memcpy(id, trimmed.data, trimmed.len);
    id[trimmed.len] = '\0';
    if (!openmart_id_ok(id))
        return false;
    memcpy(ret_id, id, trimmed.len + 1);
    return true;
}

bool openmart_id_read(const struct json *value, char *ret_id)
{
    const char *text = json_string(value);
    int64_t n;

    if (text)
        return read_text(text, ret_id);
    if (!json_integer(value, &n))
        return false;
    snprintf(ret_id, OPENMART_ID_MAX + 1, "%" PRId64, n);
    return true;
}

enum err openmart_id_add_segment(struct buf *out, const char *id)
{
    static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789-._~";
    bool is_dots = strcmp(id, ".") == 0 || strcmp(id, "..") == 0;

    for (const char *c = id; *c; c++)
        if (is_dots || !strchr(unreserved, *c))
            buf_addf(out, "%%%02X", (unsigned)(unsigned char)*c);
        else
            buf_add(out, c, 1);
    return buf_check(out);
}
