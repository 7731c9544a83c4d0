/* SPDX-License-Identifier: MIT */
/* json.h - reading JSON from strangers and writing our own; the one door to cJSON.
 *
 * Reading: json_parse() checks what cJSON 1.7.15 does not: size, nesting, NUL written as \u0000 (it
 * would cut strings short), raw NULs, valid UTF-8, and that nothing but white space follows the
 * value. Getters are case-sensitive; of a repeated key the first counts; a wrong type reads as
 * absent. Numbers are doubles, as in cJSON, so integers are exact to 2^53.
 * Writing: straight into a buf, strings escaped, always valid UTF-8 out.
 * Values are borrowed from their document. One document belongs to one thread. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json; /* a value; the one from json_parse() is the document and owns all below it */

#define JSON_MAX_BYTES ((size_t)1 << 20) /* costs at most about 40 MB in cJSON */
#define JSON_MAX_DEPTH 64

/* ERR_TOO_BIG past JSON_MAX_BYTES, ERR_SYNTAX for everything else that is wrong. */
enum err json_parse(const char *text, size_t len, struct json **ret_doc);
void json_free(struct json *doc);

bool json_is_object(const struct json *value);
bool json_is_array(const struct json *value);
bool json_is_null(const struct json *value);

/* The member of an object, NULL when absent or `value` is no object (or NULL). */
const struct json *json_get(const struct json *value, const char *key);

/* Strings are NUL-terminated and hold no NUL. NULL when absent or of another type. */
const char *json_string(const struct json *value);
const char *json_get_string(const struct json *value, const char *key);

/* Only JSON true and false count; `otherwise` when absent or of another type. */
bool json_get_bool(const struct json *value, const char *key, bool otherwise);

/* Fractions are cut, out-of-range numbers clamped to +-2^53; `otherwise` as above. */
int64_t json_get_int(const struct json *value, const char *key, int64_t otherwise);

/* Elements of an array: json_first(array), then json_next(element); NULL at the end, and NULL for
 * what is no array. */
const struct json *json_first(const struct json *array);
const struct json *json_next(const struct json *element);
size_t json_size(const struct json *array);

/* Appends a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD; control
 * characters, quote, backslash, U+007F, U+2028 and U+2029 are escaped. */
enum err json_add_string(struct buf *out, const char *s, size_t len);

/* The same for a C string; NULL appends null. */
enum err json_add_text(struct buf *out, const char *s);

#endif
