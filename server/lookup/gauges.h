/* SPDX-License-Identifier: MIT */
/* gauges.h - what the engine shows of itself to other threads, once a turn: see base/metrics.h.
 * Engine thread only. */
#ifndef LOOKUP_GAUGES_H
#define LOOKUP_GAUGES_H

#include "lookup/batching/batcher.h"
#include "lookup/lookups.h"
#include "lookup/money/budget.h"
#include "lookup/records/journal.h"

void gauges_publish(const struct lookups *lookups, const struct batches *batches,
                    const struct journal *journal, struct budget *budget);

#endif
