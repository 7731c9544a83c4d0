/* SPDX-License-Identifier: MIT */
/* conditional.c - see conditional.h. */
#include "http/protocol/conditional.h"

#include "base/mem.h"
#include "base/slice.h"

#include <string.h>
#include <time.h>

/* ---- entity tags ---- */

static const char *skip_blanks(const char *s)
{
    return s + strspn(s, " \t");
}

static bool is_any(const char *list)
{
    const char *s = skip_blanks(list);

    return *s == '*' && !*skip_blanks(s + 1);
}

/* Takes the next entity tag, with its quotes, from the list. Returns false at the end of the list,
 * and at anything else. */
static bool next_tag(const char **list, struct slice *ret_tag, bool *ret_weak)
{
    const char *s = *list + strspn(*list, " \t,");
    bool weak = strncmp(s, "W/", 2) == 0;

    s += weak ? 2 : 0;
    if (*s != '"')
        return false;
    size_t len = 1 + strcspn(s + 1, "\"");
    if (!s[len++])
        return false;
    const char *end = skip_blanks(s + len);
    if (*end && *end != ',')
        return false;
    *list = end;
    *ret_tag = (struct slice){s, len};
    *ret_weak = weak;
    return true;
}

bool conditional_none_match(const char *if_none_match, const char *etag)
{
    const char *list = if_none_match ? if_none_match : "";
    struct slice tag;
    bool weak;

    if (is_any(list))
        return true;
    while (next_tag(&list, &tag, &weak))
        if (tag.len == strlen(etag) && memcmp(tag.data, etag, tag.len) == 0)
            return true;
    return false;
}

/* Ours all have the same length. */
static void read_tags(const char *list, struct precondition *precondition)
{
    struct slice tag;
    bool weak;

    precondition->has_tags = true;
    precondition->any = is_any(list);
    while (precondition->n_tags < PRECONDITION_TAGS && next_tag(&list, &tag, &weak))
        if (!weak && tag.len == RESULT_ETAG - 1)
            *(char *)mempcpy(precondition->tags[precondition->n_tags++], tag.data, tag.len) = '\0';
}

/* ---- dates ---- */

/* Reads a date in one of the three forms of RFC 9110, 5.6.7; the locale is "C". Returns false for
 * anything else. */
static bool read_date(const char *text, int64_t *ret_wall_ms)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %e %H:%M:%S %Y"};

    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);
        if (end && !*skip_blanks(end)) {
            *ret_wall_ms = (int64_t)timegm(&tm) * 1000;
            return true;
        }
    }
    return false;
}

void conditional_read(const char *if_match, const char *if_unmodified_since,
                      struct precondition *ret_precondition)
{
    struct precondition precondition = {0};

    if (if_match)
        read_tags(if_match, &precondition);
    precondition.has_time =
        if_unmodified_since && read_date(if_unmodified_since, &precondition.unmodified_since_ms);
    *ret_precondition = precondition;
}
