/* SPDX-License-Identifier: MIT */
/* prefer.c - parses one preference after the other; invalid ones are ignored. */
#include "http/protocol/prefer.h"

#include "base/slice.h"
#include "http/protocol/field_value.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define WAIT_DIGITS 6 /* longer values are not plausible */

/* Returns whether `s` begins with the whole token `name`. *ret_rest is then what follows it. */
static bool is_token(const char *s, const char *name, const char **ret_rest)
{
    size_t len = strlen(name);

    if (strncasecmp(s, name, len) != 0 || !strchr(" \t,;=", s[len]))
        return false;
    *ret_rest = s + len + strspn(s + len, " \t");
    return true;
}

/* Reads "= 10" or "= \"10\"" up to the end of the preference; returns false for anything else. */
static bool read_seconds(const char *s, int64_t *ret_seconds)
{
    int64_t seconds;

    if (*s++ != '=')
        return false;
    s += strspn(s, " \t");
    bool quoted = *s == '"';
    s += quoted;
    const struct slice digits = {s, strspn(s, "0123456789")};
    if (digits.len > WAIT_DIGITS || !slice_parse_seconds(digits, &seconds) ||
        (quoted && s[digits.len] != '"'))
        return false;
    s += digits.len + quoted;
    s += strspn(s, " \t");
    if (*s && !strchr(",;", *s))
        return false;
    *ret_seconds = seconds;
    return true;
}

struct prefer prefer_read(const char *header)
{
    struct prefer prefer = {0};
    const char *rest;

    for (const char *s = header ? header : ""; *s;) {
        s += strspn(s, " \t,");
        if (is_token(s, "respond-async", &rest) && *rest != '=')
            prefer.respond_async = true;
        else if (!prefer.has_wait && is_token(s, "wait", &rest))
            prefer.has_wait = read_seconds(rest, &prefer.wait_s);
        s = field_value_find(s, ',');
    }
    return prefer;
}
