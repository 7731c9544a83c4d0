/* SPDX-License-Identifier: MIT */
/* control.h - what tests say to the simulator, under /sim/. No key is asked for. The interface is
 * described in README.md beside this file. */
#ifndef SIMULATOR_CONTROL_H
#define SIMULATOR_CONTROL_H

#include "tests/simulator/sim.h"

/* Whether this path is ours rather than the vendor's. */
bool control_owns(const char *path);

/* Handles a whole request; leaves the call READY or, for /sim/wait, perhaps ASLEEP. */
void control_call(struct call *call);

/* Wakes those in /sim/wait whose numbers have come. Once per turn of the loop. */
void control_recheck(struct sim *sim);

#endif
