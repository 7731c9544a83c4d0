/* SPDX-License-Identifier: MIT */
/* text.h - Unicode for the modules above: validity, normal form, case; the one door to
 * libunistring. All text is UTF-8 and given by length. Any thread. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
bool text_is_utf8(const char *s, size_t len);

/* Holds a control character: C0, DEL, C1, or U+2028/U+2029. `s` is valid UTF-8. */
bool text_has_control(const char *s, size_t len);

/* Holds a character that has no shape of its own (Unicode property Default_Ignorable_Code_Point:
 * soft hyphen, joiners, variation selectors, ...). `s` is valid UTF-8. */
bool text_has_ignorable(const char *s, size_t len);

/* Nothing but visible letters, marks and numbers of any script, and ASCII spaces, dots, hyphens and
 * underscores: what names are made of, so it may be repeated to people. `s` may be any bytes. */
bool text_is_name(const char *s, size_t len);

/* White space (Unicode property) trimmed at both ends, then NFC. *ret_text is heap memory,
 * NUL-terminated, the caller's; may be empty. ERR_SYNTAX when `s` is not UTF-8 or holds a NUL,
 * which would cut the copy short; ERR_SYSTEM without memory. */
enum err text_tidy(const char *s, size_t len, char **ret_text);

/* The same, then full case folding and NFC once more: equal for texts that people would call the
 * same. */
enum err text_fold(const char *s, size_t len, char **ret_text);

/* Each word that `separator` (ASCII) divides gets its first character in title case, runs of
 * separators become single spaces: "blue-bottle" -> "Blue Bottle"; NFC. Heap, the caller's. Errors
 * as above. */
enum err text_title(const char *s, size_t len, char separator, char **ret_text);

#endif
