/* SPDX-License-Identifier: MIT */
/* query.c - see query.h. */
#include "http/protocol/query.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NAME_ECHO      32 /* an unknown name is repeated up to this length */
#define SECONDS_DIGITS 9  /* longer values are not plausible */

/* ---- values ---- */

/* Reads "0" or "1"; returns false for anything else. */
static bool read_flag(struct slice value, bool *ret_flag)
{
    if (value.len != 1 || (*value.data != '0' && *value.data != '1'))
        return false;
    *ret_flag = *value.data == '1';
    return true;
}

static bool read_value(enum query_type type, struct slice value, void *member)
{
    switch (type) {
    case QUERY_TEXT:
        *(struct slice *)member = value;
        return true;
    case QUERY_SECONDS:
        return value.len <= SECONDS_DIGITS && slice_parse_seconds(value, member);
    case QUERY_SWITCH:
        if (value.len == 0)
            value = (struct slice){"1", 1};
        return read_flag(value, member);
    case QUERY_FLAG:
        break;
    }
    return read_flag(value, member);
}

/* ---- the nearest known name ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* Returns Levenshtein's distance, ignoring case, row by row. `a` has at most NAME_ECHO bytes. */
static size_t distance(struct slice a, const char *b)
{
    size_t row[NAME_ECHO + 1];

    for (size_t i = 0; i <= a.len; i++)
        row[i] = i;
    for (size_t j = 1; b[j - 1]; j++) {
        size_t diagonal = row[0];
        row[0] = j;
        for (size_t i = 1; i <= a.len; i++) {
            size_t above = row[i];
            size_t change = diagonal + (lower(a.data[i - 1]) != b[j - 1]);
            row[i] = least(above + 1, row[i - 1] + 1, change);
            diagonal = above;
        }
    }
    return row[a.len];
}

static const char *nearest(const struct query *query, struct slice name)
{
    const char *best = NULL;
    size_t best_distance = name.len / 2 + 1; /* a more distant name is no help */

    for (size_t i = 0; i < query->n_parameters; i++) {
        size_t d = distance(name, query->table[i].name);
        if (d < best_distance) {
            best_distance = d;
            best = query->table[i].name;
        }
    }
    return best;
}

static bool is_plain(struct slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] < 0x20 || name.data[i] > 0x7e || name.data[i] == '\'')
            return false;
    return name.len >= 1 && name.len <= NAME_ECHO;
}

static enum err reject_unknown(struct query *query, struct slice name)
{
    const char *hint = is_plain(name) ? nearest(query, name) : NULL;

    if (!is_plain(name))
        errmsg_set(query->errmsg, "the query contains an invalid parameter name");
    else if (hint)
        errmsg_set(query->errmsg, "unknown parameter '%.*s'; did you mean '%s'?", (int)name.len,
                   name.data, hint);
    else
        errmsg_set(query->errmsg, "unknown parameter '%.*s'", (int)name.len, name.data);
    return ERR_UNKNOWN_PARAMETER;
}

/* ---- reading ---- */

enum err query_take(void *arg, struct slice name, struct slice value)
{
    struct query *query = arg;

    if (!value.data)
        value = (struct slice){"", 0};
    for (size_t i = 0; i < query->n_parameters; i++) {
        const struct query_parameter *row = &query->table[i];
        if (!slice_equals(name, row->name))
            continue;
        if (query->given & 1U << i) {
            errmsg_set(query->errmsg, "duplicate parameter '%s'", row->name);
            return ERR_DUPLICATE_PARAMETER;
        }
        query->given |= 1U << i;
        if (read_value(row->type, value, (char *)query->values + row->offset))
            return ERR_OK;
        errmsg_set(query->errmsg, "%s", row->problem);
        return ERR_INVALID_PARAMETER;
    }
    return reject_unknown(query, name);
}
