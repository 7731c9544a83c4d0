/* SPDX-License-Identifier: MIT */
/* slice.h - a borrowed range of bytes with a length. A plain value; the owner keeps the bytes
 * alive. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* `data` NULL = absent. */
struct slice {
    const char *data;
    size_t len;
};

/* Inline, so that the length of a literal is known at compile time: every header of every request
 * is compared with several names. */
static inline bool slice_equals(struct slice slice, const char *text)
{
    return slice.len == strlen(text) && memcmp(slice.data, text, slice.len) == 0;
}

/* The same, ignoring the case of ASCII letters. */
static inline bool slice_equals_nocase(struct slice slice, const char *text)
{
    return slice.len == strlen(text) && strncasecmp(slice.data, text, slice.len) == 0;
}

#define SLICE_SECONDS_MAX INT64_C(2147483648) /* RFC 9111, 1.2.2: larger values count as this */

/* Parses a number of seconds: at least one digit, and nothing else. Returns false otherwise. */
bool slice_parse_seconds(struct slice digits, int64_t *ret_seconds);

#endif
