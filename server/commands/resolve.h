/* SPDX-License-Identifier: MIT */
/* resolve.h - `emailsd resolve`: records what the operator has found out about a lookup whose
 * outcome is unknown. Main thread of a command. */
#ifndef COMMANDS_RESOLVE_H
#define COMMANDS_RESOLVE_H

#include "base/errmsg.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdio.h>

/* One of `batch_id` and `not_taken` must be given. */
struct resolution {
    const char *tracking_id;
    const char *batch_id; /* the upstream's; NULL = not given */
    bool not_taken;
};

enum resolve_end {
    RESOLVE_DONE,
    RESOLVE_REJECTED, /* nothing was resolved; `why` says why not */
    RESOLVE_USAGE,    /* the same, because of a wrong argument */
};

/* Proposes the id for the batch of the lookup, or frees its question and refunds its credit. A
 * running daemon learns of it within a second. It confirms or rejects an id, which takes up to
 * half a minute; after a minute, or if no daemon runs, the proposal stays in the store. Prints what
 * was done. */
enum resolve_end resolve_print(struct store *store, const struct resolution *resolution, FILE *out,
                               struct errmsg *why);

#endif
