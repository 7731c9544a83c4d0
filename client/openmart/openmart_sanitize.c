/* SPDX-License-Identifier: MIT */
/* openmart_sanitize.c - see openmart_sanitize.h.
 *
 * Responses are repaired because credits were spent on them: one address with a stray byte, or a
 * NaN or deep nesting in a member that is not used, must not cost the other addresses of a task, or
 * the id of a batch. The replacement character marks damage, so that the parser can drop the
 * string. Nothing here depends on the format of a response. */
#include "client/openmart/openmart_sanitize.h"

#include "base/mem.h"
#include "base/slice.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define REPLACEMENT     "\xEF\xBF\xBD" /* U+FFFD */
#define UNIT            ((size_t)6)    /* bytes of an escape such as \u00e9 */
#define ESCAPED_DAMAGED "\\ufffd"
#define EXACT_DIGITS    ((size_t)15) /* a double holds every integer with so many */
#define NUMBER_MAX      ((size_t)63) /* bytes of a number that cJSON reads */
#define ADDRESS_ROOM    ((size_t)320)

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

/* Copies one character. Returns the number of bytes consumed, here and below. */
static size_t copy_char(const char *s, size_t len, struct buf *out)
{
    size_t n = char_len(s, len);

    if (n)
        buf_add(out, s, n);
    else
        buf_add_str(out, REPLACEMENT);
    return n ? n : 1;
}

/* `s` is inside a string. */
static size_t repair_inside(const char *s, size_t len, struct buf *out)
{
    if (*s == '\\')
        return repair_escape(s, len, out);
    if ((unsigned char)*s >= 0x20)
        return copy_char(s, len, out);
    buf_add_str(out, *s == '\t' ? "\\t" : *s == '\n' ? "\\n" : *s == '\r' ? "\\r" : REPLACEMENT);
    return 1;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Returns the number of digits at `s`. */
static size_t count_digits(const char *s, size_t len)
{
    size_t n = 0;

    while (n < len && is_digit(s[n]))
        n++;
    return n;
}

/* Copies a number, or what looks like one. */
static size_t repair_number(const char *s, size_t len, struct buf *out)
{
    size_t n = 1, sign = *s == '-';

    while (n < len && s[n] && strchr("+-.0123456789eE", s[n]))
        n++;
    size_t digits = count_digits(s + sign, n - sign);
    bool is_long = n > NUMBER_MAX || (digits > EXACT_DIGITS && sign + digits == n);
    buf_add_str(out, is_long ? "\"" : "");
    buf_add(out, s, n);
    buf_add_str(out, is_long ? "\"" : "");
    return n;
}

static bool is_opening(char c)
{
    return c == '[' || c == '{';
}

static bool is_closing(char c)
{
    return c == ']' || c == '}';
}

/* Returns the length of the list or object at `s`, which may lack its end. */
static size_t nested_len(const char *s, size_t len)
{
    size_t depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < len; i++) {
        if (s[i] == '"')
            in_string = !in_string;
        else if (in_string)
            i += s[i] == '\\';
        else if (is_opening(s[i]))
            depth++;
        else if (is_closing(s[i]) && --depth == 0)
            return i + 1;
    }
    return len;
}

/* `s` is at the start or the end of a list or object. The string that replaces one is not taken for
 * an empty list, as null would be. */
static size_t repair_nesting(const char *s, size_t len, size_t *depth, struct buf *out)
{
    if (is_opening(*s) && *depth == JSON_MAX_DEPTH) {
        buf_add_str(out, "\"" REPLACEMENT "\"");
        return nested_len(s, len);
    }
    if (is_opening(*s))
        ++*depth;
    else if (*depth > 0)
        --*depth;
    buf_add(out, s, 1);
    return 1;
}

/* `s` is outside strings, or at a quote. */
static size_t repair_outside(const char *s, size_t len, size_t *depth, struct buf *out)
{
    static const char *const not_json[] = {"NaN", "Infinity", "-Infinity"};

    if (is_opening(*s) || is_closing(*s))
        return repair_nesting(s, len, depth, out);
    for (size_t i = 0; i < ARRAY_LEN(not_json); i++) {
        size_t n = strlen(not_json[i]);
        if (n <= len && memcmp(s, not_json[i], n) == 0) {
            buf_add_str(out, "null");
            return n;
        }
    }
    return *s == '-' || is_digit(*s) ? repair_number(s, len, out) : copy_char(s, len, out);
}

enum err openmart_repair(const char *text, size_t len, struct buf *out)
{
    bool in_string = false;
    size_t depth = 0;

    for (size_t i = 0; i < len && !out->overflowed;) {
        if (text[i] == '"')
            in_string = !in_string;
        i += in_string && text[i] != '"' ? repair_inside(text + i, len - i, out)
                                         : repair_outside(text + i, len - i, &depth, out);
    }
    return buf_check(out);
}

/* Returns whether the text may contain an integer that a double cannot hold. */
static bool has_long_integer(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        size_t n = count_digits(text + i, len - i);
        if (n > EXACT_DIGITS)
            return true;
        i += n;
    }
    return false;
}

enum err openmart_parse_json(const char *body, size_t len, struct json **ret_doc)
{
    struct buf repaired autobuf = BUF_INIT(JSON_MAX_BYTES);
    enum err err = has_long_integer(body, len) ? ERR_SYNTAX : json_parse(body, len, ret_doc);

    if (err != ERR_SYNTAX)
        return err;
    err = openmart_repair(body, len, &repaired);
    if (err)
        return err;
    return json_parse(buf_str(&repaired), repaired.len, ret_doc);
}

/* Writes at most `max` bytes of `text`, and a NUL. Returns the length. */
static size_t clean(struct slice text, const char *key, size_t max, char *ret_line)
{
    size_t key_len = strlen(key), used = 0;

    while (text.len) {
        bool is_key = key_len && key_len <= text.len && memcmp(text.data, key, key_len) == 0;
        size_t took = is_key ? key_len : char_len(text.data, text.len);
        const char *add = is_key ? "***" : took ? text.data : "?";
        size_t add_len = is_key ? 3 : took ? took : 1;

        took += took == 0;
        if (took == add_len && text_has_control(add, add_len)) {
            add = " ";
            add_len = 1;
        }
        if (used + add_len > max)
            break;
        memcpy(ret_line + used, add, add_len);
        used += add_len;
        text = (struct slice){text.data + took, text.len - took};
    }
    ret_line[used] = '\0';
    return used;
}

void openmart_clean(const char *text, const char *key, char *ret_detail)
{
    clean((struct slice){text, strlen(text)}, key, OPENMART_DETAIL_MAX, ret_detail);
}

static void mask_addresses(char *line)
{
    for (char *at = strchr(line, '@'); at; at = strchr(at + 1, '@'))
        for (char *c = at; c > line && !strchr(" \"<>()[],;:\\", c[-1]);)
            *--c = '*';
}

void openmart_clean_body(const char *body, size_t len, const char *key, char *ret_excerpt)
{
    /* With more than is returned, so that an address at its end is recognized. */
    char line[OPENMART_EXCERPT_MAX + ADDRESS_ROOM + 1];
    size_t n = clean((struct slice){body, len}, key, sizeof line - 1, line);

    mask_addresses(line);
    if (n > OPENMART_EXCERPT_MAX)
        n = OPENMART_EXCERPT_MAX;
    while (n && ((unsigned char)line[n] & 0xC0) == 0x80)
        n--; /* to the start of a character */
    memcpy(ret_excerpt, line, n);
    ret_excerpt[n] = '\0';
}
