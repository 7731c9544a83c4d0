/* SPDX-License-Identifier: MIT */
/* json.h - parses untrusted JSON and writes JSON; the only user of cJSON.
 *
 * Parsing: json_parse() also checks what cJSON 1.7.15 does not: size, nesting, \u0000 (which would
 * cut strings short), raw NULs, valid UTF-8, and that only white space follows the value. Getters
 * are case-sensitive. Of a repeated key, the first counts. A value of the wrong type counts as
 * absent. Numbers are doubles, as in cJSON, so integers are exact up to 2^53.
 *
 * Writing: directly into a buf, with strings escaped; the output is always valid UTF-8.
 *
 * Values are borrowed from their document. One document belongs to one thread. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json; /* a value; the one from json_parse() is the document and owns all values in it */

#define JSON_MAX_BYTES ((size_t)1 << 20) /* costs at most about 40 MB in cJSON */
#define JSON_MAX_DEPTH 64

/* Parses `len` bytes; the caller frees *ret_doc with json_free(). Returns ERR_TOO_BIG if the text
 * is longer than JSON_MAX_BYTES, ERR_SYNTAX for every other fault. */
enum err json_parse(const char *text, size_t len, struct json **ret_doc);
/* Frees a document and all its values. NULL is a no-op. */
void json_free(struct json *doc);

/* Return whether `value` is of that type; false for NULL. */
bool json_is_object(const struct json *value);
bool json_is_array(const struct json *value);
bool json_is_null(const struct json *value);

/* Returns the member of an object; NULL if it is absent or `value` is not an object (or NULL). */
const struct json *json_get(const struct json *value, const char *key);

/* Return a NUL-terminated string without other NULs; NULL if absent or of another type. */
const char *json_string(const struct json *value);
const char *json_get_string(const struct json *value, const char *key);

/* Returns the value of JSON true or false; `otherwise` if absent or of another type. */
bool json_get_bool(const struct json *value, const char *key, bool otherwise);

/* Returns an integer; fractions are truncated and numbers are clamped to +-2^53. Returns
 * `otherwise` if absent or of another type. */
int64_t json_get_int(const struct json *value, const char *key, int64_t otherwise);

/* Returns whether `value` is a number without a fraction, within +-2^53; then *ret_n is that
 * number. */
bool json_integer(const struct json *value, int64_t *ret_n);

/* Iterate over an array: json_first(array), then json_next(element), NULL at the end; json_size()
 * counts. If `array` is not an array, they return NULL and 0. */
const struct json *json_first(const struct json *array);
const struct json *json_next(const struct json *element);
size_t json_size(const struct json *array);

/* Iterate over the members of an object, in their order: json_first_member(object), then
 * json_next(member). Return NULL if `object` is not an object, and the name of a member. */
const struct json *json_first_member(const struct json *object);
const char *json_member_name(const struct json *member);

/* Appends a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD; control
 * characters, quote, backslash, U+007F, U+2028 and U+2029 are escaped. Returns ERR_TOO_BIG if `out`
 * overflowed. */
enum err json_add_string(struct buf *out, const char *s, size_t len);

/* The same for a C string; NULL appends null. */
enum err json_add_text(struct buf *out, const char *s);

#endif
