/* SPDX-License-Identifier: MIT */
/* text.h - Unicode helpers: validity, normal form, case; the only user of libunistring. All text is
 * UTF-8 with an explicit length. Any thread. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

/* Returns whether `s` is well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, no code
 * point above U+10FFFF. */
bool text_is_utf8(const char *s, size_t len);

/* Returns whether `s` contains a control character: C0, DEL, C1, U+2028 or U+2029. `s` is valid
 * UTF-8. */
bool text_has_control(const char *s, size_t len);

/* Returns whether `s` contains an invisible character (Unicode property
 * Default_Ignorable_Code_Point: soft hyphen, variation selectors, ...) other than the joiners
 * U+200C and U+200D, which change how some scripts are written. `s` is valid UTF-8. */
bool text_has_ignorable_but_joiners(const char *s, size_t len);

/* Returns whether `s` contains only visible letters, marks and numbers of any script, and ASCII
 * spaces, dots, hyphens and underscores. Such text is safe to show to users. `s` may be any
 * bytes. */
bool text_is_name(const char *s, size_t len);

/* Returns whether every reader of a URL takes `s` for one label of its host: visible letters,
 * marks, numbers and symbols, and of ASCII only letters, digits and "-_~" (RFC 3986, 2.3, without
 * the dot). That must hold after NFKC too, because readers map hosts to it: U+FF0F is a slash then.
 * `s` is valid UTF-8. */
bool text_is_url_label(const char *s, size_t len);

/* Returns `s` without the white space (Unicode property) and the control characters (as above) at
 * both ends. `s` is valid UTF-8. */
struct slice text_stripped(const char *s, size_t len);

/* Returns `s` without the white space (Unicode property) and the invisible characters (joiners
 * included) at both ends. `s` is valid UTF-8. */
struct slice text_trimmed(const char *s, size_t len);

/* Trims white space (Unicode property) at both ends, then normalizes to NFC. *ret_text is heap
 * memory, NUL-terminated, owned by the caller; it may be empty. Returns ERR_SYNTAX if `s` is not
 * UTF-8 or contains a NUL, which would cut the copy short; ERR_SYSTEM if memory is exhausted. */
enum err text_tidy(const char *s, size_t len, char **ret_text);

/* The same, then full case folding and NFC again: texts that differ only in case become equal. */
enum err text_fold(const char *s, size_t len, char **ret_text);

/* Converts words divided by `separator` (ASCII) to title case: the first character of each in title
 * case, runs of separators as single spaces, NFC. "blue-bottle" becomes "Blue Bottle". Ownership
 * and errors as above. */
enum err text_title(const char *s, size_t len, char separator, char **ret_text);

#endif
