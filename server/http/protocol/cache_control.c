/* SPDX-License-Identifier: MIT */
/* cache_control.c - see cache_control.h. */
#include "http/protocol/cache_control.h"

#include "base/slice.h"
#include "http/protocol/field_value.h"

#include <stddef.h>
#include <string.h>

#define SECONDS_MAX 2147483648 /* RFC 9111, 1.2.2: larger values count as this */

/* Reads "=10" or "=\"10\"" at `s`; returns -1 for anything else. */
static int64_t read_seconds(const char *s)
{
    int64_t seconds = 0;

    s += strspn(s, " \t");
    if (*s++ != '=')
        return -1;
    s += strspn(s, " \t\"");
    size_t digits = strspn(s, "0123456789");
    for (size_t i = 0; i < digits; i++) {
        seconds = seconds * 10 + (s[i] - '0');
        if (seconds > SECONDS_MAX)
            seconds = SECONDS_MAX;
    }
    return digits ? seconds : -1;
}

static void read_directive(struct cache_directives *directives, struct slice name)
{
    int64_t seconds = read_seconds(name.data + name.len);

    if (slice_equals_nocase(name, "no-cache"))
        directives->no_cache = true;
    else if (slice_equals_nocase(name, "only-if-cached"))
        directives->only_cached = true;
    else if (slice_equals_nocase(name, "max-age") && seconds >= 0)
        directives->max_age_s = seconds;
    else if (slice_equals_nocase(name, "min-fresh") && seconds >= 0)
        directives->min_fresh_s = seconds;
    else if (slice_equals_nocase(name, "max-stale"))
        directives->max_stale_s = seconds >= 0 ? seconds : INT64_MAX;
    else if (slice_equals_nocase(name, "no-store"))
        directives->no_store = true;
}

void cache_control_read(struct cache_directives *directives, const char *header)
{
    for (const char *s = header ? header : ""; *s;) {
        s += strspn(s, " \t,");
        read_directive(directives, (struct slice){s, strcspn(s, " \t,=")});
        s = field_value_find(s, ',');
    }
}
