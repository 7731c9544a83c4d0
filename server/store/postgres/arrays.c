/* SPDX-License-Identifier: MIT */
/* arrays.c - see postgres.h. Writes arrays as text: {"a","b",NULL}. Every element but NULL is
 * quoted, so that no value is mistaken for NULL or syntax. */
#include "store/postgres/postgres.h"

#include <assert.h>
#include <string.h>

#define ARRAY_MAX ((size_t)16 << 20)

static void separate(struct buf *array)
{
    buf_add_str(array, array->len ? "," : "{");
}

static void add_null(struct buf *array)
{
    separate(array);
    buf_add_str(array, "NULL");
}

void pg_array_text(struct buf *array, const char *text)
{
    if (!text) {
        add_null(array);
        return;
    }
    separate(array);
    buf_add_str(array, "\"");
    for (size_t n; *text; text += n) {
        if (*text == '"' || *text == '\\')
            buf_add_str(array, "\\");
        n = 1 + strcspn(text + 1, "\"\\");
        buf_add(array, text, n);
    }
    buf_add_str(array, "\"");
}

void pg_array_int(struct buf *array, int64_t value)
{
    separate(array);
    buf_addf(array, "%lld", (long long)value);
}

void pg_array_bytes(struct buf *array, const void *bytes, size_t len)
{
    const unsigned char *from = bytes;
    char hex[2 * HASH_SIZE + 1];

    if (!bytes) {
        add_null(array);
        return;
    }
    separate(array);
    buf_add_str(array, "\"\\\\x");
    for (size_t n; len > 0; from += n, len -= n) {
        n = len < HASH_SIZE ? len : HASH_SIZE;
        hash_hex(from, n, hex);
        buf_add_str(array, hex);
    }
    buf_add_str(array, "\"");
}

/* ---- rows ---- */

void pg_columns_init(struct pg_columns *columns, size_t n)
{
    assert(n <= PG_COLUMNS_MAX);
    columns->n = n;
    for (size_t i = 0; i < n; i++)
        columns->of[i] = BUF_INIT(ARRAY_MAX);
}

const char *pg_column_text(struct pg_columns *columns, size_t i)
{
    struct buf *array = &columns->of[i];

    buf_add_str(array, array->len ? "}" : "{}");
    return buf_check(array) ? NULL : buf_str(array);
}

void pg_columns_done(struct pg_columns *columns)
{
    for (size_t i = 0; i < columns->n; i++)
        buf_done(&columns->of[i]);
}
