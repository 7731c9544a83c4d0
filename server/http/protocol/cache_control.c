/* SPDX-License-Identifier: MIT */
/* cache_control.c - see cache_control.h. */
#include "http/protocol/cache_control.h"

#include "base/slice.h"
#include "http/protocol/field_value.h"

#include <string.h>

/* Reads "=10" or "=\"10\"" at `s`; returns -1 for anything else. */
static int64_t read_seconds(const char *s)
{
    int64_t seconds = -1;

    s += strspn(s, " \t");
    if (*s++ != '=')
        return -1;
    s += strspn(s, " \t\"");
    slice_parse_seconds((struct slice){s, strspn(s, "0123456789")}, &seconds);
    return seconds;
}

static void read_directive(struct cache_directives *directives, struct slice name)
{
    if (slice_equals_nocase(name, "only-if-cached")) {
        directives->only_cached = true;
    } else if (slice_equals_nocase(name, "max-stale")) {
        int64_t seconds = read_seconds(name.data + name.len);
        directives->max_stale_s = seconds >= 0 ? seconds : INT64_MAX;
    }
}

void cache_control_read(struct cache_directives *directives, const char *header)
{
    for (const char *s = header ? header : ""; *s;) {
        s += strspn(s, " \t,");
        read_directive(directives, (struct slice){s, strcspn(s, " \t,=")});
        s = field_value_find(s, ',');
    }
}
