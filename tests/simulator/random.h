/* SPDX-License-Identifier: MIT */
/* random.h - random numbers that can be repeated.
 *
 * For jitter, shuffling and faults by percentage: the same seed gives the same numbers on every
 * machine. The algorithm is splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
 * Generators, 2014). Not for ids, which base/id makes. */
#ifndef SIMULATOR_RANDOM_H
#define SIMULATOR_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state; /* initially the seed */
};

static inline uint64_t random_next(struct random *random)
{
    uint64_t z = (random->state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Returns a number in [0, below), uniform enough for tests; 0 if `below` is 0. */
static inline uint64_t random_below(struct random *random, uint64_t below)
{
    return below ? random_next(random) % below : 0;
}

#endif
