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

/* Returns whether a spreadsheet executes a cell that begins so. */
static bool is_formula(char first)
{
    return first && strchr("=+-@\t\r", first);
}

void csv_add_foreign_cell(struct buf *out, const char *text)
{
    if (text)
        add(out, is_formula(*text) ? "'" : "", text);
}

/* Returns the length of the row's first cell. A comma in quotes belongs to it. */
static size_t cell_len(struct slice row)
{
    bool is_quoted = false;
    size_t len = 0;

    for (; len < row.len && (is_quoted || row.data[len] != ','); len++)
        is_quoted ^= row.data[len] == '"';
    return len;
}

void csv_add_foreign_row(struct buf *out, struct slice row)
{
    for (;;) {
        size_t len = cell_len(row), quote = len && *row.data == '"';
        buf_add(out, row.data, quote);
        if (len > quote && is_formula(row.data[quote]))
            buf_add_str(out, "'");
        buf_add(out, row.data + quote, len - quote);
        if (len == row.len)
            break;
        buf_add_str(out, ",");
        row = (struct slice){row.data + len + 1, row.len - len - 1};
    }
}
