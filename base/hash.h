/* SPDX-License-Identifier: MIT */
/* hash.h - SHA-256, and the one door to OpenSSL's libcrypto. Any thread. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>

#define HASH_SIZE 32

void hash_sha256(const void *data, size_t len, unsigned char ret_hash[HASH_SIZE]);

/* Compares in the same time whatever the hashes are. */
bool hash_equal(const unsigned char a[HASH_SIZE], const unsigned char b[HASH_SIZE]);

/* Lower-case hex of the first `n` bytes of `hash`; `text` holds 2 * n + 1 bytes. */
void hash_hex(const unsigned char *hash, size_t n, char *text);

#endif
