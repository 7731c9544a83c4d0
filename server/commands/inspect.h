/* SPDX-License-Identifier: MIT */
/* inspect.h - `emailsd inspect`: prints the state of the store, as text for operators or as JSON.
 * Main thread. */
#ifndef COMMANDS_INSPECT_H
#define COMMANDS_INSPECT_H

#include "base/err.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdio.h>

/* Prints counts, sizes, every open batch, the latest tasks with an unknown outcome, the latest raw
 * results, and the latest responses to submits that could not be read, with their bytes. Returns
 * the errors of store.h, or ERR_TOO_BIG; nothing was printed then. */
enum err inspect_print(struct store *store, bool as_json, FILE *out);

#endif
