/* SPDX-License-Identifier: MIT */
/* answers.h - the vendor's endpoints: which one a call means, and what it says.
 *
 * Shapes are those of the vendor's pages and contract tests: counts nested under `status` in the
 * submit's answer but flat at /status, task ids as a bare array, four keys in a task. Everything
 * that is wrong is {"detail": "..."}; a wrong method is a 404, as it was seen to be. */
#ifndef SIMULATOR_ANSWERS_H
#define SIMULATOR_ANSWERS_H

#include "tests/simulator/sim.h"

/* Sets the call's kind and id from its method and path. */
void answers_route(struct call *call);

/* Writes the reply; for a submit this is what creates the batch. */
void answers_write(struct call *call);

#endif
