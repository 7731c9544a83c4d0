/* SPDX-License-Identifier: MIT */
/* json.c - see json.h. A wrapper around cJSON 1.7.15, which accepts more than RFC 8259 allows.
 *
 * scan() checks a text before cJSON and rejects what cJSON would accept or misread: control bytes
 * (cJSON treats every byte below 33 as white space, NUL included), \u0000 and \u without four hex
 * digits (both would end the string), numbers such as 01 or 1., and nesting too deep for cJSON's
 * recursive parser. Grammar, literals and surrogate pairs are left to cJSON.
 *
 * ParseWithLengthOpts() does not check for a closing NUL here: it would count that NUL in the
 * length and skip white space after it. Instead, its end position is checked; only white space may
 * follow.
 *
 * A byte order mark is accepted: RFC 8259 allows that, and a paid response must not be lost over
 * it. cJSON copies at most 63 bytes of a number; a longer one is ERR_SYNTAX, and so is a failed
 * allocation. */
#include "base/json.h"

#include "base/text.h"

#include <cJSON.h>
#include <string.h>

#define EXACT_INT ((int64_t)1 << 53)

struct scan {
    const char *at, *end;
    size_t depth;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool scan_take(struct scan *s, const char *any_of)
{
    if (s->at == s->end || !*s->at || !strchr(any_of, *s->at))
        return false;
    s->at++;
    return true;
}

static bool scan_digits(struct scan *s)
{
    const char *start = s->at;

    while (s->at < s->end && is_digit(*s->at))
        s->at++;
    return s->at > start;
}

static bool scan_number(struct scan *s)
{
    scan_take(s, "-");
    if (!scan_take(s, "0") && !scan_digits(s))
        return false;
    if (scan_take(s, ".") && !scan_digits(s))
        return false;
    if (!scan_take(s, "eE"))
        return s->at == s->end || !is_digit(*s->at);
    scan_take(s, "+-");
    return scan_digits(s);
}

/* Scans the four digits after "\u". cJSON reads an invalid digit as 0, and 0 as the end of the
 * string. */
static bool scan_unit(struct scan *s)
{
    const char *digits = s->at;

    for (int i = 0; i < 4; i++)
        if (!scan_take(s, "0123456789abcdefABCDEF"))
            return false;
    return memcmp(digits, "0000", 4) != 0;
}

/* Scans from after the opening quote to after the closing one. */
static bool scan_string(struct scan *s)
{
    while (s->at < s->end) {
        char c = *s->at++;

        if (c == '"')
            return true;
        if ((unsigned char)c < 0x20)
            return false;
        if (c != '\\')
            continue;
        if (scan_take(s, "u")) {
            if (!scan_unit(s))
                return false;
        } else if (!scan_take(s, "\"\\/bfnrt")) {
            return false;
        }
    }
    return false;
}

static bool scan_token(struct scan *s)
{
    char c = *s->at;

    if (c == '-' || is_digit(c))
        return scan_number(s);
    s->at++;
    if (c == '"')
        return scan_string(s);
    if (c == '[' || c == '{')
        return ++s->depth <= JSON_MAX_DEPTH;
    if ((c == ']' || c == '}') && s->depth > 0)
        s->depth--;
    return is_space(c) || (c && strchr("]},:", c)) || (c >= 'a' && c <= 'z');
}

static bool scan(const char *text, size_t len)
{
    struct scan s = {.at = text, .end = text + len};

    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        s.at += 3;
    while (s.at < s.end)
        if (!scan_token(&s))
            return false;
    return true;
}

enum err json_parse(const char *text, size_t len, struct json **ret_doc)
{
    const char *rest;

