/* SPDX-License-Identifier: MIT */
/* id.h - identifiers that nobody can guess or meet twice: 128 random bits as 32 hex digits.
 *
 * Used for tracking ids, lookup ids and request ids. Any thread; each thread draws from a pool of
 * its own, filled by getrandom(2). */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdint.h>

#define ID_LEN  32
#define ID_TEXT (ID_LEN + 1)

/* `text` holds ID_TEXT bytes. */
void id_new(char *text);

/* Uniform in [0, 2^32). For jitter. */
uint32_t id_random(void);

#endif
