/* SPDX-License-Identifier: MIT */
/* hash.c - see hash.h. */
#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

void hash_sha256(const void *data, size_t len, unsigned char ret_hash[HASH_SIZE])
{
    /* Fails only if memory is exhausted or the library is broken: the process cannot continue. */
    if (EVP_Digest(data, len, ret_hash, NULL, EVP_sha256(), NULL) != 1)
        abort();
}

bool hash_equal(const unsigned char a[HASH_SIZE], const unsigned char b[HASH_SIZE])
{
    return CRYPTO_memcmp(a, b, HASH_SIZE) == 0;
}

void hash_hex(const unsigned char *hash, size_t n, char *text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        text[2 * i] = digits[hash[i] >> 4];
        text[2 * i + 1] = digits[hash[i] & 15];
    }
    text[2 * n] = '\0';
}

void hash_base64(const void *data, size_t len, char *text)
{
    EVP_EncodeBlock((unsigned char *)text, data, (int)len);
}
