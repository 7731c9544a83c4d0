/* SPDX-License-Identifier: MIT */
/* client_key.h - creates API keys for the clients of this server and defines their stored form.
 *
 * A key is 256 random bits, so its plain SHA-256 reveals nothing and needs neither salt nor
 * stretching. Only the hash is stored, in the client keys file. Any thread. */
#ifndef BASE_CLIENT_KEY_H
#define BASE_CLIENT_KEY_H

#include "base/id.h"

#define CLIENT_KEY_PREFIX "esd_" /* identifies a key to operators and to leak scanners */
#define CLIENT_KEY_TEXT   (sizeof(CLIENT_KEY_PREFIX) + 2 * ID_LEN)

#define CLIENT_KEY_HASH_PREFIX "sha256:" /* precedes the hash in the file, in lower-case hex */

/* A client's name: only these characters, at most CLIENT_NAME_MAX bytes. */
#define CLIENT_NAME_MAX   32
#define CLIENT_NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

/* Writes a new key to `text`, which holds CLIENT_KEY_TEXT bytes. The caller wipes it after use. */
void client_key_new(char *text);

#endif
