/* SPDX-License-Identifier: MIT */
/* span.c - see span.h. Leans on the text being valid JSON: a string ends at the first quote that no
 * backslash precedes, and brackets outside strings are balanced. */
#include "tests/simulator/span.h"

#include <string.h>

static size_t skip_space(struct span text, size_t pos)
{
    while (pos < text.len && strchr(" \t\r\n", text.at[pos]))
        pos++;
    return pos;
}

/* The position behind the string that opens at `pos`. */
static size_t skip_string(struct span text, size_t pos)
{
    for (pos++; pos < text.len && text.at[pos] != '"'; pos++)
        if (text.at[pos] == '\\')
            pos++;
    return pos < text.len ? pos + 1 : text.len;
}

static size_t skip_scalar(struct span text, size_t pos)
{
    while (pos < text.len && !strchr(" \t\r\n,]}", text.at[pos]))
        pos++;
    return pos;
}

static size_t skip_nested(struct span text, size_t pos)
{
    size_t depth = 0;

    while (pos < text.len) {
        char c = text.at[pos];
        if (c == '"') {
            pos = skip_string(text, pos);
            continue;
        }
        pos++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            break;
    }
    return pos;
}

static size_t skip_value(struct span text, size_t pos)
{
    if (pos >= text.len)
        return pos;
    if (text.at[pos] == '"')
        return skip_string(text, pos);
    if (text.at[pos] == '{' || text.at[pos] == '[')
        return skip_nested(text, pos);
    return skip_scalar(text, pos);
}

bool span_member(struct span text, size_t *pos, struct span *ret_key, struct span *ret_value)
{
    size_t at = skip_space(text, *pos);

    if (at >= text.len || !strchr("{,", text.at[at]))
        return false;
    size_t key = skip_space(text, at + 1);
    if (key >= text.len || text.at[key] != '"')
        return false;
    size_t key_end = skip_string(text, key);
    size_t value = skip_space(text, skip_space(text, key_end) + 1); /* over the colon */
    size_t value_end = skip_value(text, value);
    *pos = value_end;
    *ret_key = (struct span){text.at + key + 1, key_end - key - 2};
    *ret_value = (struct span){text.at + value, value_end - value};
    return true;
}

bool span_get(struct span text, const char *key, struct span *ret_value)
{
    struct span name, value;

    for (size_t pos = 0; span_member(text, &pos, &name, &value);) {
        if (!span_is(name, key))
            continue;
        *ret_value = value;
        return true;
    }
    return false;
}

bool span_is(struct span span, const char *s)
{
    return span.len == strlen(s) && memcmp(span.at, s, span.len) == 0;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

enum err span_unhex(const char *hex, struct buf *out)
{
    for (; *hex; hex += 2) {
        int high = digit(hex[0]), low = high < 0 ? -1 : digit(hex[1]);
        if (low < 0)
            return ERR_SYNTAX;
        char byte = (char)(unsigned char)(high * 16 + low);
        enum err err = buf_add(out, &byte, 1);
        if (err)
            return err;
    }
    return ERR_OK;
}