    if (len > JSON_MAX_BYTES)
        return ERR_TOO_BIG;
    if (!len || !text_is_utf8(text, len) || !scan(text, len))
        return ERR_SYNTAX;
    cJSON *doc = cJSON_ParseWithLengthOpts(text, len, &rest, false);
    if (!doc)
        return ERR_SYNTAX;
    while (rest < text + len && is_space(*rest))
        rest++;
    if (rest != text + len) {
        cJSON_Delete(doc);
        return ERR_SYNTAX;
    }
    *ret_doc = (struct json *)doc;
    return ERR_OK;
}

static const cJSON *inside(const struct json *value)
{
    return (const cJSON *)value;
}

void json_free(struct json *doc)
{
    cJSON_Delete((cJSON *)doc);
}

bool json_is_object(const struct json *value)
{
    return cJSON_IsObject(inside(value));
}

bool json_is_array(const struct json *value)
{
    return cJSON_IsArray(inside(value));
}

bool json_is_null(const struct json *value)
{
    return cJSON_IsNull(inside(value));
}

const struct json *json_get(const struct json *value, const char *key)
{
    if (!json_is_object(value))
        return NULL;
    return (const struct json *)cJSON_GetObjectItemCaseSensitive(inside(value), key);
}

const char *json_string(const struct json *value)
{
    return value && cJSON_IsString(inside(value)) ? inside(value)->valuestring : NULL;
}

const char *json_get_string(const struct json *value, const char *key)
{
    return json_string(json_get(value, key));
}

bool json_get_bool(const struct json *value, const char *key, bool otherwise)
{
    const cJSON *member = inside(json_get(value, key));

    return cJSON_IsBool(member) ? cJSON_IsTrue(member) : otherwise;
}

int64_t json_get_int(const struct json *value, const char *key, int64_t otherwise)
{
    const cJSON *member = inside(json_get(value, key));

    if (!member || !cJSON_IsNumber(member))
        return otherwise;
    if (member->valuedouble >= (double)EXACT_INT)
        return EXACT_INT;
    if (member->valuedouble <= -(double)EXACT_INT)
        return -EXACT_INT;
    return (int64_t)member->valuedouble;
}

bool json_integer(const struct json *value, int64_t *ret_n)
{
    double n = value && cJSON_IsNumber(inside(value)) ? inside(value)->valuedouble : 0.5;

    if (n < -(double)EXACT_INT || n > (double)EXACT_INT || n != (double)(int64_t)n)
        return false;
    *ret_n = (int64_t)n;
    return true;
}

const struct json *json_first(const struct json *array)
{
    return array && json_is_array(array) ? (const struct json *)inside(array)->child : NULL;
}

const struct json *json_next(const struct json *element)
{
    return element ? (const struct json *)inside(element)->next : NULL;
}

const struct json *json_first_member(const struct json *object)
{
    return json_is_object(object) ? (const struct json *)inside(object)->child : NULL;
}

const char *json_member_name(const struct json *member)
{
    return inside(member)->string;
}

size_t json_size(const struct json *array)
{
    return json_is_array(array) ? (size_t)cJSON_GetArraySize(inside(array)) : 0;
}

/* Returns the length of the character at `s` in bytes; 0 if it is not valid UTF-8. */
static size_t char_len(const char *s, size_t len)
{
    for (size_t n = 1; n <= 4 && n <= len; n++)
        if (text_is_utf8(s, n))
            return n;
    return 0;
}

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x7F && c != '"' && c != '\\';
}

static void add_ascii(struct buf *out, char c)
{
    static const char letters[] = "b\bf\fn\nr\rt\t\"\"\\\\";

    for (size_t i = 0; i + 1 < sizeof letters; i += 2)
        if (letters[i + 1] == c) {
            buf_addf(out, "\\%c", letters[i]);
            return;
        }
    buf_addf(out, "\\u%04X", (unsigned)c);
}

/* Appends one character that must not be copied unchanged. Returns its length in `s`, in bytes. */
static size_t add_special(struct buf *out, const char *s, size_t len)
{
    size_t n = char_len(s, len);

    if (n == 0) {
        buf_add_str(out, "\xEF\xBF\xBD");
        return 1;
    }
    if (n == 1)
        add_ascii(out, *s);
    else if (n == 2 && (unsigned char)s[0] == 0xC2 && (unsigned char)s[1] < 0xA0)
        buf_addf(out, "\\u00%02X", (unsigned)(unsigned char)s[1]);
    else if (n == 3 && (memcmp(s, "\xE2\x80\xA8", 3) == 0 || memcmp(s, "\xE2\x80\xA9", 3) == 0))
        buf_addf(out, "\\u20%02X", (unsigned)(unsigned char)s[2] - 0x80);
    else
        buf_add(out, s, n);
    return n;
}

enum err json_add_string(struct buf *out, const char *s, size_t len)
{
    buf_add_str(out, "\"");
    for (size_t i = 0, plain; i < len && !out->overflowed; i += plain) {
        for (plain = 0; i + plain < len && is_plain(s[i + plain]);)
            plain++;
        if (plain)
            buf_add(out, s + i, plain);
        else
            plain = add_special(out, s + i, len - i);
    }
    buf_add_str(out, "\"");
    return buf_check(out);
}

enum err json_add_text(struct buf *out, const char *s)
{
    return s ? json_add_string(out, s, strlen(s)) : buf_add_str(out, "null");
}
