/* SPDX-License-Identifier: MIT */
/* query.c - see query.h. */
#include "http/protocol/query.h"

#include "base/edit_distance.h"

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

static const char *nearest(const struct query *query, struct slice name)
{
    const char *best = NULL;
    size_t best_distance = name.len / 2 + 1; /* a more distant name is no help */

    for (size_t i = 0; i < query->n_parameters; i++) {
        size_t d = edit_distance(name, query->table[i].name);
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
