/* SPDX-License-Identifier: MIT */
/* field_value.c - see field_value.h. */
#include "http/protocol/field_value.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define JOINED_MAX 65536 /* more than a connection's memory can hold */

struct joined_lines {
    struct joined_lines *next;
    char text[];
};

void field_lines_add(struct field_lines *lines, struct slice name, struct slice value)
{
    if (!slice_equals_nocase(name, lines->name))
        return;
    if (lines->n++ == 0) {
        lines->first = value.data;
        return;
    }
    if (lines->n == 2) {
        lines->joined = BUF_INIT(JOINED_MAX);
        buf_add_str(&lines->joined, lines->first);
    }
    buf_add_str(&lines->joined, ", ");
    buf_add(&lines->joined, value.data, value.len);
}

const char *field_lines_join(struct field_lines *lines, struct joined_lines **keep)
{
    const struct buf *text = &lines->joined;

    if (lines->n < 2)
        return lines->first;
    assert(!buf_check(text));
    struct joined_lines *joined = xcalloc(1, sizeof *joined + text->len + 1);
    memcpy(joined->text, text->data, text->len);
    buf_done(&lines->joined);
    joined->next = *keep;
    *keep = joined;
    return joined->text;
}

void joined_lines_free(struct joined_lines *keep)
{
    while (keep) {
        struct joined_lines *next = keep->next;
        free(keep);
        keep = next;
    }
}

/* Returns the closing quote of the string that begins at `s`, or the end. */
static const char *closing_quote(const char *s)
{
    for (s++; *s && *s != '"'; s++)
        if (*s == '\\' && s[1])
            s++;
    return s;
}

const char *field_value_find(const char *s, char stop)
{
    for (; *s && *s != ',' && *s != stop; s++) {
        if (*s == '"')
            s = closing_quote(s);
        if (!*s)
            break;
    }
    return s;
}
