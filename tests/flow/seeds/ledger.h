/* SPDX-License-Identifier: MIT */
/* ledger.h - what the upstream has created. Apart, because the model of the upstream and the engine
 * both have a `struct task`. */
#ifndef SEEDS_LEDGER_H
#define SEEDS_LEDGER_H

#include "tests/flow/fake_upstream.h"

#include <stddef.h>

/* Calls `created` for each task that the upstream creates from now on. */
typedef void ledger_created_fn(const char *tracking_id, const char *domain);
void ledger_watch(struct fake_upstream *upstream, ledger_created_fn *created);

/* What the upstream knows of a task that it has created. Borrowed. */
struct ledger_task {
    const char *domain, *task_id, *batch_id;
    const char *notify_token; /* "" = it was submitted without */
};

/* `i` is less than fake_upstream_ledger(); 0 is the first one. */
struct ledger_task ledger_task(struct fake_upstream *upstream, size_t i);

#endif
