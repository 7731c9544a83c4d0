/* SPDX-License-Identifier: MIT */
/* hash.h - computes SHA-256, and writes bytes as text; the only user of OpenSSL's libcrypto. Any
 * thread. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>

#define HASH_SIZE 32

/* Aborts the process if libcrypto fails. */
void hash_sha256(const void *data, size_t len, unsigned char ret_hash[HASH_SIZE]);

/* Compares in constant time. */
bool hash_equal(const unsigned char a[HASH_SIZE], const unsigned char b[HASH_SIZE]);

/* Writes the first `n` bytes of `hash` as lower-case hex; `text` holds 2 * n + 1 bytes. */
void hash_hex(const unsigned char *hash, size_t n, char *text);

/* Writes `len` bytes as base64 (RFC 4648, 4); `text` holds HASH_BASE64_TEXT(len) bytes. */
#define HASH_BASE64_TEXT(len) (((len) + 2) / 3 * 4 + 1)
void hash_base64(const void *data, size_t len, char *text);

#endif
