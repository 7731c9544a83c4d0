/* SPDX-License-Identifier: MIT */
/* list_type.c - finds the type of a list by its Content-Type (RFC 9110, 8.3). */
#include "base/mem.h"
#include "http/protocol/field_value.h"
#include "http/protocol/list_parser.h"

#include <string.h>

static const struct {
    const char *name;
    enum list_type type;
} types[] = {
    {"text/plain", LIST_TEXT},
    {"application/json", LIST_JSON},
    {"application/x-ndjson", LIST_NDJSON},
    {"application/ndjson", LIST_NDJSON},
    {"application/jsonl", LIST_NDJSON},
    {"text/csv", LIST_CSV},
};

const char list_accept_post[] = "text/plain, application/json, application/x-ndjson, "
                                "application/ndjson, application/jsonl, text/csv";

/* curl sends the first one with -d, which also removes line ends: two domains become one name. */
static bool is_form(struct slice name)
{
    return slice_equals_nocase(name, "application/x-www-form-urlencoded") ||
           slice_equals_nocase(name, "multipart/form-data");
}

static enum err reject_type(struct slice name, struct errmsg *why)
{
    if (is_form(name))
        errmsg_set(why, "a form is not a list; with curl, use --data-binary (not -d or -F) and "
                        "-H 'Content-Type: text/plain'");
    else
        errmsg_set(why,
                   "%s Content-Type; send text/plain (one domain per line), application/json, "
                   "application/x-ndjson or text/csv",
                   name.len ? "unsupported" : "missing");
    return ERR_UNSUPPORTED_MEDIA_TYPE;
}

/* Returns whether the parameter that begins at `s` permits UTF-8. */
static bool permits_utf8(const char *s)
{
    static const char name[] = "charset=", utf8[] = "utf-8";

    if (strncasecmp(s, name, sizeof name - 1) != 0)
        return true;
    s += sizeof name - 1;
    bool is_quoted = *s == '"';
    s += is_quoted;
    if (strncasecmp(s, utf8, sizeof utf8 - 1) != 0)
        return false;
    s += sizeof utf8 - 1;
    return is_quoted ? *s == '"' : !*s || strchr(" \t;", *s);
}

enum err list_type_read(const char *content_type, enum list_type *ret_type, struct errmsg *why)
{
    const char *s = content_type ? content_type + strspn(content_type, " \t") : "";
    const struct slice name = {s, strcspn(s, " \t;,")};
    size_t row = 0;

    while (row < ARRAY_LEN(types) && !slice_equals_nocase(name, types[row].name))
        row++;
    s += name.len;
    s += strspn(s, " \t");
    if (row == ARRAY_LEN(types) || (*s && *s != ';'))
        return reject_type(name, why);
    for (; *s; s = field_value_find(s, ';')) {
        if (*s == ',')
            return reject_type(name, why);
        s += 1 + strspn(s + 1, " \t");
        if (!permits_utf8(s)) {
            errmsg_set(why, "unsupported charset; send the list as UTF-8");
            return ERR_UNSUPPORTED_MEDIA_TYPE;
        }
    }
    *ret_type = types[row].type;
    return ERR_OK;
}
