/* SPDX-License-Identifier: MIT */
/* text.c - see text.h. libunistring does the Unicode work. This file trims, combines properties of
 * characters into one test, and converts counted results to C strings.
 *
 * The locale has no influence: the same bytes give the same result on every machine, because
 * results become part of keys. Callers limit the length of inputs. */
#include "base/text.h"

#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

typedef bool char_test(ucs4_t c);

bool text_is_utf8(const char *s, size_t len)
{
    return u8_check((const uint8_t *)s, len) == NULL;
}

/* Returns whether any character passes `test`. `s` is valid UTF-8, here and below. */
static bool any_char(const char *s, size_t len, char_test *test)
{
    const uint8_t *at = (const uint8_t *)s;
    ucs4_t c;

    for (size_t done = 0; done < len;) {
        done += (size_t)u8_mbtouc_unsafe(&c, at + done, len - done);
        if (test(c))
            return true;
    }
    return false;
}

static bool is_control(ucs4_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029;
}

bool text_has_control(const char *s, size_t len)
{
    return any_char(s, len, is_control);
}

static bool is_ignorable(ucs4_t c)
{
    return uc_is_property_default_ignorable_code_point(c);
}

static bool is_ignorable_but_joiner(ucs4_t c)
{
    return is_ignorable(c) && c != 0x200c && c != 0x200d;
}

bool text_has_ignorable_but_joiners(const char *s, size_t len)
{
    return any_char(s, len, is_ignorable_but_joiner);
}

static bool is_no_part_of_name(ucs4_t c)
{
    static const uint32_t wanted = UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_N;

    if (c < 0x80 && c && strchr(" .-_", (int)c))
        return false;
    return is_ignorable(c) || !uc_is_general_category_withtable(c, wanted);
}

bool text_is_name(const char *s, size_t len)
{
    return text_is_utf8(s, len) && !any_char(s, len, is_no_part_of_name);
}

static bool is_no_part_of_label(ucs4_t c)
{
    static const uint32_t wanted =
        UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_N | UC_CATEGORY_MASK_S;

    if (c < 0x80)
        return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '-' || c == '_' || c == '~');
    return is_ignorable(c) || !uc_is_general_category_withtable(c, wanted);
}

bool text_is_url_label(const char *s, size_t len)
{
    size_t n = 0;

    if (!len)
        return false;
    uint8_t *mapped = u8_normalize(UNINORM_NFKC, (const uint8_t *)s, len, NULL, &n);
    bool is_label = mapped && !any_char((const char *)mapped, n, is_no_part_of_label);

    free(mapped);
    return is_label;
}

/* Converts a counted result, which may be NULL, to a C string. Returns ERR_SYSTEM for NULL. */
static enum err as_string(uint8_t *from_library, size_t len, char **ret_text)
{
    if (!from_library)
        return ERR_SYSTEM;
    *ret_text = xstrndup((const char *)from_library, len);
    free(from_library);
    return ERR_OK;
}

/* Most text is ASCII, which is already in normal form and folds without tables. Some functions of
 * libunistring do not accept empty text. */
static bool is_ascii(const uint8_t *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] >= 0x80)
            return false;
    return true;
}

static enum err normalize(const uint8_t *s, size_t len, char **ret_text)
{
    if (is_ascii(s, len)) {
        *ret_text = xstrndup((const char *)s, len);
        return ERR_OK;
    }
    size_t n = 0;
    uint8_t *nfc = u8_normalize(UNINORM_NFC, s, len, NULL, &n);
    return as_string(nfc, n, ret_text);
}

static bool is_white_space(ucs4_t c)
{
    return uc_is_property_white_space(c);
}

static bool is_blank(ucs4_t c)
{
    return is_white_space(c) || is_ignorable(c);
}

/* Removes the characters at both ends that pass `test`. */
static void trim(const uint8_t **s, size_t *len, char_test *test)
{
    const uint8_t *start = *s, *end = *s + *len;
    ucs4_t c;

    while (start < end) {
        int n = u8_mbtouc_unsafe(&c, start, (size_t)(end - start));
        if (!test(c))
            break;
        start += n;
    }
    while (end > start) {
        const uint8_t *before = u8_prev(&c, end, start);
        if (!before || !test(c))
            break;
        end = before;
    }
    *s = start;
    *len = (size_t)(end - start);
}

static bool is_blank_or_control(ucs4_t c)
{
    return is_white_space(c) || is_control(c);
}

struct slice text_stripped(const char *s, size_t len)
{
    const uint8_t *at = (const uint8_t *)s;

    trim(&at, &len, is_blank_or_control);
    return (struct slice){(const char *)at, len};
}

struct slice text_trimmed(const char *s, size_t len)
{
    const uint8_t *at = (const uint8_t *)s;

    trim(&at, &len, is_blank);
    return (struct slice){(const char *)at, len};
}

static bool is_copyable(const char *s, size_t len)
{
    return text_is_utf8(s, len) && !(len && memchr(s, '\0', len));
}

enum err text_tidy(const char *s, size_t len, char **ret_text)
{
    const uint8_t *at = (const uint8_t *)s;

    if (!is_copyable(s, len))
        return ERR_SYNTAX;
    trim(&at, &len, is_white_space);
    return normalize(at, len, ret_text);
}

static void fold_ascii(char *s)
{
    for (; *s; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s - 'A' + 'a');
}

enum err text_fold(const char *s, size_t len, char **ret_text)
{
    autofree char *tidy = NULL;
    enum err err = text_tidy(s, len, &tidy);

    if (err)
        return err;
    size_t n = strlen(tidy);
    if (is_ascii((const uint8_t *)tidy, n)) {
        fold_ascii(tidy);
        *ret_text = TAKE(tidy);
        return ERR_OK;
    }
    /* No language: with Turkish rules, the key would depend on the client. */
    uint8_t *folded = u8_casefold((const uint8_t *)tidy, n, NULL, UNINORM_NFC, NULL, &n);
    return as_string(folded, n, ret_text);
}

/* The most bytes that u8_uctomb() writes. */
#define CHAR_MAX_BYTES 6

/* Writes the first character of `s` in title case. Returns the number of bytes read. */
static size_t put_titled(const uint8_t *s, size_t len, uint8_t *out, size_t *ret_written)
{
    ucs4_t c;
    int used = u8_mbtouc_unsafe(&c, s, len);
    int n = u8_uctomb(out, uc_totitle(c), CHAR_MAX_BYTES);

    *ret_written = n > 0 ? (size_t)n : 0;
    return (size_t)used;
}

/* `out` holds CHAR_MAX_BYTES per byte of `s`, more than any title needs. */
static size_t put_words(const uint8_t *s, size_t len, uint8_t separator, uint8_t *out)
{
    size_t n = 0, written;
    bool between = true;

    for (size_t done = 0; done < len;) {
        if (s[done] == separator) {
            between = true;
            done++;
        } else if (between) {
            if (n)
                out[n++] = ' ';
            done += put_titled(s + done, len - done, out + n, &written);
            n += written;
            between = false;
        } else {
            out[n++] = s[done++];
        }
    }
    return n;
}

enum err text_title(const char *s, size_t len, char separator, char **ret_text)
{
    if (!is_copyable(s, len))
        return ERR_SYNTAX;
    autofree uint8_t *out = xcalloc(len + 1, CHAR_MAX_BYTES);
    size_t n = put_words((const uint8_t *)s, len, (uint8_t)separator, out);

    return normalize(out, n, ret_text);
}
