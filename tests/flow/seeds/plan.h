/* SPDX-License-Identifier: MIT */
/* plan.h - runs one seed: a random plan of requests, faults of the upstream and the store,
 * deletions, pauses, stops and kills, under the eyes of the oracle. */
#ifndef SEEDS_PLAN_H
#define SEEDS_PLAN_H

#include <stdint.h>

/* Runs the seed with a flow of its own. Fails the test if the oracle finds something. The flow
 * remains until the next one, and has to be ended after the last. Returns the hash of its trace. */
uint64_t plan_run(uint64_t seed);

#endif
