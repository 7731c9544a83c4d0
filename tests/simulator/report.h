/* SPDX-License-Identifier: MIT */
/* report.h - what tests may ask afterwards: the ledger, and numbers by name. Reads only. */
#ifndef SIMULATOR_REPORT_H
#define SIMULATOR_REPORT_H

#include "tests/simulator/sim.h"

/* Every task ever created, in order; of one domain only when `domain` is not NULL. */
void report_ledger(const struct sim *sim, const char *domain, struct buf *out);

struct number {
    const char *name;
    uint64_t value;
};

#define NUMBERS 17

/* The counters that GET /sim/calls shows and GET /sim/wait waits for; fills NUMBERS of them. */
void report_numbers(const struct sim *sim, struct number *numbers);

#endif
