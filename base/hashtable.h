/* SPDX-License-Identifier: MIT */
/* hashtable.h - hash tables: uthash, with a hash function that every compiler here takes, and with
 * memory by the rule of mem.h: uthash by itself ends the process without a word.
 *
 * uthash's default one falls through its switch in a way that clang's -Wimplicit-fallthrough
 * refuses. FNV is not made to resist chosen keys and need not be: what is hashed here are SHA-256
 * digests, numbers and ids that were minted here, or a few hundred ids of a batch. */
#ifndef BASE_HASHTABLE_H
#define BASE_HASHTABLE_H

#define HASH_FUNCTION(key, len, hash) HASH_FNV(key, len, hash)

#include "base/mem.h"

#define uthash_malloc(size) xcalloc(1, size)

#include <uthash.h>

#endif
