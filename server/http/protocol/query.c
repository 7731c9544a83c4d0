/* SPDX-License-Identifier: MIT */
/* query.c - see query.h. */
#include "http/protocol/query.h"

#include "http/protocol/negotiate.h"
#include "http/protocol/unknown_name.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NUMBER_DIGITS 9 /* longer values are not plausible */

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
    case QUERY_NUMBER:
        return value.len <= NUMBER_DIGITS && slice_parse_seconds(value, member);
    case QUERY_SWITCH:
        if (value.len == 0)
            value = (struct slice){"1", 1};
        return read_flag(value, member);
    case QUERY_FORMAT:
        return format_read(value, member);
    case QUERY_FLAG:
        break;
    }
    return read_flag(value, member);
}

/* ---- unknown names ---- */

static enum err reject_unknown(const struct query *query, struct slice name)
{
    const char *names[QUERY_PARAMETERS_MAX];

    for (size_t i = 0; i < query->n_parameters; i++)
        names[i] = query->table[i].name;
    unknown_name_explain(
        &(struct known_names){"the query", "parameter", names, query->n_parameters}, name,
        query->errmsg);
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
