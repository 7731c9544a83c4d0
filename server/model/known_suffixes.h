/* SPDX-License-Identifier: MIT */
/* known_suffixes.h - guesses which top-level domain a mistyped one was meant to be. Part of
 * domain.c, separate because it needs none of its libraries. Pure; any thread. */
#ifndef MODEL_KNOWN_SUFFIXES_H
#define MODEL_KNOWN_SUFFIXES_H

/* Returns the well-known top-level domain nearest to `label`, a lower-case label of at most 63
 * bytes; NULL if none is near: more than two edits, or more than one for a label of two. Static. */
const char *known_suffix_near(const char *label);

#endif
