/* SPDX-License-Identifier: MIT */
/* openmart_sanitize.c - see openmart_sanitize.h.
 *
 * Responses are repaired because credits were spent on them: one address with a stray byte must not
 * cost the other addresses of a task, or the id of a batch. The replacement character marks damage,
 * so that the parser can drop the string. Neither function depends on the format of a response. */
#include "client/openmart/openmart_sanitize.h"

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define REPLACEMENT     "\xEF\xBF\xBD" /* U+FFFD */
#define UNIT            ((size_t)6)    /* bytes of an escape such as \u00e9 */
#define ESCAPED_DAMAGED "\\ufffd"

/* Returns the length of the character at `s` in bytes; 0 if it is not valid UTF-8. */
static size_t char_len(const char *s, size_t len)
{
    for (size_t n = 1; n <= 4 && n <= len; n++)
        if (text_is_utf8(s, n))
            return n;
    return 0;
}

static bool read_unit(const char *s, size_t len, uint32_t *ret_value)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    uint32_t value = 0;

    if (len < UNIT || s[0] != '\\' || s[1] != 'u')
        return false;
    for (size_t i = 2; i < UNIT; i++) {
        const char *digit = memchr(digits, s[i], sizeof digits - 1);
        if (!digit)
            return false;
        value = value << 4 | ((uint32_t)(digit - digits) & 15);
    }
    *ret_value = value;
    return true;
}

/* Handles an escape; `s` is at a backslash inside a string. Returns the number of bytes
 * consumed. */
static size_t repair_escape(const char *s, size_t len, struct buf *out)
{
    uint32_t unit, second;
    size_t n = UNIT;

    if (!read_unit(s, len, &unit)) /* what follows any other backslash may be damaged too */
        n = len >= 2 && (s[1] == '"' || s[1] == '\\') ? 2 : 1;
    else if (unit >= 0xD800 && unit < 0xDC00 && read_unit(s + UNIT, len - UNIT, &second) &&
             second >= 0xDC00 && second < 0xE000)
        n = 2 * UNIT;
    else if (unit == 0 || (unit >= 0xD800 && unit < 0xE000)) {
        buf_add_str(out, ESCAPED_DAMAGED);
        return UNIT;
    }
    buf_add(out, s, n);
    return n;
}

static size_t repair_char(const char *s, size_t len, bool in_string, struct buf *out)
{
    size_t n = char_len(s, len);

    if (in_string && *s == '\\')
        return repair_escape(s, len, out);
    if (n == 0 || (in_string && (unsigned char)*s < 0x20)) {
        buf_add_str(out, REPLACEMENT);
        return 1;
    }
    buf_add(out, s, n);
    return n;
}

enum err openmart_repair(const char *text, size_t len, struct buf *out)
{
    bool in_string = false;

    for (size_t i = 0; i < len && !out->overflowed;) {
        if (text[i] == '"')
            in_string = !in_string;
        i += repair_char(text + i, len - i, in_string, out);
    }
    return buf_check(out);
}

void openmart_clean(const char *text, const char *key, char *ret_detail)
{
    size_t key_len = strlen(key), left = strlen(text), used = 0;

    while (left) {
        bool is_key = key_len && strncmp(text, key, key_len) == 0;
        size_t took = is_key ? key_len : char_len(text, left);
        const char *add = is_key ? "***" : took ? text : "?";
        size_t add_len = is_key ? 3 : took ? took : 1;

        took += took == 0;
        if (took == add_len && text_has_control(add, add_len)) {
            add = " ";
            add_len = 1;
        }
        if (used + add_len > OPENMART_DETAIL_MAX)
            break;
        memcpy(ret_detail + used, add, add_len);
        used += add_len;
        text += took;
        left -= took;
    }
    ret_detail[used] = '\0';
}
