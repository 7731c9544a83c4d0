/* SPDX-License-Identifier: MIT */
/* client_key.h - creates API keys for the clients of this server and defines their stored form.
 *
 * A key is 256 random bits, so its plain SHA-256 reveals nothing and needs neither salt nor
 * stretching. Only the hash is stored, in the client keys file. Any thread. */
#ifndef BASE_CLIENT_KEY_H
#define BASE_CLIENT_KEY_H

#include "base/id.h"

#define KEY_PREFIX "esd_" /* identifies a key to operators and to leak scanners */
#define KEY_TEXT   (sizeof(KEY_PREFIX) + 2 * ID_LEN)

#define KEY_HASH_PREFIX "sha256:" /* precedes the hash in the file; lower-case hex follows */

/* A client's name: only these characters, at most KEY_NAME_MAX bytes. */
#define KEY_NAME_MAX   32
#define KEY_NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

/* Writes a new key to `text`, which holds KEY_TEXT bytes. The caller wipes it after use. */
void key_new(char *text);

#endif
