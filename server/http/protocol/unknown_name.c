/* SPDX-License-Identifier: MIT */
/* unknown_name.c - see unknown_name.h. */
#include "http/protocol/unknown_name.h"

#include "base/edit_distance.h"

#include <stdbool.h>

#define NAME_ECHO 32 /* an unknown name is repeated up to this length */

static const char *nearest(const struct known_names *known, struct slice name)
{
    const char *best = NULL;
    size_t best_distance = name.len / 2 + 1; /* a more distant name is no help */

    for (size_t i = 0; i < known->n; i++) {
        size_t d = edit_distance(name, known->names[i]);
        if (d < best_distance) {
            best_distance = d;
            best = known->names[i];
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

void unknown_name_explain(const struct known_names *known, struct slice name, struct errmsg *errmsg)
{
    const char *hint = is_plain(name) ? nearest(known, name) : NULL;

    if (!is_plain(name))
        errmsg_set(errmsg, "%s contains an invalid %s name", known->place, known->kind);
    else if (hint)
        errmsg_set(errmsg, "unknown %s '%.*s'; did you mean '%s'?", known->kind, (int)name.len,
                   name.data, hint);
    else
        errmsg_set(errmsg, "unknown %s '%.*s'", known->kind, (int)name.len, name.data);
}
