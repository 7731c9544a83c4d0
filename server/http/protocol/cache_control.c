/* SPDX-License-Identifier: MIT */
/* cache_control.c - see cache_control.h. */
#include "http/protocol/cache_control.h"

#include "base/mem.h"
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

static void read_directive(struct cache_directives *wish, struct slice name)
{
    static const char *const names[] = {"no-cache",  "only-if-cached", "max-age",
                                        "min-fresh", "max-stale",      "no-store"};
    int64_t seconds = read_seconds(name.data + name.len);

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!slice_equals_nocase(name, names[i]))
            continue;
        if (i == 0)
            wish->no_cache = true;
        else if (i == 1)
            wish->only_cached = true;
        else if (i == 2 && seconds >= 0)
            wish->max_age_s = seconds;
        else if (i == 3 && seconds >= 0)
            wish->min_fresh_s = seconds;
        else if (i == 4)
            wish->max_stale_s = seconds >= 0 ? seconds : INT64_MAX;
        else if (i == 5)
            wish->no_store = true;
    }
}

void cache_control_read(struct cache_directives *wish, const char *header)
{
    for (const char *s = header ? header : ""; *s;) {
        s += strspn(s, " \t,");
        read_directive(wish, (struct slice){s, strcspn(s, " \t,=")});
        s = fields_find(s, ',');
    }
}
