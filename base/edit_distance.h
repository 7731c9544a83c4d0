/* SPDX-License-Identifier: MIT */
/* edit_distance.h - how far apart two names are, for "did you mean". Pure; any thread. */
#ifndef BASE_EDIT_DISTANCE_H
#define BASE_EDIT_DISTANCE_H

#include "base/slice.h"

#include <stddef.h>

#define EDIT_DISTANCE_MAX 64 /* bytes of the first name */

/* Returns how many edits make `b` of `a`, ignoring ASCII case. An edit inserts, removes or replaces
 * a byte, or swaps two neighbours (optimal string alignment). `a` has at most EDIT_DISTANCE_MAX
 * bytes; the time is the product of both lengths. */
size_t edit_distance(struct slice a, const char *b);

#endif
