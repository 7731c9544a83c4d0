/* SPDX-License-Identifier: MIT */
/* openmart_sanitize.h - makes Openmart's text safe to parse, to display and to log. Pure functions;
 * any thread. */
#ifndef CLIENT_OPENMART_OPENMART_SANITIZE_H
#define CLIENT_OPENMART_OPENMART_SANITIZE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "client/openmart/openmart_types.h"

#include <stddef.h>

/* Parses a response; the caller frees *ret_doc with json_free(). Damaged text is repaired first,
 * see below, and integers that a double cannot hold become strings of their digits. Returns
 * ERR_TOO_BIG if the text, as received or as repaired, is longer than JSON_MAX_BYTES; ERR_SYNTAX if
 * it is not JSON. */
enum err openmart_parse_json(const char *body, size_t len, struct json **ret_doc);

/* Appends JSON text with its damage repaired:
 *
 * - Bytes that are not UTF-8 become U+FFFD, one for one, and inside strings also raw control bytes,
 *   \u0000 and unpaired surrogates. A raw TAB, LF or CR inside a string becomes its escape.
 * - NaN, Infinity and -Infinity outside strings, which Python and JavaScript write, become null.
 * - Integers of more than 15 digits, and numbers that cJSON cannot read, become strings.
 * - A list or object below JSON_MAX_DEPTH levels becomes the string U+FFFD, whatever it contains.
 *
 * Valid text without such numbers and such nesting is not changed. Returns ERR_TOO_BIG if `out` is
 * too small. */
enum err openmart_repair(const char *text, size_t len, struct buf *out);

#define OPENMART_DETAIL_MAX  200 /* bytes */
#define OPENMART_DETAIL_TEXT (OPENMART_DETAIL_MAX + 1)

/* Copies the start of `text`, at most OPENMART_DETAIL_MAX bytes, as one line of valid UTF-8: bytes
 * that are not UTF-8 become '?', control characters become spaces, and every occurrence of `key`
 * becomes "***". `ret_detail` holds OPENMART_DETAIL_TEXT bytes. */
void openmart_clean(const char *text, const char *key, char *ret_detail);

/* The same for the first OPENMART_EXCERPT_MAX bytes of a body, which may contain NULs. In addition,
 * the part of every address before its '@' becomes '*', because the log holds no address that was
 * found. `ret_excerpt` holds OPENMART_EXCERPT_TEXT bytes. */
void openmart_clean_body(const char *body, size_t len, const char *key, char *ret_excerpt);

#endif
