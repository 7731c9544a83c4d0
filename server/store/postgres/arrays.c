/* SPDX-License-Identifier: MIT */
/* arrays.c - see postgres.h. Writes arrays as text: {"a","b"}. Every element is quoted, so that no
 * value is mistaken for NULL or syntax. */
#include "store/postgres/postgres.h"

#include "base/buf.h"

static void separate(struct buf *array)
{
    buf_add_str(array, array->len ? "," : "{");
}

void pg_array_text(struct buf *array, const char *text)
{
    separate(array);
    buf_add_str(array, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_add_str(array, "\\");
        buf_add(array, text, 1);
    }
    buf_add_str(array, "\"");
}

void pg_array_int(struct buf *array, int64_t value)
{
    separate(array);
    buf_addf(array, "%lld", (long long)value);
}

void pg_array_key(struct buf *array, const unsigned char key[HASH_SIZE])
{
    char hex[2 * HASH_SIZE + 1];

    hash_hex(key, HASH_SIZE, hex);
    separate(array);
    buf_addf(array, "\"\\\\x%s\"", hex);
}

const char *pg_array_end(struct buf *array)
{
    buf_add_str(array, array->len ? "}" : "{}");
    return buf_str(array);
}
