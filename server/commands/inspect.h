/* SPDX-License-Identifier: MIT */
/* inspect.h - `emailsd inspect`: the store for people, or as JSON for programs. */
#ifndef COMMANDS_INSPECT_H
#define COMMANDS_INSPECT_H

#include "base/err.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdio.h>

/* Counts, sizes, every batch that is not over, and the last tasks whose outcome is unknown. */
enum err inspect_print(struct store *store, bool as_json, FILE *out);

#endif
