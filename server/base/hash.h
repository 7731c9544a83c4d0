/* SPDX-License-Identifier: MIT */
/* hash.h - SHA-256, the one door to OpenSSL's libcrypto. Any thread. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>

#define HASH_SIZE 32

void hash_sha256(const void *data, size_t len, unsigned char ret_hash[HASH_SIZE]);

/* Lower-case hex of the first `n` bytes of `hash`; `text` holds 2 * n + 1 bytes. */
void hash_hex(const unsigned char *hash, size_t n, char *text);

#endif
