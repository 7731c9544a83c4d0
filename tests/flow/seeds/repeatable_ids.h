/* SPDX-License-Identifier: MIT */
/* repeatable_ids.h - see repeatable_ids.c. */
#ifndef SEEDS_REPEATABLE_IDS_H
#define SEEDS_REPEATABLE_IDS_H

#include <stdint.h>

void repeatable_ids_start(uint64_t seed);

#endif
