/* SPDX-License-Identifier: MIT */
/* cache_control.c - see cache_control.h. */
#include "http/protocol/cache_control.h"

#include "base/mem.h"
#include "http/protocol/field_value.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

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

static void read_directive(struct cache_directives *directives, const char *s, size_t len)
{
    static const char *const names[] = {"no-cache",  "only-if-cached", "max-age",
                                        "min-fresh", "max-stale",      "no-store"};
    int64_t seconds = read_seconds(s + len);

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strlen(names[i]) != len || strncasecmp(names[i], s, len) != 0)
            continue;
        if (i == 0)
            directives->no_cache = true;
        else if (i == 1)
            directives->only_cached = true;
        else if (i == 2 && seconds >= 0)
            directives->max_age_s = seconds;
        else if (i == 3 && seconds >= 0)
            directives->min_fresh_s = seconds;
        else if (i == 4)
            directives->max_stale_s = seconds >= 0 ? seconds : INT64_MAX;
        else if (i == 5)
            directives->no_store = true;
    }
}

void cache_control_read(struct cache_directives *directives, const char *header)
{
    for (const char *s = header ? header : ""; *s;) {
        s += strspn(s, " \t,");
        read_directive(directives, s, strcspn(s, " \t,="));
        s = fields_find(s, ',');
    }
}
