/* SPDX-License-Identifier: MIT */
/* csv_write.c - see csv_write.h. */
#include "base/csv_write.h"

#include <stdbool.h>
#include <string.h>

static void add(struct buf *out, const char *prefix, const char *text)
{
    bool quoted = strpbrk(text, ",\"\r\n") != NULL;

    if (quoted)
        buf_add_str(out, "\"");
    buf_add_str(out, prefix);
    for (size_t plain; *text; text += plain) {
        plain = strcspn(text, "\"");
        buf_add(out, text, plain);
        if (text[plain]) {
            buf_add_str(out, "\"\"");
            plain++;
        }
    }
    if (quoted)
        buf_add_str(out, "\"");
}

void csv_add_cell(struct buf *out, const char *text)
{
    add(out, "", text);
}

void csv_add_foreign_cell(struct buf *out, const char *text)
{
    if (!text)
        return;
    add(out, *text && strchr("=+-@\t\r", *text) ? "'" : "", text);
}
