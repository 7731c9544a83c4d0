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

#endif
