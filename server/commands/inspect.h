/* SPDX-License-Identifier: MIT */
/* inspect.h - `emailsd inspect`: prints the state of the store, as text for operators or as JSON.
 * Main thread. */
#ifndef COMMANDS_INSPECT_H
#define COMMANDS_INSPECT_H

#include "base/err.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdio.h>

/* Prints counts, sizes, every open batch, and the latest tasks with an unknown outcome. Returns the
 * errors of store.h, or ERR_TOO_BIG; nothing was printed then. */
enum err inspect_print(struct store *store, bool as_json, FILE *out);

#endif
