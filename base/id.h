/* SPDX-License-Identifier: MIT */
/* id.h - generates unique, unguessable identifiers: 128 random bits as 32 hex digits.
 *
 * Used for tracking ids, lookup ids, request ids, notify tokens and client keys. Any thread; each
 * thread has its own pool of random bytes, filled by getrandom(2). */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

#define ID_LEN  32
#define ID_TEXT (ID_LEN + 1)

/* Writes a new id to `text`, which holds ID_TEXT bytes. Aborts the process if getrandom(2)
 * fails. */
void id_new(char *text);

/* Returns whether `text` has the form of an id: exactly ID_LEN lower-case hex digits. */
bool id_is_well_formed(const char *text);

/* Returns a number uniform in [0, 2^32). For jitter. */
uint32_t id_random(void);

#endif
