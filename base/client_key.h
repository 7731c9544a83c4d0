/* SPDX-License-Identifier: MIT */
/* client_key.h - the keys of this server's own clients: how one is made, and what is kept of it.
 *
 * A key is 256 random bits, so its plain SHA-256 tells nothing of it and needs neither salt nor
 * stretching; only the hash stands in the file of keys. Any thread. */
#ifndef BASE_CLIENT_KEY_H
#define BASE_CLIENT_KEY_H

#include "base/id.h"

#define KEY_PREFIX "esd_" /* lets people and scanners of leaked secrets know what they see */
#define KEY_TEXT   (sizeof(KEY_PREFIX) + 2 * ID_LEN)

#define KEY_HASH_PREFIX "sha256:" /* before the hash in the file, in lower-case hex */

/* What a client may be called; `text` as in "[A-Za-z0-9._-]", at most KEY_NAME_MAX bytes. */
#define KEY_NAME_MAX   32
#define KEY_NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

/* `text` holds KEY_TEXT bytes; the caller wipes it. */
void key_new(char *text);

#endif
