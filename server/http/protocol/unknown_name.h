/* SPDX-License-Identifier: MIT */
/* unknown_name.h - explains to a client that a name is unknown, and which one was probably meant.
 * Pure; any thread. */
#ifndef HTTP_PROTOCOL_UNKNOWN_NAME_H
#define HTTP_PROTOCOL_UNKNOWN_NAME_H

#include "base/errmsg.h"
#include "base/slice.h"

#include <stddef.h>

/* The names that exist. All members are borrowed. */
struct known_names {
    const char *place; /* what contains the unknown name: "the query" */
    const char *kind;  /* what it names: "parameter" */
    const char *const *names;
    size_t n;
};

/* Sets the message: the unknown name, if it is short and plain, and the nearest known one, if one
 * is near. */
void unknown_name_explain(const struct known_names *known, struct slice name,
                          struct errmsg *errmsg);

#endif
