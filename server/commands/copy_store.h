/* SPDX-License-Identifier: MIT */
/* copy_store.h - `emailsd copy-store`: copies a store into an empty one. Main thread of a
 * command. */
#ifndef COMMANDS_COPY_STORE_H
#define COMMANDS_COPY_STORE_H

#include "base/err.h"
#include "base/errmsg.h"
#include "store/store.h"

#include <stdio.h>

/* Copies, and prints the number of rows of each kind, all of them compared. Errors as
 * store_copy_all(). */
enum err copy_store_print(const struct store_options *from, const struct store_options *to,
                          FILE *out, struct errmsg *why);

#endif
